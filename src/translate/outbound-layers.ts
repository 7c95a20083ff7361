// What a proxy needs in order to send: clusters, endpoints and routes, as layers that it shares with all proxies for which
// they are the same. Each is made from parts by service, so that a change asks anew only about the services it touches.
import { memo, memoEach, memoPairs, sharedList } from '../model/memo.ts';
import type { DestinationPolicy, Endpoint, MeshSettings, ServiceEndpoints } from '../model/mesh/mesh.ts';
import { serviceKey } from '../model/mesh/mesh.ts';
import type { Layer, Resource } from '../model/envoy/resource.ts';
import type { OutboundView, ServiceView } from '../model/view.ts';
import { outboundFixedClusters } from './envoy/cluster/fixed-clusters.ts';
import type { ClusterFacts } from './envoy/cluster/outbound-cluster.ts';
import { clusterSubsets, discovery, outboundClusters } from './envoy/cluster/outbound-cluster.ts';
import { effectivePolicy } from './envoy/cluster/traffic-policy.ts';
import { assignmentKind, loadAssignment } from './envoy/endpoint/load-assignment.ts';
import type { CallerPlace } from './envoy/endpoint/locality.ts';
import type { Reach } from './envoy/endpoint/reach.ts';
import { routeConfiguration } from './envoy/virtual-host/route-configuration.ts';

/** What clusters and endpoints depend on of the proxy itself; each part is shared by the proxies that have the same. */
export interface CallerFacts {
  readonly facts: ClusterFacts;
  readonly place: CallerPlace;
  readonly reach: Reach | undefined;
}

type EndpointMap = ReadonlyMap<string, ServiceEndpoints>;

/** One layer per distinct list of resources, so that comparing two layers by identity is enough. */
export const layer = (scope: string, resources: readonly Resource[]): Layer =>
  sharedLayer(sharedList(resources), scope);

const sharedLayer = memo((resources: readonly Resource[], scope: string): Layer => ({
  scope,
  resources: new Map(resources.map((resource) => [resource.name, resource])),
}));

export function outboundClusterLayer(
  settings: MeshSettings,
  { services, scope }: OutboundView,
  endpoints: EndpointMap,
  { facts, place, reach }: CallerFacts,
): Layer {
  const inline = sharedList(
    inlineServices(services).map((view) => endpoints.get(serviceKey(view.service)) ?? noEndpoints),
  );
  return clusterLayer(settings, services, inline, facts, place, reach, scope);
}

/** Those whose clusters hold their endpoints themselves, because Envoy asks DNS for their addresses. */
const inlineServices = memo((services: readonly ServiceView[]): readonly ServiceView[] => services.filter(isInline));

const isInline = ({ service: { resolution } }: ServiceView): boolean =>
  resolution === 'dns' || resolution === 'dns-round-robin';

const noEndpoints: ServiceEndpoints = new Map();

const clusterLayer = memo(
  (
    settings: MeshSettings,
    services: readonly ServiceView[],
    inline: readonly ServiceEndpoints[],
    facts: ClusterFacts,
    place: CallerPlace,
    reach: Reach | undefined,
    scope: string,
  ): Layer => {
    const endpoints = new Map(inlineServices(services).map((view, i) => [view, inline[i] ?? noEndpoints]));
    const resources = discoveredClusters(settings, facts, scope, services).flatMap((discovered, i) => {
      const view = services[i];
      if (discovered !== undefined || view === undefined) return discovered ?? [];
      const own = endpoints.get(view) ?? noEndpoints;
      return clustersOf(settings, facts, reach, placeFor(settings, view, place), view, own);
    });
    return layer(
      scope,
      facts.byServerName === true ? resources : [...resources, ...outboundFixedClusters(settings, facts)],
    );
  },
);

/** The clusters of each service that do not hold their endpoints. */
const discoveredClusters = memoEach(
  (settings: MeshSettings, facts: ClusterFacts, _scope: string, view: ServiceView): readonly Resource[] | undefined =>
    isInline(view) ? undefined : clustersOf(settings, facts, undefined, undefined, view, noEndpoints),
);

