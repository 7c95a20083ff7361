// Sidecar: its listeners, and the hosts it may reach.
// https://istio.io/latest/docs/reference/config/networking/sidecar/
import type {
  IstioEgressListener,
  IstioIngressListener,
  KindMap,
  SidecarPort,
  SidecarSpec,
} from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { conflict, doubtful, duplicate, invalid, missing, unsupported } from '../draft.ts';
import { checkConnectionPool } from './traffic-policy/connection-pool.ts';
import { checkDestination } from './routing/destination.ts';
import { checkServerTls } from './server-tls.ts';
import {
  dnsNameFault,
  hasPartialWildcard,
  isAddress,
  isDnsLabel,
  socketPathFault,
  unixPrefix,
  wildcardNameFault,
} from './syntax/host.ts';
import { checkSelector } from './syntax/labels.ts';
import { isHttp, isProtocol, isTls, protocolNames } from './syntax/protocol.ts';

export function* sidecar({ spec, metadata }: KindMap['Sidecar']): Drafts {
  const { ingress = [], egress = [] } = spec;
  if (spec.workloadSelector) yield* checkSelector(spec.workloadSelector.labels, ['spec', 'workloadSelector', 'labels']);
  if (ingress.length + egress.length === 0 && !spec.outboundTrafficPolicy && !spec.inboundConnectionPool)
    yield missing(['spec'], 'an empty Sidecar changes nothing: set ingress, egress or a policy');
  yield* checkUnique(ingress, 'ingress');
  for (const [index, listener] of ingress.entries()) yield* checkIngress(listener, ['spec', 'ingress', index]);
  yield* checkConnectionPool(spec.inboundConnectionPool, ['spec', 'inboundConnectionPool']);
  yield* checkUnique(egress, 'egress');
  for (const [index, listener] of egress.entries()) {
    if (!listener.port && index < egress.length - 1)
      yield invalid(['spec', 'egress', index], 'the listener without a port is for all the rest: it must be the last');
    yield* checkEgress(listener, ['spec', 'egress', index], metadata.namespace);
  }
  yield* checkOutboundPolicy(spec.outboundTrafficPolicy, ['spec', 'outboundTrafficPolicy']);
}

type Listener = Pick<IstioEgressListener, 'port' | 'bind'>;

/** Ports are unique; listeners on Unix domain sockets have none, and unique paths. */
function* checkUnique(listeners: readonly Listener[], direction: string): Drafts {
  const seen = new Set<number | string>();
  for (const [index, { port, bind = '' }] of listeners.entries()) {
    if (!port) continue;
    const key = port.number || bind;
    if (seen.has(key)) yield duplicate(['spec', direction, index], `there is another listener on ${key}`);
    seen.add(key);
  }
}

function* checkIngress(listener: IstioIngressListener, path: FieldPath): Drafts {
  const { port, bind = '', defaultEndpoint = '', tls, connectionPool } = listener;
  yield* checkPort(port, [...path, 'port']);
  if (!port.number) yield invalid([...path, 'port', 'number'], 'an ingress listener needs a port number');
  if (bind !== '' && !isAddress(bind)) yield invalid([...path, 'bind'], `"${bind}" is not an IP address`);
  if (defaultEndpoint !== '') yield* checkDefaultEndpoint(defaultEndpoint, [...path, 'defaultEndpoint']);
  if (tls) yield* checkIngressTls(listener, [...path, 'tls']);
  yield* checkConnectionPool(connectionPool, [...path, 'connectionPool']);
  if (connectionPool?.http && !isHttp(port.protocol ?? ''))
    yield doubtful([...path, 'connectionPool', 'http'], 'the port is not HTTP: only tcp settings apply');
}

function* checkPort({ name = '', protocol = '', targetPort }: SidecarPort, path: FieldPath): Drafts {
  if (name !== '' && !isDnsLabel(name)) yield invalid([...path, 'name'], `"${name}" is not a port name`);
  if (protocol !== '' && !isProtocol(protocol))
    yield invalid([...path, 'protocol'], `"${protocol}" is none of ${protocolNames}`);
  if (targetPort) yield unsupported([...path, 'targetPort'], 'targetPort has no effect in a Sidecar');
}

const localHosts = new Set(['', '127.0.0.1', '0.0.0.0', '[::1]', '[::]']);

function* checkDefaultEndpoint(endpoint: string, path: FieldPath): Drafts {
  if (endpoint.startsWith(unixPrefix)) {
    const fault = socketPathFault(endpoint.slice(unixPrefix.length));
    if (fault !== undefined) yield invalid(path, fault);
    return;
  }
  const colon = endpoint.lastIndexOf(':');
  const port = Number(endpoint.slice(colon + 1));
  const valid = colon >= 0 && localHosts.has(endpoint.slice(0, colon)) && Number.isInteger(port);
  if (!valid || port < 1 || port > 65535)
    yield invalid(
      path,
      `"${endpoint}" is none of 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT, :PORT, unix://PATH`,
    );
}

