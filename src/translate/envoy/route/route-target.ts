// Where routes can lead: a service with the policy that the caller's namespace has for it. Unlike a ServiceView it
// does not change with the service's endpoints, and neither does what is built from it.
import type { DestinationPolicy, Service } from '../../../model/mesh/mesh.ts';
import type { Destination } from '../../../model/schema/index.ts';
import type { VirtualServiceView, ServiceView } from '../../../model/view.ts';
import type { VirtualService } from '../../../model/mesh/virtual-service.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import { outboundCluster, vipCluster } from '../../names.ts';

export interface RouteTarget {
  readonly service: Service;
  readonly policy: DestinationPolicy | undefined;
}

/** A VirtualService with the targets of its routes. */
export interface RoutedVirtualService {
  readonly virtualService: VirtualService;
  readonly targets: readonly RouteTarget[];
}

const target = memo((service: Service, policy: DestinationPolicy | undefined): RouteTarget => ({ service, policy }));

export const routeTarget = (view: ServiceView): RouteTarget => target(view.service, view.policy);

const routed = memo((virtualService: VirtualService, targets: readonly RouteTarget[]): RoutedVirtualService => ({
  virtualService,
  targets,
}));

export const routedVirtualService = (view: VirtualServiceView): RoutedVirtualService =>
  routed(view.virtualService, sharedList(view.destinations.map(routeTarget)));

/** Targets by all the names that lead to them; the first one has a name. */
export const targetsByHost = memo((targets: readonly RouteTarget[]): ReadonlyMap<string, RouteTarget> => {
  const byHost = new Map<string, RouteTarget>();
  for (const one of targets) {
    const names = [one.service.hostname, ...one.service.aliases.map((alias) => alias.hostname)];
    for (const name of names) if (!byHost.has(name)) byHost.set(name, one);
  }
  return byHost;
});

/** A destination made definite. */
export interface ResolvedDestination {
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  readonly target: RouteTarget | undefined;
}

/** Where nothing is: for destinations that lead nowhere on purpose. */
const unknownService = 'UnknownService';

/**
 * Unknown hosts, ports and subsets are no error here: the cluster they would have does not exist, and Envoy answers
 * 503. Without a port it is the one that the request came in for; gateways, whose ports are nobody's service ports,
 * take the only port of the service if it has just one.
 */
export function resolveDestination(
  destination: Destination,
  { targets, port: listenPort, singlePorts, behind }: DestinationContext,
): ResolvedDestination {
  if (destination.host === '') return { host: '', port: listenPort, cluster: unknownService, target: undefined };
  const found = targets.get(destination.host);
  const host = found?.service.hostname ?? destination.host;
  const only = singlePorts && found?.service.ports.length === 1 ? found.service.ports[0]?.number : undefined;
  const port = destination.port?.number ?? only ?? listenPort;
  const cluster =
    behind?.has(host) === true
      ? vipCluster('http', host, port, destination.subset)
      : outboundCluster(host, port, destination.subset);
  return { host, port, cluster, target: found };
}

export interface DestinationContext {
  readonly targets: ReadonlyMap<string, RouteTarget>;
  /** The port that requests come in for. */
  readonly port: number;
  readonly singlePorts: boolean;
  /** Hosts whose endpoints have clusters of their own at the waypoint that is in front of them. */
  readonly behind?: ReadonlySet<string>;
}
