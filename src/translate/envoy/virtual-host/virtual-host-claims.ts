// Who wants to serve which host on one port: services, and VirtualServices on their behalf or for hosts of their own.
// https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/
import type { AddressFamilies } from '../../../model/mesh/address-families.ts';
import type { Protocol, Service } from '../../../model/mesh/mesh.ts';
import type { SourceRef } from '../../../model/source.ts';
import type { Consumer } from '../../../model/view.ts';
import { memo, sharedValue } from '../../../model/memo.ts';
import { at } from '../../../model/source.ts';
import { hostMatches, isWildcard } from '../../resolve/routing/host.ts';
import { isHttp } from '../../resolve/services/protocol.ts';
import { meshGateway, usesSourceLabels, usesSourceNamespace } from '../../resolve/routing/virtual-service.ts';
import { hasRoutes, type Caller } from '../route/route.ts';
import type { RoutedVirtualService } from '../route/route-target.ts';
import { aliasDomains, hostDomains, serviceDomains, type Domain, type DomainForm } from './service-domains.ts';
import { candidates, indexVirtualServices, type VirtualServiceIndex } from './virtual-service-index.ts';

export interface Claim extends Named {
  readonly domains: readonly Domain[];
  readonly source: SourceRef;
  /** The VirtualService whose routes it gets instead of the default one. */
  readonly by: Claimant | undefined;
}

/** What a host is called by. */
interface Named {
  readonly host: string;
  /** Further names of the service. */
  readonly aliases: readonly string[];
  /** Whether it is a service's, the name of one that is a host of its own, or one that nobody has. */
  readonly of: 'service' | 'alias' | 'nobody';
  /** The service behind the host; absent for a host that only a VirtualService names. */
  readonly service: Service | undefined;
}

/** A VirtualService as far as hosts go, whatever its routes are: equal ones are the very same. */
export interface Claimant {
  readonly source: SourceRef;
  readonly hosts: readonly string[];
  /** Whether it has routes for this caller on this port. */
  readonly applies: boolean;
  /** Its hosts are nothing but the names of services. */
  readonly onlyServices?: boolean;
}

/** Who calls a port, as far as names go, and how they are written. */
export interface Callers {
  readonly dnsDomain: string;
  readonly families: AddressFamilies;
  readonly number: number;
  readonly form: DomainForm;
}

export interface Port extends Callers {
  /** Services that have the port, whatever they speak, in order of precedence. */
  readonly services: readonly Service[];
  /** In order of precedence. */
  readonly claimants: readonly Claimant[];
}

/** A VirtualService with routes for a host that another one has. */
export interface Beaten {
  readonly host: string;
  readonly winner: Claimant;
  readonly loser: Claimant;
}

/** The caller as `routed` looks at it: everything that its matches do not ask for is left out. */
export const callerOf = memo((consumer: Consumer, { virtualService }: RoutedVirtualService): Caller =>
  sharedValue({
    namespace: usesSourceNamespace(virtualService) ? consumer.namespace : '',
    labels: usesSourceLabels(virtualService) ? (consumer.labels ?? {}) : {},
    gateways: [meshGateway],
  }),
);

export const claimantOf = memo((consumer: Consumer, routed: RoutedVirtualService, port: number): Claimant =>
  sharedValue({
    source: routed.virtualService.source,
    hosts: routed.virtualService.hosts,
    applies: hasRoutes(routed.virtualService, callerOf(consumer, routed), port),
    ...(routed.virtualService.api === 'gateway-api' && { onlyServices: true }),
  }),
);

export const hostSource = ({ source, hosts }: Claimant, host: string): SourceRef =>
  at(source, `spec.hosts[${hosts.indexOf(host)}]`);

/** In order of precedence: what VirtualServices claim, then what is left of the services. */
export function portClaims(port: Port): { readonly claims: readonly Claim[]; readonly beaten: readonly Beaten[] } {
  const index = indexed(port.claimants);
  const served = servedHosts(port, index);
  const won = Map.groupBy(served, (host) => host.by);
  const known = knownHosts(port.services);
  const httpHosts = new Set(served.map(({ host }) => host));
  const unclaimedAliases = Map.groupBy(
    served.filter((host) => host.alias !== undefined && host.by === undefined),
    (host) => host.service,
  );
  const claimOf = (host: ServedHost): Claim => serviceClaim(port, host, unclaimedAliases.get(host.service) ?? []);
  return {
    claims: [
      ...port.claimants
        .filter(({ applies }) => applies)
        .flatMap((by) => [
          ...ownHosts(port, by, known, won.has(by), httpHosts).map((host) => hostClaim(port, by, host)),
          ...(won.get(by) ?? []).map(claimOf),
        ]),
      ...(won.get(undefined) ?? []).filter((host) => host.alias === undefined).map(claimOf),
    ],
    beaten: beatenFor(served, index),
  };
}