function* checkIngressTls({ tls = {}, port }: IstioIngressListener, path: FieldPath): Drafts {
  const fields = ['subjectAltNames', 'httpsRedirect', 'credentialName', 'credentialNames', 'tlsCertificates'] as const;
  for (const field of fields) {
    const value = tls[field];
    if (Array.isArray(value) ? value.length > 0 : value)
      yield unsupported([...path, field], `a Sidecar does not take ${field}`);
  }
  if (tls.mode === 'ISTIO_MUTUAL' || tls.mode === 'AUTO_PASSTHROUGH')
    yield unsupported([...path, 'mode'], `a Sidecar does not take mode ${tls.mode}`);
  if (!isTls(port.protocol ?? '')) yield conflict(path, 'TLS settings need a port of protocol HTTPS or TLS');
  yield* checkServerTls(tls, path);
}

function* checkEgress(listener: IstioEgressListener, path: FieldPath, namespace: string): Drafts {
  const { port, bind = '', captureMode = 'DEFAULT', hosts } = listener;
  if (port) yield* checkPort(port, [...path, 'port']);
  if (port && !port.number) {
    const fault = bind.startsWith(unixPrefix)
      ? socketPathFault(bind.slice(unixPrefix.length))
      : 'a listener without a port number must bind to unix://PATH';
    if (fault !== undefined) yield invalid([...path, 'bind'], fault);
    if (captureMode === 'IPTABLES')
      yield conflict([...path, 'captureMode'], 'nothing can be captured for a Unix domain socket');
  } else if (port && bind !== '' && !isAddress(bind)) {
    yield invalid([...path, 'bind'], `"${bind}" is not an IP address`);
  }
  if (hosts.length === 0) yield missing([...path, 'hosts'], 'an egress listener needs at least one host');
  for (const [index, host] of hosts.entries()) yield* checkEgressHost(host, [...path, 'hosts', index]);
  yield* checkDuplicateHosts(hosts, [...path, 'hosts'], namespace);
}

/** `namespace/name`: the namespace may be `*`, `.` or `~NAMESPACE`; the name may be a wildcard. */
function* checkEgressHost(host: string, path: FieldPath): Drafts {
  const slash = host.indexOf('/');
  if (slash < 0) return yield invalid(path, `"${host}" is not of the form namespace/name, such as */* or ./*`);
  const [namespace, name] = [host.slice(0, slash), host.slice(slash + 1)];
  const plain = namespace.replace(/^~/, '');
  if (namespace === '' || (plain !== '' && plain !== '*' && plain !== '.' && !isDnsLabel(plain)))
    yield invalid(path, `"${namespace}" is neither a namespace nor "*" nor "."`);
  const fault = wildcardNameFault(name);
  if (fault !== undefined) yield invalid(path, fault);
  else if (name !== '*' && !name.includes('.')) yield invalid(path, `"${name}" must be a full host name`);
  else if (hasPartialWildcard(name)) yield invalid(path, `"${name}": a wildcard must be a whole label`);
}

function* checkDuplicateHosts(hosts: readonly string[], path: FieldPath, own: string): Drafts {
  const seen = new Map<string, Set<string>>();
  for (const [index, host] of hosts.entries()) {
    const slash = host.indexOf('/');
    if (slash < 0 || host.startsWith('~')) continue;
    const namespace = slash === 1 && host.startsWith('.') ? own : host.slice(0, slash);
    const name = host.slice(slash + 1);
    const names = seen.get(namespace) ?? new Set<string>();
    if (names.has(name) || names.has('*') || (name === '*' && names.size > 0))
      yield doubtful([...path, index], `"${host}" overlaps with another host of the list`);
    seen.set(namespace, names.add(name));
  }
  if (seen.get('*')?.has('*') && seen.size > 1)
    yield doubtful(path, '*/* selects everything: the other hosts add nothing');
}

function* checkOutboundPolicy(policy: SidecarSpec['outboundTrafficPolicy'], path: FieldPath): Drafts {
  const proxy = policy?.egressProxy;
  if (!proxy) return;
  const at = [...path, 'egressProxy'];
  if (policy.mode !== 'ALLOW_ANY') yield conflict(at, 'an egressProxy needs mode ALLOW_ANY');
  const fault = dnsNameFault(proxy.host);
  if (fault !== undefined) yield invalid([...at, 'host'], fault);
  if (!proxy.port) yield missing([...at, 'port'], 'the port of the egressProxy is required');
  yield* checkDestination(proxy, at);
}
