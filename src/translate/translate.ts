// Translation: from a snapshot of objects to the configuration of each proxy. Pure: the same snapshot and node give the
// same bytes. What did not change keeps its identity from one snapshot to the next.
import type { KeySets } from '../model/external/key-source.ts';
import { noKeySets } from '../model/external/key-source.ts';
import { memo, memoLast, sharedValue } from '../model/memo.ts';
import type { Modules } from '../model/external/module-source.ts';
import { addressFamilies } from '../model/mesh/address-families.ts';
import type { Mesh, MeshSettings } from '../model/mesh/mesh.ts';
import { layer } from '../model/envoy/layer.ts';
import type { PatchPlaces } from '../model/envoy/patch-places.ts';
import type { Problem } from '../model/problem.ts';
import type { Proxy } from '../model/proxy/proxy.ts';
import type { Configuration, Layer, NodeInfo, Resource } from '../model/envoy/resource.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { ObjectStatus } from '../model/status.ts';
import type { InboundView, OutboundView, ProxyView } from '../model/view.ts';
import { inboundFixedClusters } from './envoy/cluster/fixed-clusters.ts';
import type { InboundFacts } from './envoy/cluster/inbound-cluster.ts';
import { inboundCluster } from './envoy/cluster/inbound-cluster.ts';
import { dnsListeners } from './envoy/listener/dns/dns-listener.ts';
import { inboundListeners } from './envoy/listener/inbound/inbound-listener.ts';
import type { CallerPlace } from './envoy/endpoint/locality.ts';
import { reachFrom } from './envoy/endpoint/reach.ts';
import type { ClusterFacts } from './envoy/cluster/outbound-cluster.ts';
import { policyProblems } from './envoy/rbac/policy-problems.ts';
import { outboundListeners } from './envoy/listener/outbound/outbound-listeners.ts';
import { routeProblems } from './envoy/virtual-host/route-configuration.ts';
import type { CallerFacts } from './outbound-layers.ts';
import { routeLayers, sendingLayers } from './outbound-layers.ts';
import type { Diagnosis } from './diagnosis/diagnosis.ts';
import { diagnosis, unusableRoutes } from './diagnosis/diagnosis.ts';
import { isCredentialGranted } from './gateway/servers/granted-credentials.ts';
import { gatewayConflicts, routerConfiguration } from './gateway/router-configuration.ts';
import { listenerLayers } from './listener-layers.ts';
import { lazyConfiguration } from './lazy/lazy-configuration.ts';
import { isLazy } from './lazy/lazy-proxy.ts';
import { withExtensions } from './envoy/extension/extension-layer.ts';
import type { PatchedProxy } from './patch/proxy-patches.ts';
import { patchedProxy } from './patch/proxy-patches.ts';
import { groupEnvoyFilters, patchProblems } from './patch/selection.ts';
import type { DeploymentPlan } from './resolve/gateway-api/deployment/plan.ts';
import { deploymentPlan } from './resolve/gateway-api/deployment/plan.ts';
import { processorProblems } from './resolve/extensions/extension.ts';
import type { Installation } from './resolve/settings/mesh-settings.ts';
import { defaultInstallation } from './resolve/settings/mesh-settings.ts';
import { unresolvedReferences } from './resolve/references/unresolved.ts';
import { limitsOfProxy } from './resolve/limits/load-limit.ts';
import { limitProblems } from './resolve/limits/rate-limit.ts';
import type { ResolvedMesh } from './resolve/mesh.ts';
import { resolveMesh } from './resolve/mesh.ts';
import { policyStatuses } from './resolve/waypoint/policy-status.ts';
import { inboundConflicts } from './view/inbound.ts';
import type { Target } from './view/targets.ts';
import { serviceTargets, targetSources } from './view/targets.ts';
import { proxyView } from './view/proxy-view.ts';
import { waypointConflicts } from './waypoint/served.ts';
import { waypointConfiguration } from './waypoint/waypoint-configuration.ts';

export interface Translation extends Diagnosis {
  /** What is wrong with the mesh as a whole, beyond single objects. */
  readonly problems: readonly Problem[];
  /** What objects name and what is not there: told of meshes that are known as a whole. */
  unresolved(): readonly Problem[];
  /** What the proxy that calls itself `node` is to have; undefined for what is no proxy of a mesh. */
  configuration(node: NodeInfo): Configuration | undefined;
  /** Services, endpoints and settings, whichever API they were written in. */
  readonly mesh: Mesh;
  /** What the proxy sees of the mesh; undefined for what is no proxy of a mesh. */
  view(node: NodeInfo): ProxyView | undefined;
  /** What objects do to each other as this proxy sees them: hosts and ports that are lost, rules that cannot see what they look at. */
  conflicts(node: NodeInfo): readonly Problem[];
  /** Whether a gateway that the proxy serves names this credential (`kubernetes-gateway://...`), and may do so. */
  isCredentialGranted(node: NodeInfo, name: string): boolean;
  /** What is to run for the Gateways of Gateway API. Each plan is the same object as long as it says the same. */
  deployments(): readonly DeploymentPlan[];
  /** What the objects that have a status of ours are told. The same object as long as it says the same. */
  statuses(): readonly ObjectStatus[];
  /** Every patch that is for this proxy, and how many places in its configuration it is about. */
  patchPlaces(node: NodeInfo): readonly PatchPlaces[];
}

