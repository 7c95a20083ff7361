// What destinations can name: hosts of the mesh's services, their ports, and the subsets that DestinationRules make of them.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination
import { memo } from '../../../model/memo.ts';
import type { DestinationPolicy, Mesh, MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import type { PortKey } from '../../../model/mesh/service-port.ts';
import { portKey } from '../../../model/mesh/service-port.ts';
import type { Destination } from '../../../model/schema/index.ts';
import { hostMatches, isWildcard, resolveHost } from '../routing/host.ts';

/** What a field names and what is not there; `path` is below the object. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

export interface KnownHosts {
  readonly settings: MeshSettings;
  /** Ports by fully qualified host. */
  readonly ports: ReadonlyMap<string, ReadonlySet<PortKey>>;
  /** Hosts by their first label. */
  readonly byLabel: ReadonlyMap<string, readonly string[]>;
  readonly subsets: readonly HostSubsets[];
}

interface HostSubsets {
  readonly host: string;
  readonly names: readonly string[];
}

/** The same object as long as services and subsets are. */
export const knownHosts = ({ settings, services, destinationPolicies }: Mesh): KnownHosts =>
  known(settings, hostsOf(services), subsetsOf(destinationPolicies));

const known = memo((settings: MeshSettings, hosts: Hosts, subsets: readonly HostSubsets[]): KnownHosts => ({
  settings,
  ...hosts,
  subsets,
}));

type Hosts = Pick<KnownHosts, 'ports' | 'byLabel'>;

const hostsOf = memo((services: readonly Service[]): Hosts => {
  const ports = new Map<string, Set<PortKey>>();
  for (const service of services)
    for (const host of [service.hostname, ...service.aliases.map(({ hostname }) => hostname)]) {
      const all = ports.get(host) ?? new Set();
      for (const port of service.ports) all.add(portKey(port));
      ports.set(host, all);
    }
  return { ports, byLabel: Map.groupBy(ports.keys(), firstLabel) };
});

const subsetsOf = memo((policies: readonly DestinationPolicy[]): readonly HostSubsets[] =>
  policies.map(({ host, subsets }) => ({ host, names: subsets.map(({ name }) => name) })),
);

const firstLabel = (host: string): string => host.split('.', 1)[0] ?? '';

/** A field with a host of the mesh: exactly one, or with `patterns` also those that a wildcard stands for. */
export function hostFaults(
  hosts: KnownHosts,
  { host, namespace, path, patterns = false }: HostField,
): readonly Fault[] {
  const full = resolveHost(host, namespace, hosts.settings.clusterDomain);
  if (hosts.ports.has(full) || host === '') return [];
  if (patterns && isWildcard(full) && [...hosts.ports.keys()].some((known) => hostMatches(full, known))) return [];
  return [{ path, message: `there is no service ${full} in the mesh: ${remedy(hosts, host, full)}` }];
}

interface HostField {
  readonly host: string;
  readonly namespace: string;
  readonly path: string;
  readonly patterns?: boolean;
}

/** Host, subset and port of a destination. */
export function destinationFaults(
  hosts: KnownHosts,
  { host, subset = '', port }: Destination,
  namespace: string,
  path: string,
): readonly Fault[] {
  const unknown = hostFaults(hosts, { host, namespace, path: `${path}.host` });
  if (unknown.length > 0) return unknown;
  const full = resolveHost(host, namespace, hosts.settings.clusterDomain);
  return [...subsetFaults(hosts, full, subset, path), ...portFaults(hosts, full, port?.number, path)];
}

function subsetFaults({ subsets }: KnownHosts, host: string, subset: string, path: string): readonly Fault[] {
  if (subset === '') return [];
  const names = subsets.filter((each) => hostMatches(each.host, host)).flatMap((each) => each.names);
  if (names.includes(subset)) return [];
  const others = names.length === 0 ? 'it has none' : `there are ${listed(names)}`;
  const message = `no DestinationRule for ${host} has a subset "${subset}": ${others}; add it there, or name another one`;
  return [{ path: `${path}.subset`, message }];
}

function portFaults({ ports }: KnownHosts, host: string, port: number | undefined, path: string): readonly Fault[] {
  const all = ports.get(host);
  if (port === undefined || port === 0 || all === undefined || all.has(port)) return [];
  const numbers = [...all].filter((key) => typeof key === 'number');
  const others = numbers.length === 0 ? 'it has none' : `it has ${listed(numbers)}; name one of these`;
  const fault = all.has(`udp:${port}`) ? `has port ${port} for UDP only` : `has no port ${port}`;
  return [{ path: `${path}.port.number`, message: `${host} ${fault}: ${others}` }];
}

const mostSuggested = 3;

function remedy({ ports, byLabel, settings }: KnownHosts, host: string, full: string): string {
  const inFull = `${host}.svc.${settings.clusterDomain}`;
  if (ports.has(inFull)) return `with a dot in it, a name has to be written in full, ${inFull}`;
  const others = (byLabel.get(firstLabel(full)) ?? []).slice(0, mostSuggested);
  return others.length > 0
    ? `is ${others.join(' or ')} meant? Else add a ServiceEntry for it`
    : 'create the Service, or a ServiceEntry if it is outside';
}

export const listed = (names: readonly (string | number)[]): string => [...new Set(names)].join(', ');
