// Gateway: servers, their ports, hosts and TLS.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import type { KindMap, Server } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { conflict, doubtful, duplicate, invalid, missing, unsupported } from '../draft.ts';
import { checkServerTls } from './server-tls.ts';
import {
  hasPartialWildcard,
  isAddress,
  isDnsLabel,
  socketPathFault,
  unixPrefix,
  wildcardNameFault,
} from './syntax/host.ts';
import { isHttp, isProtocol, isTls, protocolNames } from './syntax/protocol.ts';

export function* gateway({ spec, metadata }: KindMap['Gateway']): Drafts {
  if (!isDnsLabel(metadata.name))
    yield invalid(['metadata', 'name'], `"${metadata.name}" is not a name for a Gateway: no dots`);
  const { servers = [] } = spec;
  if (servers.length === 0) yield missing(['spec', 'servers'], 'a Gateway needs at least one server');
  const names = new Set<string>();
  for (const [index, server] of servers.entries()) {
    const path = ['spec', 'servers', index];
    const { name, protocol } = server.port;
    if (names.has(name)) yield duplicate([...path, 'port', 'name'], `there is another port "${name}"`);
    names.add(name);
    if (server.tls?.httpsRedirect && !isHttp(protocol))
      yield doubtful([...path, 'tls', 'httpsRedirect'], 'only HTTP servers can redirect to HTTPS');
    yield* checkServer(server, path);
  }
}

function* checkServer({ hosts, port, bind = '', tls }: Server, path: FieldPath): Drafts {
  if (hosts.length === 0) yield missing([...path, 'hosts'], 'a server needs at least one host');
  for (const [index, host] of hosts.entries()) yield* checkHost(host, [...path, 'hosts', index]);
  if (port.name === '') yield missing([...path, 'port', 'name'], 'a port needs a name');
  if (port.targetPort) yield unsupported([...path, 'port', 'targetPort'], 'targetPort has no effect in a Gateway');
  if (!isProtocol(port.protocol))
    yield invalid([...path, 'port', 'protocol'], `"${port.protocol}" is none of ${protocolNames}`);
  else yield* checkTlsFits(port.protocol, tls, [...path, 'tls']);
  const onSocket = bind.startsWith(unixPrefix);
  if (onSocket && port.number !== 0) yield conflict([...path, 'port', 'number'], 'a Unix domain socket has port 0');
  if (!onSocket && port.number === 0) yield invalid([...path, 'port', 'number'], '0 is not a port: 1 to 65535');
  const fault = bindFault(bind);
  if (fault !== undefined) yield invalid([...path, 'bind'], fault);
  if (tls) yield* checkServerTls(tls, [...path, 'tls']);
}

function* checkTlsFits(protocol: string, tls: Server['tls'], path: FieldPath): Drafts {
  if (isTls(protocol)) {
    if (!tls) yield missing(path, `a server of protocol ${protocol} needs tls settings`);
  } else if (tls && !isHttp(protocol)) {
    yield conflict(path, `a server of protocol ${protocol} takes no tls settings`);
  } else if (tls) {
    // Plain HTTP has TLS settings only to redirect to HTTPS.
    const plain = (tls.mode ?? 'PASSTHROUGH') === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH';
    if (!plain || tls.caCertificates || tls.privateKey || tls.serverCertificate)
      yield conflict(path, 'a server of protocol HTTP takes no tls settings but httpsRedirect');
  }
}

/** A host name, `*`, an address, each possibly after `namespace/`. */
function* checkHost(host: string, path: FieldPath): Drafts {
  const slash = host.indexOf('/');
  const name = host.slice(slash + 1);
  const namespace = slash < 0 ? '*' : host.slice(0, slash);
  if (namespace !== '*' && namespace !== '.' && !isDnsLabel(namespace))
    yield invalid(path, `"${namespace}" is neither a namespace nor "*" nor "."`);
  const fault = isAddress(name) ? undefined : wildcardNameFault(name);
  if (fault !== undefined) yield invalid(path, fault);
  else if (name !== '*' && !/[.:]/.test(name)) yield invalid(path, `"${name}" must be a full host name`);
  else if (hasPartialWildcard(name)) yield invalid(path, `"${name}": a wildcard must be a whole label`);
}

function bindFault(bind: string): string | undefined {
  if (bind.startsWith(unixPrefix)) return socketPathFault(bind.slice(unixPrefix.length));
  return bind === '' || isAddress(bind) ? undefined : `"${bind}" is not an IP address`;
}