const clustersOf = memo(
  (
    settings: MeshSettings,
    facts: ClusterFacts,
    reach: Reach | undefined,
    place: CallerPlace | undefined,
    view: ServiceView,
    endpoints: ServiceEndpoints,
  ): readonly Resource[] =>
    view.service.ports.flatMap((port) =>
      outboundClusters(settings, facts, view, port, endpoints.get(port.number) ?? none, place, reach),
    ),
);

const none: readonly Endpoint[] = [];

export const endpointLayer = (
  settings: MeshSettings,
  { services, scope }: OutboundView,
  endpoints: EndpointMap,
  { facts, place, reach }: CallerFacts,
): Layer => assignmentLayer(settings, services, endpoints, facts, place, reach, scope);

const assignmentLayer = memo(
  (
    settings: MeshSettings,
    services: readonly ServiceView[],
    endpoints: EndpointMap,
    facts: ClusterFacts,
    place: CallerPlace,
    reach: Reach | undefined,
    scope: string,
  ): Layer =>
    layer(scope, assignments(settings, facts, place, reach, scope, services, endpointsOf(services, endpoints)).flat()),
);

const endpointsOf = (services: readonly ServiceView[], endpoints: EndpointMap): readonly ServiceEndpoints[] =>
  services.map(({ service }) => endpoints.get(serviceKey(service)) ?? noEndpoints);

/** Those of each service. */
const assignments = memoPairs(
  (
    settings: MeshSettings,
    facts: ClusterFacts,
    place: CallerPlace,
    reach: Reach | undefined,
    _scope: string,
    view: ServiceView,
    own: ServiceEndpoints,
  ): readonly Resource[] => assignmentsOf(settings, facts, reach, placeFor(settings, view, place), view, own),
);

/** Those of the service's ports and subsets whose endpoints Envoy is told. */
const assignmentsOf = memo(
  (
    settings: MeshSettings,
    facts: ClusterFacts,
    reach: Reach | undefined,
    place: CallerPlace | undefined,
    view: ServiceView,
    endpoints: ServiceEndpoints,
  ): readonly Resource[] =>
    view.service.ports.flatMap((port) =>
      clusterSubsets(facts, view, port)
        .filter((subset) => discovery(view, effectivePolicy(view.policy, port.number, subset), facts) === 'endpoints')
        .map((subset) => {
          const own = endpoints.get(port.number) ?? none;
          return loadAssignment(settings, view, port.number, subset, own, place, reach, assignmentKind(facts));
        }),
    ),
);

export const routeLayer = memo((settings: MeshSettings, outbound: OutboundView, names: readonly string[]): Layer =>
  layer(
    outbound.scope,
    names.flatMap((name) => routeConfiguration(settings, outbound, name) ?? []),
  ),
);

/** Whether any service in sight is reached differently from different places. */
export const dependsOnCaller = memo((settings: MeshSettings, services: readonly ServiceView[]): boolean =>
  services.some((view) => placeMatters(settings, view)),
);

const placeFor = (settings: MeshSettings, view: ServiceView, place: CallerPlace): CallerPlace | undefined =>
  placeMatters(settings, view) ? place : undefined;

const placeMatters = memo(
  (settings: MeshSettings, { service, policy }: ServiceView): boolean =>
    settings.localityLbSetting?.distribute !== undefined ||
    settings.defaultTrafficPolicy?.outlierDetection !== undefined ||
    service.nodeLocal ||
    service.prefers !== undefined ||
    usesLocality(policy),
);

const usesLocality = (policy: DestinationPolicy | undefined): boolean =>
  policy !== undefined &&
  [
    policy.trafficPolicy,
    ...(policy.trafficPolicy?.portLevelSettings ?? []),
    ...policy.subsets.flatMap(({ trafficPolicy }) => [trafficPolicy, ...(trafficPolicy?.portLevelSettings ?? [])]),
  ].some((each) => each?.outlierDetection !== undefined || each?.loadBalancer?.localityLbSetting !== undefined);
