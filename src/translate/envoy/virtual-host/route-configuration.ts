// The routes of one outbound port: a virtual host for each host, and one for those that nobody knows. Assembled from
// virtual hosts that are resources of their own.
// https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/
import type { MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import { isDatagram } from '../../../model/mesh/service-port.ts';
import type { Problem } from '../../../model/problem.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import type { Consumer, EgressListener, OutboundView, ServiceView, VirtualServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { byKeys } from '../../../model/by-keys.ts';
import { followedBy, inLine, memo, memoEach, sharedList, sharedValue, withOthers } from '../../../model/memo.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import { compareText } from '../../resolve/order.ts';
import { maxBodyBytes } from '../route/redirect.ts';
import { parseRouteName, type RouteName } from './route-name.ts';
import {
  routedVirtualService,
  routeTarget,
  type RoutedVirtualService,
  type RouteTarget,
} from '../route/route-target.ts';
import { servicesOf } from '../../services-of.ts';
import type { DomainForm } from './service-domains.ts';
import { unknownHosts, virtualHost } from './virtual-host.ts';
import { callerOf } from './virtual-host-claims.ts';
import { hostsOf, noOthers, plannedHost, planPort, type PlannedHost, type PortPlan } from './virtual-host-plan.ts';
import { selectVirtualServices } from './virtual-service-index.ts';

/** Undefined when no egress listener has such a name, or a service of that name is not in sight. */
export function routeConfiguration(
  settings: MeshSettings,
  outbound: OutboundView,
  routeName: string,
): Resource | undefined {
  const parsed = parseRouteName(routeName);
  const listener = parsed === undefined ? undefined : egressListener(outbound, parsed);
  if (parsed === undefined || listener === undefined) return undefined;
  const consumer = sharedValue(outbound.consumer);
  if (parsed.kind === 'service') {
    const host = ownHost(listener, consumer, parsed.host, parsed.port);
    return host === undefined
      ? undefined
      : assemble(sharedList([built(settings, host, consumer, routeName)]), routeName);
  }
  const {
    common,
    positions,
    own,
    consumer: callers,
  } = together(sharedList(plans(listener, consumer, parsed)), consumer);
  const last = unknownHosts(settings, sharedValue(outbound.unknownDestinations), routeName);
  const hosts = builtHosts(settings, callers, routeName, common);
  const others = builtHosts(settings, callers, routeName, own);
  return assemble(followedBy(withOthers(hosts, positions, others, consumer.dnsDomain), last), routeName);
}

/** What users should know about the hosts of a route configuration: who lost which domain to whom. */
export function routeProblems(outbound: OutboundView, routeName: string): readonly Problem[] {
  const parsed = parseRouteName(routeName);
  const listener = parsed === undefined ? undefined : egressListener(outbound, parsed);
  if (parsed === undefined || parsed.kind === 'service' || listener === undefined) return [];
  return plans(listener, sharedValue(outbound.consumer), parsed).flatMap((plan) => plan.problems);
}

type Hosts = Pick<PortPlan, 'common' | 'positions' | 'own' | 'consumer'>;

/** Those of one plan are in order. */
const together = memo((all: readonly PortPlan[], consumer: Consumer): Hosts => {
  const [only, ...others] = all;
  if (only !== undefined && others.length === 0) return only;
  const common = sharedList(all.flatMap(hostsOf).toSorted((a, b) => compareText(a.name, b.name)));
  return { ...noOthers, common, consumer };
});

const builtHosts = memoEach(
  (settings: MeshSettings, consumer: Consumer, routeName: string, host: PlannedHost): Resource =>
    built(settings, host, consumer, routeName),
);

const built = (settings: MeshSettings, host: PlannedHost, consumer: Consumer, routeName: string): Resource =>
  virtualHost(settings, routeName, host.routed === undefined ? undefined : callerOf(consumer, host.routed), host);

/** A route configuration of these virtual hosts, which are its parts. */
export const assemble = memo((hosts: readonly Resource[], routeName: string): Resource => {
  const message: MessageOf['envoy.config.route.v3.RouteConfiguration'] = {
    name: routeName,
    // Clusters come and go on their own; a route to a missing one answers 503 and leaves the others alone.
    validate_clusters: false,
    max_direct_response_body_size_bytes: maxBodyBytes,
    ignore_port_in_host_matching: true,
  };
  return {
    type: resourceTypes.route,
    name: routeName,
    message,
    parts: { field: 'virtual_hosts', resources: hosts },
  };
});

/** Explicit listeners go before the catch-all one, which is the last. */
const egressListener = (outbound: OutboundView, name: RouteName): EgressListener | undefined =>
  outbound.egress.find(({ port, bind }) => {
    if (port === undefined) return true;
    if (name.kind === 'socket') return bind === name.path;
    return name.kind !== 'http-proxy' && port.number === name.port;
  });

/** One plan, or one for each port where the listener serves all of them. */
function plans(listener: EgressListener, consumer: Consumer, name: RouteName): readonly PortPlan[] {
  const { byPort } = targetsByPort(routeTargets(listener.services));
  if (name.kind === 'port' && !isHttpProxy(listener)) return [plan(listener, consumer, name.port, 'host')];
  return [...byPort.keys()].toSorted((a, b) => a - b).map((port) => plan(listener, consumer, port, 'host-and-port'));
}

const isHttpProxy = (listener: EgressListener): boolean => {
  const protocol: string | undefined = listener.port?.protocol;
  return protocol === 'HTTP_PROXY';
};

function plan(listener: EgressListener, consumer: Consumer, port: number, form: DomainForm): PortPlan {
  const targets = targetsByPort(routeTargets(listener.services)).byPort.get(port) ?? none;
  const all = allRouted(listener.virtualServices);
  const chosen = port === 80 && form === 'host' ? all : selectVirtualServices(all, namesOn(servicesOf(targets)));
  return planPort(targets, chosen, consumer, port, form);
}

/** The one virtual host of a service that is reached at an address of its own: it takes every host name. */
function ownHost(listener: EgressListener, consumer: Consumer, host: string, port: number): PlannedHost | undefined {
  const planned = plan(listener, consumer, port, 'host').named(`${host}:${port}`);
  if (planned?.target === undefined) return undefined;
  return plannedHost(planned.target, planned.routed, sharedValue(['*']), planned.name, port);
}

const none: readonly RouteTarget[] = sharedList([]);

/** The same list while policies are the same, whatever endpoints do. */
const routeTargets = memoEach((view: ServiceView): RouteTarget => routeTarget(view));

const targetsByPort = memo((targets: readonly RouteTarget[]) => {
  const byPort = [...positionsByPort(servicesOf(targets))];
  return { byPort: new Map(byPort.map(([port, positions]) => [port, listOf(targets, positions, port)])) };
});

const positionsByPort = memo((services: readonly Service[]): ReadonlyMap<number, readonly number[]> =>
  byKeys(
    services.keys(),
    (i) => new Set(services[i]?.ports.filter((port) => !isDatagram(port)).map(({ number }) => number)),
  ),
);

const listOf = (all: readonly RouteTarget[], positions: readonly number[], port: number): readonly RouteTarget[] =>
  positions.length === all.length ? all : inLine(sharedList(positions.map((i) => all[i] as RouteTarget)), all, port);

const allRouted = memo((views: readonly VirtualServiceView[]): readonly RoutedVirtualService[] =>
  sharedList(views.map(routedVirtualService)),
);

const namesOn = memo((services: readonly Service[]): readonly string[] =>
  services.flatMap((service) => [service, ...service.aliases].map(({ hostname }) => hostname)),
);
