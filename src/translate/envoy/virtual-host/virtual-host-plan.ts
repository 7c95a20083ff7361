// Which virtual hosts one port has, and whose routes each of them gets. It builds no routes, and what it says about one virtual
// host keeps its identity while nothing about that virtual host changes.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
import type { Problem } from '../../../model/problem.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { Consumer } from '../../../model/view.ts';
import { inLine, memo, memoTriples, sharedList, sharedValue, withOthers } from '../../../model/memo.ts';
import { usesSourceNamespace } from '../../resolve/routing/virtual-service.ts';
import type { RoutedVirtualService, RouteTarget } from '../route/route-target.ts';
import { servicesOf } from '../../services-of.ts';
import { domainOfNobody, type DomainForm } from './service-domains.ts';
import { claimantOf, type Port } from './virtual-host-claims.ts';
import { layoutOf, ownPlaces, type Place } from './virtual-host-layout.ts';

export interface PlannedHost {
  /** `store.shop.svc.cluster.local:80` */
  readonly name: string;
  readonly port: number;
  readonly domains: readonly string[];
  readonly target: RouteTarget | undefined;
  readonly routed: RoutedVirtualService | undefined;
}

export interface PortPlan {
  /** Those that have a domain, by name; most often as all callers have them that no service shares a namespace with. */
  readonly common: readonly PlannedHost[];
  /** Where in that list these callers have another one. */
  readonly positions: readonly number[];
  /** What they have there. */
  readonly own: readonly PlannedHost[];
  /** The callers, without what makes no difference to the routes of these hosts. */
  readonly consumer: Consumer;
  /** Also finds one that lost all domains to others: an own address may still lead to it. Its domains may be other callers'. */
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
    const callers = sharedValue({
      ...consumer,
      namespace: askForNamespace(virtualServices) ? consumer.namespace : '',
    });
    const nobody = sharedValue({ ...callers, dnsDomain: domainOfNobody(consumer.dnsDomain) });
    const common = planFor(targets, virtualServices, nobody, number, form);
    const others = ownPlaces(common.port, consumer.dnsDomain);
    // Who would take a name from somebody has a plan of their own.
    if (others === undefined) return planFor(targets, virtualServices, callers, number, form);
    return { ...common, positions: others.positions, own: common.plannedAt(others.places, consumer.dnsDomain) };
  },
);

/** All hosts of a plan, by name. */
export const hostsOf = ({ common, positions, own }: PortPlan): readonly PlannedHost[] =>
  withOthers(common, positions, own, 'hosts');

const askForNamespace = memo((virtualServices: readonly RoutedVirtualService[]): boolean =>
  virtualServices.some(({ virtualService }) => usesSourceNamespace(virtualService)),
);

interface SharedPlan extends PortPlan {
  readonly port: Port;
  /** The hosts at places that these callers have. */
  plannedAt(places: readonly Place[], dnsDomain: string): readonly PlannedHost[];
}

/** As all callers have it for whom these are the same. */
const planFor = memo(
  (
    targets: readonly RouteTarget[],
    virtualServices: readonly RoutedVirtualService[],
    consumer: Consumer,
    number: number,
    form: DomainForm,
  ): SharedPlan => {
    const claimants = sharedList(virtualServices.map((routed) => claimantOf(consumer, routed, number)));
    const { dnsDomain, families } = consumer;
    const services = servicesOf(targets);
    const port: Port = { services, claimants, number, form, dnsDomain, families };
    const { places, byName, problems } = layoutOf(port);
    const routedBy = new Map(claimants.map((claimant, i) => [claimant, virtualServices[i]]));
    const targetsAt = (own: readonly Place[]): readonly (RouteTarget | undefined)[] =>
      positionsAt(own, services).map((i) => targets[i]);
    const routedOf = ({ by }: Place): RoutedVirtualService | undefined => by && routedBy.get(by);
    const plannedAt = (own: readonly Place[], callers: string): readonly PlannedHost[] =>
      allPlanned(inLine(own, targets, consumer, number, form, callers), targetsAt(own), own.map(routedOf));
    return {
      port,
      plannedAt,
      consumer,
      common: plannedAt(places, dnsDomain),
      ...noOthers,
      named: (name) => {
        const place = byName.get(name);
        return place && planned(place, targetsAt([place])[0], routedOf(place));
      },
      problems,
    };
  },
);

/** All callers have the same. */
export const noOthers: Pick<PortPlan, 'positions' | 'own'> = { positions: [], own: [] };

/** Of each place the position of its service among these; -1 without one. */
const positionsAt = memo((places: readonly Place[], services: readonly Service[]): readonly number[] => {
  const positions = positionsOf(services);
  return places.map(({ service }) => (service && positions.get(service)) ?? -1);
});

const positionsOf = memo(
  (services: readonly Service[]): ReadonlyMap<Service, number> => new Map(services.map((service, i) => [service, i])),
);

const planned = memo(
  (
    { domains, name, port }: Place,
    target: RouteTarget | undefined,
    routed: RoutedVirtualService | undefined,
  ): PlannedHost => plannedHost(target, routed, domains, name, port),
);

const allPlanned = memoTriples(
  (place: Place, target: RouteTarget | undefined, routed: RoutedVirtualService | undefined): PlannedHost =>
    planned(place, target, routed),
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