/** Everything that follows from one snapshot, and from the keys of issuers that were fetched. */
export const translate = (
  snapshot: Snapshot,
  installation: Installation = defaultInstallation,
  keySets: KeySets = noKeySets,
  modules?: Modules,
): Translation => {
  const resolved = resolveMesh(installation, snapshot, keySets);
  const view = (node: NodeInfo): ProxyView | undefined => proxyView(resolved, installation, node);
  const told = <T>(node: NodeInfo, tell: (seen: ProxyView) => readonly T[]): readonly T[] => {
    const seen = view(node);
    return seen === undefined ? [] : tell(seen);
  };
  const { types } = installation;
  const filters = groupEnvoyFilters(snapshot.objects.EnvoyFilter);
  const patchedView = (seen: ProxyView): PatchedProxy =>
    patchedProxy(types, filters, resolved.mesh, seen, configurationOf(resolved, seen));
  return {
    problems: [
      ...resolved.problems,
      ...processorProblems(snapshot.objects.ExternalProcessor, resolved.mesh),
      ...limitProblems(snapshot.objects.RateLimitPolicy, resolved.mesh.services, resolved.mesh.settings),
      ...patchProblems(types, snapshot.objects.EnvoyFilter),
    ],
    unresolved: () => unresolvedReferences(resolved.mesh, snapshot.objects, resolved.isSelected),
    mesh: resolved.mesh,
    view,
    configuration: (node) => {
      const seen = view(node);
      if (seen === undefined) return undefined;
      const patched = patchedView(seen);
      const full = withExtensions(patched.configuration, {
        extensions: seen.extensions,
        others: patched.extensions,
        modules,
      });
      return isLazy(seen.proxy, snapshot, seen.settings.rootNamespace) ? lazyConfiguration(full) : full;
    },
    patchPlaces: (node) => told(node, (seen) => patchedView(seen).places),
    conflicts: (node) =>
      told(node, (seen) => [...patchedView(seen).problems, ...conflictsOf(resolved, seen, snapshot.objects.Secret)]),
    ...diagnosis(resolved, snapshot.objects, view),
    isCredentialGranted: (node, name) => {
      const seen = view(node);
      return seen !== undefined && isCredentialGranted(resolved, seen.proxy, name);
    },
    deployments: () => deploymentPlans(resolved, snapshot, installation),
    statuses: () => statusesOf(resolved, snapshot),
  };
};

/** What objects take from each other in one proxy, besides patches. */
function conflictsOf(
  resolved: ResolvedMesh,
  seen: ProxyView,
  secrets: Snapshot['objects']['Secret'],
): readonly Problem[] {
  if (seen.proxy.type === 'waypoint') return waypointConflicts(resolved, seen);
  if (seen.proxy.type === 'router') return gatewayConflicts(resolved, seen, callerFacts(resolved.mesh, seen), secrets);
  return sidecarConflicts(seen, serviceTargets(targetSources(resolved), seen.proxy));
}

const sidecarConflicts = memo((seen: ProxyView, targets: readonly Target[]): readonly Problem[] => {
  const { routeNames, problems } = outboundListeners(seen);
  return [
    ...allRouteProblems(seen.outbound, routeNames),
    ...problems,
    ...unusableRoutes(seen.outbound),
    ...inboundConflicts(seen.proxy, targets),
    ...policyProblems(seen.inbound),
  ];
});

const allRouteProblems = memo((outbound: OutboundView, routeNames: readonly string[]): readonly Problem[] =>
  routeNames.flatMap((name) => routeProblems(outbound, name)),
);

/** What waypoints and the proxies of nodes make of policies is told where there are such. */
function statusesOf(
  { mesh, gatewayApi, ingress, waypoints }: ResolvedMesh,
  { objects }: Snapshot,
): readonly ObjectStatus[] {
  const { features, rootNamespace } = mesh.settings;
  return [
    ...gatewayApi.statuses(mesh.endpoints),
    ...ingress.statuses(),
    ...(features.ambient ? policyStatuses({ rootNamespace, objects, waypoints }) : []),
  ];
}

