// Translation: from a snapshot of objects to the configuration of each proxy. Pure: the same snapshot and node give the
// same bytes. What did not change keeps its identity from one snapshot to the next.
import { memo, sharedList, sharedValue } from '../model/memo.ts';
import type { DestinationPolicy, Endpoint, MeshSettings, ServiceEndpoints } from '../model/mesh.ts';
import { serviceKey } from '../model/mesh.ts';
import type { Problem } from '../model/problem.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Configuration, Layer, NodeInfo, Resource } from '../model/resource.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { InboundView, OutboundView, ProxyView, ServiceView } from '../model/view.ts';
import { inboundFixedClusters, outboundFixedClusters } from './envoy/cluster/fixed-clusters.ts';
import type { InboundFacts } from './envoy/cluster/inbound-cluster.ts';
import { inboundCluster } from './envoy/cluster/inbound-cluster.ts';
import { inboundListeners } from './envoy/listener/inbound-listener.ts';
import { loadAssignment } from './envoy/endpoint/load-assignment.ts';
import type { CallerPlace } from './envoy/endpoint/locality.ts';
import type { ClusterFacts } from './envoy/cluster/outbound-cluster.ts';
import { discovery, outboundClusters } from './envoy/cluster/outbound-cluster.ts';
import { outboundListeners } from './envoy/listener/outbound-listeners.ts';
import { routeConfiguration, routeProblems } from './envoy/virtual-host/route-configuration.ts';
import { effectivePolicy } from './envoy/cluster/traffic-policy.ts';
import type { Installation } from './resolve/mesh-settings.ts';
import { defaultInstallation } from './resolve/mesh-settings.ts';
import type { ResolvedMesh } from './resolve/mesh.ts';
import { resolveMesh } from './resolve/mesh.ts';
import { unknownLocality } from './resolve/workload.ts';
import { inboundView } from './view/inbound.ts';
import { outboundView } from './view/outbound.ts';
import { proxyOf } from './view/proxy.ts';

export interface Translation {
  /** What is wrong with the mesh as a whole, beyond single objects. */
  readonly problems: readonly Problem[];
  /** What the proxy that calls itself `node` is to have; undefined for what is no proxy of a mesh. */
  configuration(node: NodeInfo): Configuration | undefined;
  /** What objects take from each other as this proxy sees them: VirtualServices that lose a host. */
  conflicts(node: NodeInfo): readonly Problem[];
}

/** Everything that follows from one snapshot. */
export const translate = (snapshot: Snapshot, installation: Installation = defaultInstallation): Translation => {
  const resolved = resolveMesh(installation, snapshot);
  const view = (node: NodeInfo): ProxyView | undefined => {
    const proxy = proxyOf(node, installation, resolved.pods);
    return proxy === undefined ? undefined : viewOf(resolved, proxy);
  };
  return {
    problems: resolved.problems,
    configuration: (node) => {
      const seen = view(node);
      return seen === undefined ? undefined : configurationOf(resolved, seen);
    },
    conflicts: (node) => {
      const seen = view(node);
      if (seen === undefined) return [];
      return outboundListeners(seen).routeNames.flatMap((name) => routeProblems(seen.outbound, name));
    },
  };
};

function viewOf(resolved: ResolvedMesh, proxy: Proxy): ProxyView {
  return {
    settings: resolved.mesh.settings,
    proxy,
    outbound: outboundView(resolved, proxy),
    inbound: inboundView(resolved, proxy),
  };
}

function configurationOf({ mesh }: ResolvedMesh, view: ProxyView): Configuration {
  const { settings, outbound, inbound, proxy } = view;
  const { listeners, routeNames } = outboundListeners(view);
  const place = dependsOnCaller(settings, outbound) ? placeOf(proxy) : nowhere;
  return {
    cluster: [
      outboundClusterLayer(settings, outbound, inlineEndpoints(outbound, mesh.endpoints), clusterFacts(proxy), place),
      layer(inbound.scope, inboundClusters(settings, inbound, inboundFacts(proxy))),
    ],
    endpoint: [endpointLayer(settings, outbound, mesh.endpoints, clusterFacts(proxy), place)],
    listener: [layer(inbound.scope, [...listeners, ...inboundListeners(view)])],
    route: [routeLayer(settings, outbound, sharedValue(routeNames))],
  };
}

/** One layer per distinct list of resources, so that comparing two layers by identity is enough. */
const layer = (scope: string, resources: readonly Resource[]): Layer => sharedLayer(sharedList(resources), scope);

const sharedLayer = memo((resources: readonly Resource[], scope: string): Layer => ({
  scope,
  resources: new Map(resources.map((resource) => [resource.name, resource])),
}));

