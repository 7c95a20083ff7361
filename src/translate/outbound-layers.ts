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

/** One for the clusters that are the same wherever the caller is, and one for those that hold endpoints as it sees them. */
export function outboundClusterLayers(
  settings: MeshSettings,
  { services, scope }: OutboundView,
  endpoints: EndpointMap,
  { facts, place, reach }: CallerFacts,
): readonly Layer[] {
  const common = clusterLayer(settings, services, facts, scope);
  const inline = inlineServices(services);
  if (inline.length === 0) return [common];
  const own = sharedList(inline.map((view) => endpoints.get(serviceKey(view.service)) ?? noEndpoints));
  return [common, inlineLayer(settings, inline, own, facts, placeFor(settings, inline, place), reach, scope)];
}

/** Those whose clusters hold their endpoints themselves, because Envoy asks DNS for their addresses. */
const inlineServices = memo((services: readonly ServiceView[]): readonly ServiceView[] =>
  sharedList(services.filter(isInline)),
);

const isInline = ({ service: { resolution } }: ServiceView): boolean =>
  resolution === 'dns' || resolution === 'dns-round-robin';

const noEndpoints: ServiceEndpoints = new Map();

const clusterLayer = memo(
  (settings: MeshSettings, services: readonly ServiceView[], facts: ClusterFacts, scope: string): Layer => {
    const resources = discoveredClusters(settings, facts, scope, services).flat();
    return layer(
      scope,
      facts.byServerName === true ? resources : [...resources, ...outboundFixedClusters(settings, facts)],
    );
  },
);

const inlineLayer = memo(
  (
    settings: MeshSettings,
    services: readonly ServiceView[],
    endpoints: readonly ServiceEndpoints[],
    facts: ClusterFacts,
    place: CallerPlace | undefined,
    reach: Reach | undefined,
    scope: string,
  ): Layer =>
    layer(
      `inline|${scope}`,
      services.flatMap((view, i) =>
        clustersOf(settings, facts, reach, placeOf(settings, view, place), view, endpoints[i] ?? noEndpoints),
      ),
    ),
);

/** The clusters of each service that do not hold their endpoints. */
const discoveredClusters = memoEach(
  (settings: MeshSettings, facts: ClusterFacts, _scope: string, view: ServiceView): readonly Resource[] =>
    isInline(view) ? [] : clustersOf(settings, facts, undefined, undefined, view, noEndpoints),
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

/** One for the services whose endpoints are the same wherever the caller is, and one for the others. */
export function endpointLayers(
  settings: MeshSettings,
  { services, scope }: OutboundView,
  endpoints: EndpointMap,
  { facts, place, reach }: CallerFacts,
): readonly Layer[] {
  const { common, placed } = byPlace(settings, services);
  const everywhere = assignmentLayer(settings, common, endpoints, facts, undefined, reach, scope);
  if (placed.length === 0) return [everywhere];
  return [everywhere, assignmentLayer(settings, placed, endpoints, facts, place, reach, `placed|${scope}`)];
}

const assignmentLayer = memo(
  (
    settings: MeshSettings,
    services: readonly ServiceView[],
    endpoints: EndpointMap,
    facts: ClusterFacts,
    place: CallerPlace | undefined,
    reach: Reach | undefined,
    scope: string,
  ): Layer =>
    layer(scope, assignments(settings, facts, place, reach, scope, services, endpointsOf(services, endpoints)).flat()),
);

const endpointsOf = memo((services: readonly ServiceView[], endpoints: EndpointMap): readonly ServiceEndpoints[] =>
  sharedList(services.map(({ service }) => endpoints.get(serviceKey(service)) ?? noEndpoints)),
);

/** Those of each service. */
const assignments = memoPairs(
  (
    settings: MeshSettings,
    facts: ClusterFacts,
    place: CallerPlace | undefined,
    reach: Reach | undefined,
    _scope: string,
    view: ServiceView,
    own: ServiceEndpoints,
  ): readonly Resource[] => assignmentsOf(settings, facts, reach, place, view, own),
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

interface ByPlace {
  readonly common: readonly ServiceView[];
  readonly placed: readonly ServiceView[];
}

/** Services that are reached alike from everywhere, and those that are not. */
const byPlace = memo((settings: MeshSettings, services: readonly ServiceView[]): ByPlace => {
  const matters = (view: ServiceView): boolean => placeMatters(settings, view);
  const placed = services.filter(matters);
  if (placed.length === 0) return { common: services, placed };
  return { common: sharedList(services.filter((view) => !matters(view))), placed: sharedList(placed) };
});

/** Undefined where it makes no difference to any of them. */
const placeFor = (
  settings: MeshSettings,
  services: readonly ServiceView[],
  place: CallerPlace | undefined,
): CallerPlace | undefined => (byPlace(settings, services).placed.length > 0 ? place : undefined);

const placeOf = (settings: MeshSettings, view: ServiceView, place: CallerPlace | undefined): CallerPlace | undefined =>
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
