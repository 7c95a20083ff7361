// ServiceEntry, WorkloadEntry and WorkloadGroup.
// https://istio.io/latest/docs/reference/config/networking/service-entry/
import type { KindMap, ServiceEntrySpec, WorkloadEntrySpec } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { conflict, doubtful, duplicate, invalid, missing } from '../draft.ts';
import { atMostOne, checkExportTo } from './common.ts';
import {
  dnsNameFault,
  hasPartialWildcard,
  isAddress,
  isDnsLabel,
  isWildcard,
  socketPathFault,
  subnetFault,
  unixPrefix,
  wildcardNameFault,
} from './syntax/host.ts';
import { checkLabels, checkSelector } from './syntax/labels.ts';
import { isHttp, isProtocol, isTls, protocolNames } from './syntax/protocol.ts';

export function* serviceEntry({ spec, metadata }: KindMap['ServiceEntry']): Drafts {
  yield* atMostOne(spec, ['spec'], ['workloadSelector', 'endpoints']);
  if (spec.workloadSelector) yield* checkSelector(spec.workloadSelector.labels, ['spec', 'workloadSelector', 'labels']);
  yield* checkHosts(spec);
  yield* checkAddresses(spec);
  yield* checkPorts(spec);
  yield* resolutionChecks[spec.resolution ?? 'NONE'](spec);
  for (const [index, endpoint] of (spec.endpoints ?? []).entries())
    yield* checkEndpoint(endpoint, ['spec', 'endpoints', index], spec);
  yield* checkSharedPorts(spec);
  const usesWaypoint = !['', 'none'].includes((metadata.labels['istio.io/use-waypoint'] ?? '').toLowerCase());
  if (spec.resolution === 'DYNAMIC_DNS' && spec.location === 'MESH_INTERNAL' && usesWaypoint)
    yield conflict(['spec', 'location'], 'DYNAMIC_DNS behind a waypoint is for MESH_EXTERNAL only');
  yield* checkExportTo(spec.exportTo, metadata.namespace, ['spec', 'exportTo'], { nobody: true });
}

export function* workloadEntry({ spec }: KindMap['WorkloadEntry']): Drafts {
  if (!spec.address && !spec.network) yield missing(['spec', 'address'], 'address or network is required');
  else if (!spec.address)
    yield doubtful(['spec', 'address'], `without an address it stands for the gateways of network ${spec.network}`);
  yield* checkWorkload(spec, ['spec'], true);
}

export function* workloadGroup({ spec }: KindMap['WorkloadGroup']): Drafts {
  yield* checkLabels(spec.metadata?.labels, ['spec', 'metadata', 'labels']);
  const methods = ['httpGet', 'tcpSocket', 'exec', 'grpc'];
  if (!spec.probe) return;
  yield* atMostOne(spec.probe, ['spec', 'probe'], methods);
  if (!methods.some((method) => method in (spec.probe ?? {})))
    yield missing(['spec', 'probe'], `one of ${methods.join(', ')} is required`);
  if (spec.probe.exec?.command.length === 0)
    yield missing(['spec', 'probe', 'exec', 'command'], 'the command is required');
}

function* checkHosts({ hosts, resolution }: ServiceEntrySpec): Drafts {
  for (const [index, host] of hosts.entries()) {
    const fault = host === '*' ? 'a host must not be "*"' : wildcardNameFault(host);
    if (fault !== undefined) yield invalid(['spec', 'hosts', index], fault);
    else if (resolution !== 'DYNAMIC_DNS' && hasPartialWildcard(host))
      yield doubtful(['spec', 'hosts', index], `"${host}": a wildcard must be a whole label to match anything`);
  }
}