type EndpointMap = ReadonlyMap<string, ServiceEndpoints>;

const none: readonly Endpoint[] = [];

const endpointsOf = (endpoints: EndpointMap, view: ServiceView, port: number): readonly Endpoint[] =>
  endpoints.get(serviceKey(view.service))?.get(port) ?? none;

/** Endpoints that clusters hold themselves, because Envoy asks DNS for their addresses. */
const inlineEndpoints = (outbound: OutboundView, endpoints: EndpointMap): readonly ServiceEndpoints[] =>
  sharedList(inlineServices(outbound).map((view) => endpoints.get(serviceKey(view.service)) ?? noEndpoints));

const noEndpoints: ServiceEndpoints = new Map();

const inlineServices = memo((outbound: OutboundView): readonly ServiceView[] =>
  outbound.services.filter(({ service: { resolution } }) => resolution === 'dns' || resolution === 'dns-round-robin'),
);

const outboundClusterLayer = memo(
  (
    settings: MeshSettings,
    outbound: OutboundView,
    inline: readonly ServiceEndpoints[],
    facts: ClusterFacts,
    place: CallerPlace,
  ): Layer => {
    const endpoints: EndpointMap = new Map(
      inlineServices(outbound).map((view, i) => [serviceKey(view.service), inline[i] ?? noEndpoints]),
    );
    const resources = outbound.services.flatMap((view) =>
      view.service.ports.flatMap((port) =>
        outboundClusters(settings, facts, view, port, endpointsOf(endpoints, view, port.number), place),
      ),
    );
    return layer(outbound.scope, [...resources, ...outboundFixedClusters(settings)]);
  },
);

const endpointLayer = memo(
  (
    settings: MeshSettings,
    outbound: OutboundView,
    endpoints: EndpointMap,
    facts: ClusterFacts,
    place: CallerPlace,
  ): Layer =>
    layer(
      outbound.scope,
      outbound.services.flatMap((view) =>
        view.service.ports
          .filter((port) => port.protocol !== 'UDP')
          .flatMap((port) =>
            [undefined, ...(view.policy?.subsets ?? [])]
              .filter(
                (subset) => discovery(view, effectivePolicy(view.policy, port.number, subset), facts) === 'endpoints',
              )
              .map((subset) =>
                loadAssignment(settings, view, port.number, subset, endpointsOf(endpoints, view, port.number), place),
              ),
          ),
      ),
    ),
);

const routeLayer = memo((settings: MeshSettings, outbound: OutboundView, names: readonly string[]): Layer =>
  layer(
    outbound.scope,
    names.flatMap((name) => routeConfiguration(settings, outbound, name) ?? []),
  ),
);

/** Whether any service in sight is reached differently from different places. */
const dependsOnCaller = memo(
  (settings: MeshSettings, outbound: OutboundView): boolean =>
    settings.localityLbSetting?.distribute !== undefined ||
    outbound.services.some(({ service, policy }) => service.nodeLocal || service.preferClose || usesLocality(policy)),
);

const usesLocality = (policy: DestinationPolicy | undefined): boolean =>
  policy !== undefined &&
  [
    policy.trafficPolicy,
    ...(policy.trafficPolicy?.portLevelSettings ?? []),
    ...policy.subsets.flatMap(({ trafficPolicy }) => [trafficPolicy, ...(trafficPolicy?.portLevelSettings ?? [])]),
  ].some((each) => each?.outlierDetection !== undefined || each?.loadBalancer?.localityLbSetting !== undefined);

/** Nothing is intercepted, nothing comes in by itself: then only what the Sidecar object lists. */
function inboundClusters(settings: MeshSettings, inbound: InboundView, facts: InboundFacts): readonly Resource[] {
  return [
    ...inbound.ports.map((port) => inboundCluster(settings, facts, port)),
    ...inboundFixedClusters(settings, facts),
  ];
}

const clusterFacts = ({ type, ipAddresses }: Proxy): ClusterFacts =>
  sharedValue({
    proxyType: type,
    ipv4: ipAddresses.some((ip) => !ip.includes(':')),
    ipv6: ipAddresses.some((ip) => ip.includes(':')),
  });

const inboundFacts = ({ ipAddresses }: Proxy): InboundFacts => sharedValue({ address: ipAddresses[0] ?? '' });

const placeOf = ({ locality, labels, network, nodeName }: Proxy): CallerPlace =>
  sharedValue({ locality, labels, network, nodeName });

const nowhere: CallerPlace = sharedValue({ locality: unknownLocality, labels: {}, network: '', nodeName: '' });