const indexed = memo((claimants: readonly Claimant[]) => indexVirtualServices(claimants));

/** What a service claims if it is all about itself; undefined if it claims nothing on the port. */
export function claimAlone(port: Port, service: Service): Claim | undefined | 'contested' {
  const { hostname: host, aliases } = service;
  if (aliases.length > 0 || candidates(indexed(port.claimants), host).length > 0) return 'contested';
  return isServed(service, port.number)
    ? serviceClaim(port, { host, service, alias: undefined, by: undefined }, [])
    : undefined;
}

/** A name of a service on the port, and the VirtualService that has it. */
interface ServedHost {
  readonly host: string;
  readonly service: Service;
  /** Set for the name of an ExternalName service that leads to `service`. */
  readonly alias: SourceRef | undefined;
  readonly by: Claimant | undefined;
}

const speaksHttp = (protocol: Protocol): boolean => isHttp(protocol) || protocol === 'Auto';

const isServed = ({ ports }: Service, port: number): boolean =>
  ports.some(({ number, protocol }) => number === port && speaksHttp(protocol));

const namesOf = (service: Service): readonly Omit<ServedHost, 'by'>[] => [
  { host: service.hostname, service, alias: undefined },
  ...service.aliases.map((alias) => ({ host: alias.hostname, service, alias: alias.source })),
];

/** Names of the services that speak HTTP on the port, or may turn out to. */
const servedHosts = (port: Port, index: VirtualServiceIndex<Claimant>): readonly ServedHost[] =>
  port.services
    .flatMap((service) => (isServed(service, port.number) ? namesOf(service) : []))
    .map((named) => ({ ...named, by: candidates(index, named.host).find(({ applies }) => applies) }));

const knownHosts = (services: readonly Service[]): ReadonlySet<string> =>
  new Set(services.flatMap((service) => [service, ...service.aliases].map(({ hostname }) => hostname)));

/**
 * Hosts of a VirtualService that no service on the port has. It brings them along where it has a service's host, too,
 * and on port 80 always.
 */
function ownHosts(
  port: Port,
  { hosts, onlyServices = false }: Claimant,
  known: ReadonlySet<string>,
  hasWon: boolean,
  httpHosts: ReadonlySet<string>,
): readonly string[] {
  if (onlyServices) return [];
  const always = port.number === 80 && port.form === 'host';
  if (!always && !hasWon && !hosts.some((host) => httpHosts.has(host))) return [];
  return hosts.filter((host) =>
    isWildcard(host) ? ![...known].some((name) => hostMatches(host, name)) : !known.has(host),
  );
}

const hostClaim = (port: Port, by: Claimant, host: string): Claim => {
  const named = { host, aliases: noAliases, of: 'nobody', service: undefined } as const;
  return { ...named, domains: domainsFor(port, named), source: hostSource(by, host), by };
};

const noAliases: readonly string[] = sharedValue([]);

/** An alias that a VirtualService has is a host of its own and no longer a name of its service. */
function serviceClaim(port: Port, { host, service, alias, by }: ServedHost, aliases: readonly ServedHost[]): Claim {
  const names = aliases.length === 0 ? noAliases : sharedValue(aliases.map((one) => one.host));
  const named: Named = { host, service, aliases: names, of: alias === undefined ? 'service' : 'alias' };
  return { ...named, domains: domainsFor(port, named), source: alias ?? service.source, by };
}

/** All that callers of `dnsDomain` may call it by. */
export function domainsFor({ dnsDomain, number, form, families }: Callers, named: Named): readonly Domain[] {
  const { host, aliases, of, service } = named;
  if (of === 'nobody' || service === undefined) return hostDomains(host, number, form);
  return of === 'alias'
    ? aliasDomains(host, dnsDomain, number, form)
    : serviceDomains(service, aliases, dnsDomain, number, form, families);
}

const beatenFor = (served: readonly ServedHost[], index: VirtualServiceIndex<Claimant>): readonly Beaten[] =>
  served.flatMap(({ host, by: winner }) =>
    winner === undefined
      ? []
      : candidates(index, host)
          .filter((loser) => loser !== winner && loser.applies)
          .map((loser) => ({ host, winner, loser })),
  );