function* checkAddresses({ addresses = [], resolution = 'NONE' }: ServiceEntrySpec): Drafts {
  for (const [index, address] of addresses.entries()) {
    const fault = subnetFault(address);
    if (fault !== undefined) yield invalid(['spec', 'addresses', index], fault);
    if (address.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC')
      yield conflict(['spec', 'addresses', index], `a block of addresses needs resolution NONE or STATIC`);
  }
}

function* checkPorts({ ports = [] }: ServiceEntrySpec): Drafts {
  const names = new Set<string>();
  const numbers = new Set<number>();
  for (const [index, { name, number, protocol = '' }] of ports.entries()) {
    const path = ['spec', 'ports', index];
    if (names.has(name)) yield duplicate([...path, 'name'], `there is another port "${name}"`);
    if (numbers.has(number)) yield duplicate([...path, 'number'], `there is another port ${number}`);
    names.add(name);
    numbers.add(number);
    if (!isDnsLabel(name)) yield invalid([...path, 'name'], `"${name}" is not a port name`);
    if (protocol !== '' && !isProtocol(protocol))
      yield invalid([...path, 'protocol'], `"${protocol}" is none of ${protocolNames}`);
  }
}

const resolutionChecks: Readonly<Record<string, (spec: ServiceEntrySpec) => Drafts>> & {
  readonly [R in NonNullable<ServiceEntrySpec['resolution']>]: (spec: ServiceEntrySpec) => Drafts;
} = {
  NONE: checkPassthrough,
  STATIC: function* () {},
  DNS: checkDns,
  DNS_ROUND_ROBIN: checkDns,
  DYNAMIC_DNS: checkDynamicDns,
};

function* checkPassthrough({ endpoints = [], workloadSelector }: ServiceEntrySpec): Drafts {
  if (endpoints.length > 0)
    yield conflict(['spec', 'endpoints'], 'with resolution NONE the caller chooses the address: no endpoints');
  if (workloadSelector)
    yield doubtful(['spec', 'workloadSelector'], 'with resolution NONE the caller chooses the address');
}

function* checkDns({ hosts, endpoints = [], addresses = [], ports = [], resolution }: ServiceEntrySpec): Drafts {
  const unresolvable = endpoints.length > 0 ? -1 : hosts.findIndex((host) => dnsNameFault(host) !== undefined);
  if (unresolvable >= 0)
    yield invalid(
      ['spec', 'hosts', unresolvable],
      `"${hosts[unresolvable]}" cannot be looked up in DNS: give endpoints, or another resolution`,
    );
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1)
    yield invalid(['spec', 'endpoints'], 'DNS_ROUND_ROBIN takes one endpoint at most');
  const plain = ports.some(({ protocol = '' }) => isProtocol(protocol) && !isHttp(protocol));
  if (hosts.length > 1 && addresses.length > 0 && plain)
    yield doubtful(['spec', 'hosts'], 'several hosts share the addresses, which TCP cannot tell apart');
}

const dynamicProtocols: ReadonlySet<string> = new Set(['HTTP', 'TLS', 'GRPC', 'HTTP2']);

function* checkDynamicDns({ hosts, addresses = [], endpoints = [], ports = [] }: ServiceEntrySpec): Drafts {
  for (const [index, host] of hosts.entries()) {
    if (!isWildcard(host)) yield invalid(['spec', 'hosts', index], 'DYNAMIC_DNS is for wildcard hosts');
  }
  if (addresses.length > 0) yield conflict(['spec', 'addresses'], 'DYNAMIC_DNS looks the address up: none can be set');
  if (endpoints.length > 0) yield conflict(['spec', 'endpoints'], 'DYNAMIC_DNS looks the address up: none can be set');
  for (const [index, { protocol = '' }] of ports.entries()) {
    if (!dynamicProtocols.has(protocol.toUpperCase()))
      yield invalid(['spec', 'ports', index, 'protocol'], 'DYNAMIC_DNS takes HTTP, HTTP2, GRPC and TLS');
  }
}

/** Plain TCP does not tell which of several hosts is meant. */
function* checkSharedPorts({ hosts, ports = [], resolution = 'NONE' }: ServiceEntrySpec): Drafts {
  if (resolution === 'NONE' || hosts.length < 2) return;
  const index = ports.findIndex(({ protocol = '' }) => !isHttp(protocol) && !isTls(protocol));
  if (index >= 0)
    yield conflict(['spec', 'ports', index, 'protocol'], 'several hosts can only share HTTP and TLS ports');
}

function* checkEndpoint(endpoint: WorkloadEntrySpec, path: FieldPath, spec: ServiceEntrySpec): Drafts {
  const resolution = spec.resolution ?? 'NONE';
  if (!endpoint.address && !endpoint.network) yield missing([...path, 'address'], 'address or network is required');
  if (resolution !== 'STATIC' && !endpoint.address)
    yield missing([...path, 'address'], `resolution ${resolution} needs an address`);
  yield* checkWorkload(endpoint, path, resolution !== 'STATIC');
  const known = new Set((spec.ports ?? []).map(({ name }) => name));
  for (const name of Object.keys(endpoint.ports ?? {})) {
    if (!known.has(name)) yield invalid([...path, 'ports', name], `the service has no port "${name}"`);
  }
  if (endpoint.address?.startsWith(unixPrefix) && known.size !== 1)
    yield conflict([...path, 'address'], 'a Unix domain socket serves one port: the service must have exactly one');
}

function* checkWorkload(workload: WorkloadEntrySpec, path: FieldPath, namesAllowed: boolean): Drafts {
  const { address = '' } = workload;
  const fault = addressFault(address, namesAllowed);
  if (fault !== undefined) yield invalid([...path, 'address'], fault);
  if (address.startsWith(unixPrefix) && Object.keys(workload.ports ?? {}).length > 0)
    yield conflict([...path, 'ports'], 'a Unix domain socket has no ports');
  for (const name of Object.keys(workload.ports ?? {})) {
    if (!isDnsLabel(name)) yield invalid([...path, 'ports', name], `"${name}" is not a port name`);
  }
  yield* checkLabels(workload.labels, [...path, 'labels']);
}

function addressFault(address: string, namesAllowed: boolean): string | undefined {
  if (address === '' || isAddress(address)) return undefined;
  if (address.startsWith(unixPrefix)) return socketPathFault(address.slice(unixPrefix.length));
  return namesAllowed ? dnsNameFault(address) : `"${address}" is not an IP address`;
}
