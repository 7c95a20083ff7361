// Which virtual hosts one port has, and whose routes each of them gets. It builds no routes, and what it says about one virtual
// host keeps its identity while nothing about that virtual host changes.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
import type { Problem } from '../../../model/problem.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { Consumer } from '../../../model/view.ts';
import { memo, memoTriples, sharedList } from '../../../model/memo.ts';
import type { RoutedVirtualService, RouteTarget } from '../route/route-target.ts';
import type { DomainForm } from './service-domains.ts';
import { claimantOf } from './virtual-host-claims.ts';
import { layoutOf, type Place } from './virtual-host-layout.ts';

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
    const { dnsDomain, families } = consumer;
    const layout = layoutOf({ services: servicesOf(targets), claimants, number, form, dnsDomain, families });
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
