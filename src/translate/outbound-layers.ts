// What a proxy needs in order to send: clusters, endpoints and routes, as layers that it shares with all proxies for which
// they are the same. Each is made from parts by service, so that a change asks anew only about the services it touches.
import { followedBy, inLine, memo, memoEach, memoPairs, sharedList } from '../model/memo.ts';
import type { DestinationPolicy, Endpoint, MeshSettings, Service, ServiceEndpoints } from '../model/mesh/mesh.ts';
import { serviceKey } from '../model/mesh/mesh.ts';
import { layer } from '../model/envoy/layer.ts';
import { nextResources, scopedLayer } from '../model/envoy/next-layer.ts';
import type { Layer, Resource } from '../model/envoy/resource.ts';
import { memoAligned } from '../model/patched-map.ts';
import type { OutboundView, ServiceView } from '../model/view.ts';
import { outboundFixedClusters } from './envoy/cluster/fixed-clusters.ts';
import type { ClusterFacts } from './envoy/cluster/outbound-cluster.ts';
import { clusterSubsets, discovery, outboundClusters } from './envoy/cluster/outbound-cluster.ts';
import { effectivePolicy } from './envoy/cluster/traffic-policy.ts';
import { assignmentKind, loadAssignment } from './envoy/endpoint/load-assignment.ts';
import type { CallerPlace } from './envoy/endpoint/locality.ts';
import { localityAlone } from './envoy/endpoint/locality.ts';
import type { Reach } from './envoy/endpoint/reach.ts';
import { servicesOf } from './services-of.ts';
import { routeConfiguration } from './envoy/virtual-host/route-configuration.ts';

/** What clusters and endpoints depend on of the proxy itself; each part is shared by the proxies that have the same. */
export interface CallerFacts {
  readonly facts: ClusterFacts;
  readonly place: CallerPlace;
  readonly reach: Reach | undefined;
}

type EndpointMap = ReadonlyMap<string, ServiceEndpoints>;

/** Clusters and endpoints, remembered for all proxies that see them from a place that makes no difference. */
export const sendingLayers = (
  settings: MeshSettings,
  outbound: OutboundView,
  endpoints: EndpointMap,
  { facts, place, reach }: CallerFacts,
): Readonly<Record<'cluster' | 'endpoint', readonly Layer[]>> =>
  seenFrom(settings, outbound, endpoints, facts, sufficient(settings, outbound.services, place), reach);

const seenFrom = memo(
  (
    settings: MeshSettings,
    outbound: OutboundView,
    endpoints: EndpointMap,
    facts: ClusterFacts,
    place: CallerPlace,
    reach: Reach | undefined,
  ) => ({
    cluster: sharedList(outboundClusterLayers(settings, outbound, endpoints, { facts, place, reach })),
    endpoint: sharedList(endpointLayers(settings, outbound, endpoints, { facts, place, reach })),
  }),
);

const sufficient = (settings: MeshSettings, services: readonly ServiceView[], place: CallerPlace): CallerPlace =>
  byPlace(settings, services).workload.length > 0 ? place : localityAlone(place);

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

/** The same resources for all who see the same services, in a layer for each scope. */
const clusterLayer = (
  settings: MeshSettings,
  services: readonly ServiceView[],
  facts: ClusterFacts,
  scope: string,
): Layer => scopedLayer(clusterResources(settings, services, facts), scope);

const clusterResources = memo((settings: MeshSettings, services: readonly ServiceView[], facts: ClusterFacts) => {
  const fixed = facts.byServerName === true ? noClusters : outboundFixedClusters(settings, facts);
  return nextResources([], followedBy(discoveredClusters(settings, facts, services), fixed));
});

const noClusters: readonly Resource[] = [];

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
  (settings: MeshSettings, facts: ClusterFacts, view: ServiceView): readonly Resource[] =>
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