const deploymentPlans = (
  { gatewayApi: { results } }: ResolvedMesh,
  { objects }: Snapshot,
  { systemNamespace }: Installation,
): readonly DeploymentPlan[] =>
  results.flatMap((result) => deploymentPlan(result, objects.ConfigMap, systemNamespace) ?? []);

function configurationOf(resolved: ResolvedMesh, view: ProxyView): Configuration {
  switch (view.proxy.type) {
    case 'router':
      return routerConfiguration(resolved, view, callerFacts(resolved.mesh, view));
    case 'waypoint':
      return waypointConfiguration(resolved, view, callerFacts(resolved.mesh, view));
    default:
      return sidecarConfiguration(resolved.mesh, view);
  }
}

const sidecarConfiguration = (mesh: Mesh, view: ProxyView): Configuration =>
  sidecarSeeing(view, mesh.endpoints, mesh.networks);

/** The same object for a proxy as long as it is to have the same. */
const sidecarSeeing = memoLast(
  (view: ProxyView, endpoints: Mesh['endpoints'], networks: Mesh['networks']): Configuration => {
    const { settings, outbound, inbound, proxy, telemetry } = view;
    const sent = outboundListeners(view);
    const received = receivedBy(inbound, settings, proxy, telemetry);
    const { cluster, endpoint } = sendingLayers(settings, outbound, endpoints, callerFacts({ networks }, view));
    const dns = dnsListeners(view, endpoints);
    return configurationWith(
      proxy,
      beside(received.cluster, cluster),
      endpoint,
      listenersOf(proxy, sent.listeners, received.listeners, dns, outbound.scope, inbound.scope),
      routeLayers(settings, outbound, sent.routeNames),
    );
  },
);

const beside = memoLast((own: Layer, shared: readonly Layer[]): readonly Layer[] => [...shared, own]);

const configurationWith = memoLast(
  (
    _proxy: Proxy,
    cluster: readonly Layer[],
    endpoint: readonly Layer[],
    listener: readonly Layer[],
    route: readonly Layer[],
  ): Configuration => ({
    cluster,
    endpoint,
    listener,
    route,
    virtualHost: [],
    extension: [],
  }),
);

/** What is for the traffic that comes in: whatever the proxy sends. */
const receivedBy = memoLast(
  (inbound: InboundView, settings: MeshSettings, proxy: Proxy, telemetry: ProxyView['telemetry']) => ({
    cluster: inboundClusterLayer(settings, inbound, inboundFacts(proxy, settings)),
    listeners: inboundListeners({ settings, proxy, inbound, telemetry }),
  }),
);

const listenersOf = memoLast(
  (
    _proxy: Proxy,
    sent: readonly Resource[],
    received: readonly Resource[],
    dns: readonly Resource[],
    sender: string,
    receiver: string,
  ): readonly Layer[] => listenerLayers(sent, dns.length === 0 ? received : [...received, ...dns], sender, receiver),
);

const inboundClusterLayer = memo((settings: MeshSettings, inbound: InboundView, facts: InboundFacts): Layer =>
  layer(inbound.scope, inboundClusters(settings, inbound, facts)),
);

/** Nothing is intercepted, nothing comes in by itself: then only what the Sidecar object lists. */
function inboundClusters(settings: MeshSettings, inbound: InboundView, facts: InboundFacts): readonly Resource[] {
  const loads = limitsOfProxy(inbound.policies.limits);
  return [
    ...inbound.ports.map((port) => inboundCluster(settings, facts, loads, port)),
    ...inboundFixedClusters(settings, facts, loads),
  ];
}

const callerFacts = ({ networks }: Pick<Mesh, 'networks'>, { settings, proxy }: ProxyView): CallerFacts =>
  factsOf(proxy, settings, networks);

const factsOf = memoLast((proxy: Proxy, settings: MeshSettings, networks: Mesh['networks']): CallerFacts => ({
  facts: clusterFacts(proxy, settings),
  place: placeOf(proxy),
  reach: reachFrom(networks, proxy.network, requestedNetworks(proxy)),
}));

const clusterFacts = (proxy: Proxy, settings: MeshSettings): ClusterFacts =>
  sharedValue({ proxyType: proxy.type, families: addressFamilies(settings, proxy) });

const inboundFacts = (proxy: Proxy, settings: MeshSettings): InboundFacts =>
  sharedValue({ address: proxy.ipAddresses[0] ?? '', families: addressFamilies(settings, proxy) });

const placeOf = ({ locality, labels, network, nodeName }: Proxy): CallerPlace =>
  sharedValue({ locality, labels, network, nodeName });

/** An east-west gateway asks for the endpoints of some networks only. */
const requestedNetworks = ({ metadata }: Proxy): string | undefined => {
  const asked = metadata['REQUESTED_NETWORK_VIEW'];
  return typeof asked === 'string' ? asked : undefined;
};
