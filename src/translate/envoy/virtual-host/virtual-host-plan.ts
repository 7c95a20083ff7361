// Which virtual hosts one port has and which domains each of them gets. Domains are unique in a route configuration,
// so this looks at all services and VirtualServices of the port together; but it builds no routes, and what it says
// about one virtual host keeps its identity while nothing about that virtual host changes.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
import type { Problem } from '../../../model/problem.ts';
import type { AddressFamilies } from '../../../model/mesh/address-families.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { SourceRef } from '../../../model/source.ts';
import type { Consumer } from '../../../model/view.ts';
import { memo, memoTriples, sharedList } from '../../../model/memo.ts';
import { describeSource } from '../../../model/source.ts';
import { virtualHostName } from '../../names.ts';
import { compareText } from '../../resolve/order.ts';
import type { RoutedVirtualService, RouteTarget } from '../route/route-target.ts';
import { domainTexts, type DomainForm } from './service-domains.ts';
import { claimantOf, hostSource, portClaims, type Beaten, type Claim, type Claimant } from './virtual-host-claims.ts';

export interface PlannedHost {
  /** `store.shop.svc.cluster.local:80` */
  readonly name: string;
  readonly port: number;
  readonly domains: readonly string[];
  readonly target: RouteTarget | undefined;
  readonly routed: RoutedVirtualService | undefined;
}

export interface PortPlan {
  /** Those that have a domain, by name. */
  readonly hosts: readonly PlannedHost[];
  /** Also finds one that lost all domains to others: an own address may still lead to it. */
  named(name: string): PlannedHost | undefined;
  readonly problems: readonly Problem[];
}

/** `targets` are the services that have the port; they and the VirtualServices are in order of precedence. */
export const planPort = memo(
  (
    targets: readonly RouteTarget[],
    virtualServices: readonly RoutedVirtualService[],
    consumer: Consumer,
    number: number,
    form: DomainForm,
  ): PortPlan => {
    const claimants = sharedList(virtualServices.map((routed) => claimantOf(consumer, routed, number)));
    const layout = layoutOf(servicesOf(targets), claimants, number, form, consumer.dnsDomain, consumer.families);
    const routedBy = new Map(claimants.map((claimant, i) => [claimant, virtualServices[i]]));
    const byService = targetsByService(targets);
    const targetOf = ({ service }: Place): RouteTarget | undefined => service && byService.get(service);
    const routedOf = ({ by }: Place): RoutedVirtualService | undefined => by && routedBy.get(by);
    const { places, byName } = layout;
    return {
      hosts: allPlanned(consumer, number, form, places, places.map(targetOf), places.map(routedOf)),
      named: (name) => {
        const place = byName.get(name);
        return place === undefined ? undefined : planned(place, targetOf(place), routedOf(place));
      },
      problems: layout.problems,
    };
  },
);

const servicesOf = memo((targets: readonly RouteTarget[]): readonly Service[] =>
  sharedList(targets.map(({ service }) => service)),
);

const targetsByService = memo(
  (targets: readonly RouteTarget[]): ReadonlyMap<Service, RouteTarget> =>
    new Map(targets.map((target) => [target.service, target])),
);

/** A virtual host without its routes. */
interface Place {
  readonly name: string;
  readonly port: number;
  readonly domains: readonly string[];
  readonly service: Service | undefined;
  readonly by: Claimant | undefined;
}

interface Layout {
  /** Those that have a domain, by name. */
  readonly places: readonly Place[];
  readonly byName: ReadonlyMap<string, Place>;
  readonly problems: readonly Problem[];
}

/** Stays as it is when routes or policies change and the hosts do not. */
const layoutOf = memo(
  (
    services: readonly Service[],
    claimants: readonly Claimant[],
    number: number,
    form: DomainForm,
    dnsDomain: string,
    families: AddressFamilies,
  ): Layout => {
    const { claims, beaten } = portClaims({ services, claimants, dnsDomain, families, number, form });
    const settled = settle(claims, number);
    const places = [...settled.byName.values()].filter(({ domains }) => domains.length > 0);
    return {
      places: places.toSorted((a, b) => compareText(a.name, b.name)),
      byName: settled.byName,
      problems: [...beaten.map(beatenProblem), ...settled.problems],
    };
  },
);

const planned = memo(
  (
    { domains, name, port }: Place,
    target: RouteTarget | undefined,
    routed: RoutedVirtualService | undefined,
  ): PlannedHost => plannedHost(target, routed, domains, name, port),
);

const allPlanned = memoTriples(
  (
    _consumer: Consumer,
    _port: number,
    _form: DomainForm,
    place: Place,
    target: RouteTarget | undefined,
    routed: RoutedVirtualService | undefined,
  ): PlannedHost => planned(place, target, routed),
);

/** One object for each content, too. */
const place = memo(
  (
    service: Service | undefined,
    by: Claimant | undefined,
    domains: readonly string[],
    name: string,
    port: number,
  ): Place => ({ name, port, domains, service, by }),
);

/** One object for each content, so that it can stand for it. */
export const plannedHost = memo(
  (
    target: RouteTarget | undefined,
    routed: RoutedVirtualService | undefined,
    domains: readonly string[],
    name: string,
    port: number,
  ): PlannedHost => ({ name, port, domains, target, routed }),
);

/** The first to claim a domain has it. `*` is taken: it stands for unknown hosts. */
function settle(claims: readonly Claim[], port: number): Pick<Layout, 'byName' | 'problems'> {
  const fullNames = new Set(claims.map((claim) => claim.host));
  const owners = new Map<string, SourceRef | undefined>([['*', undefined]]);
  const byName = new Map<string, Place>();
  const problems: Problem[] = [];
  for (const claim of claims) {
    const name = virtualHostName(claim.host, port);
    if (byName.has(name)) {
      problems.push(duplicateDomain(claim.source, claim.host, owners.get(claim.host.toLowerCase())));
      continue;
    }
    const won = claim.domains.filter((domain) => {
      if (domain.short && fullNames.has(domain.name)) return false;
      const taken = owners.has(domain.key);
      if (taken) problems.push(duplicateDomain(claim.source, domain.name, owners.get(domain.key)));
      else owners.set(domain.key, claim.source);
      return !taken;
    });
    const domains = domainTexts(won.length === claim.domains.length ? claim.domains : won);
    byName.set(name, place(claim.service, claim.by, domains, name, port));
  }
  return { byName, problems };
}

const duplicateDomain = (source: SourceRef, domain: string, owner: SourceRef | undefined): Problem => ({
  code: 'duplicate-domain',
  severity: 'warning',
  message: `${domain} is served already ${owner === undefined ? 'for hosts that nobody knows' : `because of ${describeSource(owner)}`}; what this object says about it is not used.`,
  source,
});

const beatenProblem = ({ host, winner, loser }: Beaten): Problem => {
  const named = loser.hosts.includes(host) ? host : (loser.hosts[0] ?? host);
  return duplicateDomain(hostSource(loser, named), host, winner.source);
};