/** One for the services whose endpoints are the same wherever the caller is, and others for those where that matters. */
export function endpointLayers(
  settings: MeshSettings,
  { services, scope }: OutboundView,
  endpoints: EndpointMap,
  { facts, place, reach }: CallerFacts,
): readonly Layer[] {
  const { nothing, locality, workload } = byPlace(settings, services);
  const layerOf = (own: readonly ServiceView[], seenFrom: CallerPlace | undefined, of: string): Layer =>
    scopedLayer(assignmentResources(settings, own, endpoints, facts, seenFrom, reach), of);
  return [
    layerOf(nothing, undefined, scope),
    ...(locality.length > 0 ? [layerOf(locality, localityAlone(place), `locality|${scope}`)] : []),
    ...(workload.length > 0 ? [layerOf(workload, place, `workload|${scope}`)] : []),
  ];
}

const assignmentResources = memo(
  (
    settings: MeshSettings,
    services: readonly ServiceView[],
    endpoints: EndpointMap,
    facts: ClusterFacts,
    place: CallerPlace | undefined,
    reach: Reach | undefined,
  ) =>
    nextResources(
      [],
      assignments(settings, facts, place, reach, services, endpointsOf(servicesOf(services), endpoints)),
    ),
);

const endpointsOf = memoAligned((service: Service) => serviceKey(service));

/** Those of each service. */
const assignments = memoPairs(
  (
    settings: MeshSettings,
    facts: ClusterFacts,
    place: CallerPlace | undefined,
    reach: Reach | undefined,
    view: ServiceView,
    own: ServiceEndpoints | undefined,
  ): readonly Resource[] => assignmentsOf(settings, facts, reach, place, view, own ?? noEndpoints),
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

/** One layer for each distinct list of routes. */
export const routeLayers = memo(
  (settings: MeshSettings, outbound: OutboundView, names: readonly string[]): readonly Layer[] =>
    sharedList([
      layer(
        outbound.scope,
        names.flatMap((name) => routeConfiguration(settings, outbound, name) ?? []),
      ),
    ]),
);

/** What of the caller's place counts for the endpoints of a service: how many callers share them depends on it. */
type PlaceNeed = 'nothing' | 'locality' | 'workload';

const byPlace = memo(
  (settings: MeshSettings, services: readonly ServiceView[]): Readonly<Record<PlaceNeed, readonly ServiceView[]>> => {
    const needs = placeNeeds(settings, services);
    const needing = (need: PlaceNeed): readonly ServiceView[] => {
      const own = services.filter((_view, i) => needs[i] === need);
      return own.length === services.length ? services : inLine(sharedList(own), services, need);
    };
    return { nothing: needing('nothing'), locality: needing('locality'), workload: needing('workload') };
  },
);

const placeNeeds = memoEach((settings: MeshSettings, view: ServiceView): PlaceNeed => placeNeed(settings, view));

/** As much of the place as any of these services needs. */
function placeFor(
  settings: MeshSettings,
  services: readonly ServiceView[],
  place: CallerPlace,
): CallerPlace | undefined {
  const { locality, workload } = byPlace(settings, services);
  if (workload.length > 0) return place;
  return locality.length > 0 ? localityAlone(place) : undefined;
}

const placeOf = (settings: MeshSettings, view: ServiceView, place: CallerPlace | undefined): CallerPlace | undefined =>
  placeNeed(settings, view) === 'nothing' ? undefined : place;

const placeNeed = memo((settings: MeshSettings, { service, policy }: ServiceView): PlaceNeed => {
  const policies = policiesOf(policy);
  const balancing = [settings, ...policies.map(({ loadBalancer }) => loadBalancer)];
  const byLabels = balancing
    .flatMap((each) => [each?.localityLbSetting, each?.zoneAwareLbSetting])
    .some((setting) => setting?.failoverPriority !== undefined);
  const matters =
    settings.localityLbSetting?.distribute !== undefined ||
    settings.defaultTrafficPolicy?.outlierDetection !== undefined ||
    policies.some((each) => each.outlierDetection !== undefined || each.loadBalancer?.localityLbSetting !== undefined);
  if (service.nodeLocal || service.prefers !== undefined || (matters && byLabels)) return 'workload';
  return matters ? 'locality' : 'nothing';
});

/** The policy and all its exceptions. */
const policiesOf = (policy: DestinationPolicy | undefined) =>
  policy === undefined
    ? []
    : [policy, ...policy.subsets]
        .flatMap(({ trafficPolicy }) => [trafficPolicy, ...(trafficPolicy?.portLevelSettings ?? [])])
        .filter((each) => each !== undefined);
