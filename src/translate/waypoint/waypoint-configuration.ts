// What a waypoint is to have: listeners and clusters for tunnels and what is between them, for each service behind it what
// its callers are to get, and clusters for what its routes and filters lead to elsewhere.
// https://istio.io/latest/docs/ambient/usage/waypoint/
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import { serviceKey } from '../../model/mesh/mesh.ts';
import type { MeshSettings, ServiceEndpoints } from '../../model/mesh/mesh.ts';
import type { LoadLimit } from '../../model/mesh/workload-policies.ts';
import { layer } from '../../model/envoy/layer.ts';
import type { Configuration, Resource } from '../../model/envoy/resource.ts';
import type { OutboundView, ProxyView, ServiceView } from '../../model/view.ts';
import { httpFacts, localAddresses } from '../envoy/listener/listener-facts.ts';
import { guardOf } from '../envoy/rbac/guard.ts';
import type { Caller } from '../envoy/route/route.ts';
import { routedServices } from '../gateway/gateway-services.ts';
import { limitedDestinations, limitedService } from '../gateway/limited-services.ts';
import { askedHosts } from '../view/providers.ts';
import type { CallerFacts } from '../outbound-layers.ts';
import { endpointLayers, outboundClusterLayers } from '../outbound-layers.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { limitsOfProxy } from '../resolve/limits/load-limit.ts';
import { meshGateway } from '../resolve/routing/virtual-service.ts';
import { mainListener } from './main-listener.ts';
import type { ServedService } from './served.ts';
import { servedBy } from './served.ts';
import { tunnelClusters } from './tunnel-clusters.ts';
import { tunnelListeners } from './tunnel-listeners.ts';
import { vipAssignments, vipClusters } from './vip-cluster.ts';

/** `caller` is the waypoint as far as clusters and endpoints depend on it. */
export function waypointConfiguration(resolved: ResolvedMesh, view: ProxyView, caller: CallerFacts): Configuration {
  const { settings, proxy, outbound, inbound } = view;
  const { endpoints } = resolved.mesh;
  const { services, workloads } = servedBy(resolved, proxy, outbound);
  const scope = `waypoint|${proxy.id}`;
  const asked = askedHosts([inbound.policies, ...services.map(({ policies }) => policies)], proxy);
  const limits = limitsOfProxy(inbound.policies.limits);
  const others = elsewhere(settings, outbound, sharedList(services), asked, limits, `${scope}|${outbound.scope}`);
  const facts = httpFacts(settings, proxy, view.telemetry.server);
  const self = callerOf(view, services);
  const guard = guardOf(settings, inbound.policies, 'waypoint');
  return {
    cluster: [
      ...outboundClusterLayers(settings, others, endpoints, caller),
      layer(scope, [
        ...tunnelClusters(settings, proxy.namespace),
        ...vips(vipClusters, settings, services, limits, endpoints, caller),
      ]),
    ],
    endpoint: [
      ...endpointLayers(settings, others, endpoints, caller),
      layer(scope, vips(vipAssignments, settings, services, limits, endpoints, caller)),
    ],
    listener: [
      layer(scope, [
        ...tunnelListeners(settings, localAddresses(proxy)),
        ...mainListener(settings, facts, guard, self, sharedList(services), workloads),
      ]),
    ],
    route: [],
    virtualHost: [],
    extension: [],
  };
}

const vips = (
  build: typeof vipClusters,
  settings: MeshSettings,
  services: readonly ServedService[],
  limits: readonly LoadLimit[],
  endpoints: ReadonlyMap<string, ServiceEndpoints>,
  { facts, place, reach }: CallerFacts,
): readonly Resource[] =>
  services.flatMap(({ view }) =>
    build(
      settings,
      facts,
      place,
      reach,
      limitedService(limits, view),
      endpoints.get(serviceKey(view.service)) ?? noEndpoints,
    ),
  );

const noEndpoints: ServiceEndpoints = new Map();

/** Routes look at where requests come from: here from the waypoint, whoever sent them. */
const callerOf = ({ proxy, outbound }: ProxyView, services: readonly ServedService[]): Caller =>
  sharedValue({
    namespace: proxy.namespace,
    labels: outbound.consumer.labels ?? {},
    gateways: [meshGateway],
    behind: services.map(({ view }) => view.service.hostname).toSorted(),
  });

/** What routes of the services lead to besides them, what filters ask, and what the mesh's providers need: these may be any service. */
const elsewhere = memo(
  (
    settings: MeshSettings,
    outbound: OutboundView,
    services: readonly ServedService[],
    asked: readonly string[],
    limits: readonly LoadLimit[],
    scope: string,
  ): OutboundView => {
    const behind = new Set<ServiceView>(services.map(({ view }) => view));
    const routes = sharedList(services.flatMap((served) => served.routes ?? []));
    const needed = new Set(routedServices(settings, outbound.services, sharedList([]), asked));
    const reached = routedServices(settings, outbound.services, sharedList([routes]), asked);
    return {
      ...outbound,
      scope,
      services: limitedDestinations(
        limits,
        sharedList(reached.filter((view) => needed.has(view) || !behind.has(view))),
        sharedList([routes]),
      ),
    };
  },
);
