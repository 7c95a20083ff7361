// Translation: from a snapshot of objects to the configuration of each proxy. Pure: the same snapshot and node give the
// same bytes. What did not change keeps its identity from one snapshot to the next.
import { memo, sharedList, sharedValue } from '../model/memo.ts';
import type { Endpoint, MeshSettings, ServiceEndpoints } from '../model/mesh.ts';
import { serviceKey } from '../model/mesh.ts';
import type { Problem } from '../model/problem.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Configuration, Layer, NodeInfo, Resource } from '../model/resource.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { InboundView, OutboundView, ProxyView, ServiceView } from '../model/view.ts';
import { inboundFixedClusters, outboundFixedClusters } from './envoy/fixed-clusters.ts';
import type { InboundFacts } from './envoy/inbound-cluster.ts';
import { inboundCluster } from './envoy/inbound-cluster.ts';
import { inboundListeners } from './envoy/inbound-listener.ts';
import { loadAssignment } from './envoy/load-assignment.ts';
import type { LocalityView } from './envoy/locality.ts';
import type { ClusterFacts } from './envoy/outbound-cluster.ts';
import { discovery, outboundClusters } from './envoy/outbound-cluster.ts';
import { outboundListeners } from './envoy/outbound-listeners.ts';
import { routeConfiguration } from './envoy/route-configuration.ts';
import { effectivePolicy } from './envoy/traffic-policy.ts';
import type { Installation } from './resolve/mesh-settings.ts';
import { defaultInstallation } from './resolve/mesh-settings.ts';
import type { ResolvedMesh } from './resolve/mesh.ts';
import { resolveMesh } from './resolve/mesh.ts';
import { inboundView, serviceSelectors } from './view/inbound.ts';
import { outboundView } from './view/outbound.ts';
import { proxyOf } from './view/proxy.ts';

export interface Translation {
  /** What is wrong with the mesh as a whole, beyond single objects. */
  readonly problems: readonly Problem[];
  /** What the proxy that calls itself `node` is to have; undefined for what is no proxy of a mesh. */
  configuration(node: NodeInfo): Configuration | undefined;
}

/** Everything that follows from one snapshot. */
export const translate = (snapshot: Snapshot, installation: Installation = defaultInstallation): Translation => {
  const resolved = resolveMesh(installation, snapshot);
  return {
    problems: resolved.problems,
    configuration: (node) => {
      const proxy = proxyOf(node, installation, resolved.pods);
      return proxy === undefined ? undefined : configurationOf(resolved, viewOf(resolved, snapshot, proxy));
    },
  };
};

function viewOf(resolved: ResolvedMesh, snapshot: Snapshot, proxy: Proxy): ProxyView {
  return {
    settings: resolved.mesh.settings,
    proxy,
    outbound: outboundView(resolved, proxy),
    inbound: inboundView(resolved, proxy, serviceSelectors(snapshot.objects.Service)),
  };
}

function configurationOf({ mesh }: ResolvedMesh, view: ProxyView): Configuration {
  const { settings, outbound, inbound, proxy } = view;
  const place = placeOf(proxy);
  const facts = clusterFacts(proxy);
  const outboundListening = outboundListeners(view);
  const inboundScope = inbound.scope;
  return {
    cluster: [
      outboundClusterLayer(settings, outbound, mesh.endpoints, facts, place),
      layer(inboundScope, inboundClusters(settings, inbound, inboundFacts(proxy))),
    ],
    endpoint: [endpointLayer(settings, outbound, mesh.endpoints, facts, place, proxy.nodeName)],
    listener: [layer(inboundScope, [...outboundListening.listeners, ...inboundListeners(view)])],
    route: [routeLayer(settings, outbound, outboundListening.routeNames)],
  };
}

/** One layer per distinct list of resources, so that comparing two layers by identity is enough. */
function layer(scope: string, resources: readonly Resource[]): Layer {
  return sharedLayer(sharedList(resources), scope);
}

const sharedLayer = memo(
  (resources: readonly Resource[], scope: string): Layer => ({ scope, resources: new Map(resources.map((resource) => [resource.name, resource])) }),
);

const noEndpoints: ServiceEndpoints = new Map();
const none: readonly Endpoint[] = [];

const endpointsOf = (endpoints: ReadonlyMap<string, ServiceEndpoints>, view: ServiceView, port: number): readonly Endpoint[] =>
  (endpoints.get(serviceKey(view.service)) ?? noEndpoints).get(port) ?? none;

function outboundClusterLayer(
  settings: MeshSettings,
  outbound: OutboundView,
  endpoints: ReadonlyMap<string, ServiceEndpoints>,
  facts: ClusterFacts,
  place: LocalityView,
): Layer {
  const resources = outbound.services.flatMap((view) =>
    view.service.ports.flatMap((port) => outboundClusters(settings, facts, view, port, endpointsOf(endpoints, view, port.number), place)),
  );
  return layer(outbound.scope, [...resources, ...outboundFixedClusters(settings)]);
}

function endpointLayer(
  settings: MeshSettings,
  outbound: OutboundView,
  endpoints: ReadonlyMap<string, ServiceEndpoints>,
  facts: ClusterFacts,
  place: LocalityView,
  nodeName: string,
): Layer {
  const resources = outbound.services.flatMap((view) =>
    view.service.ports
      .filter((port) => port.protocol !== 'UDP')
      .flatMap((port) =>
        [undefined, ...(view.policy?.subsets ?? [])]
          .filter((subset) => discovery(view, effectivePolicy(view.policy, port.number, subset), facts) === 'endpoints')
          .map((subset) => loadAssignment(settings, view, port.number, subset, endpointsOf(endpoints, view, port.number), place, nodeName)),
      ),
  );
  return layer(outbound.scope, resources);
}

const routeLayer = (settings: MeshSettings, outbound: OutboundView, names: readonly string[]): Layer =>
  layer(outbound.scope, names.flatMap((name) => routeConfiguration(settings, outbound, name) ?? []));

/** Nothing is intercepted, nothing comes in by itself: then only what the Sidecar object lists. */
function inboundClusters(settings: MeshSettings, inbound: InboundView, facts: InboundFacts): readonly Resource[] {
  return [...inbound.ports.map((port) => inboundCluster(settings, facts, port)), ...inboundFixedClusters(settings, facts)];
}

const clusterFacts = ({ type, ipAddresses }: Proxy): ClusterFacts =>
  sharedValue({ proxyType: type, ipv4: ipAddresses.some((ip) => !ip.includes(':')), ipv6: ipAddresses.some((ip) => ip.includes(':')) });

const inboundFacts = ({ ipAddresses }: Proxy): InboundFacts => sharedValue({ address: ipAddresses[0] ?? '' });

const placeOf = ({ locality, labels, network }: Proxy): LocalityView => sharedValue({ locality, labels, network });
