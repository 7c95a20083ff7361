// The clusters of a service behind a waypoint: its endpoints, for requests and for connections, and those of its subsets.
// What is sent to an endpoint that takes tunnels goes to a listener of the waypoint's own, which begins them.
// https://istio.io/latest/docs/ambient/architecture/data-plane/
import { memo } from '../../model/memo.ts';
import type { Endpoint, MeshSettings, PolicySubset, ServiceEndpoints, ServicePort } from '../../model/mesh/mesh.ts';
import { isDatagram } from '../../model/mesh/service-port.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { ServiceView } from '../../model/view.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { clusterMetadata } from '../envoy/cluster/cluster-metadata.ts';
import { httpOptions } from '../envoy/cluster/connection-pool.ts';
import { towardsHosts } from '../envoy/cluster/host-choice.ts';
import type { ClusterFacts } from '../envoy/cluster/outbound-cluster.ts';
import { discovery, hosts, tlsOf } from '../envoy/cluster/outbound-cluster.ts';
import { plainSocket, wrapProxyProtocol } from '../envoy/cluster/proxy-protocol.ts';
import type { EffectivePolicy } from '../envoy/cluster/traffic-policy.ts';
import { clusterPolicy } from '../envoy/cluster/traffic-policy.ts';
import { destinationOfHost, internalUpstream, meshOfHost } from '../envoy/cluster/tunnel-upstream.ts';
import { isOriginated, upstreamTls } from '../envoy/cluster/upstream-tls.ts';
import { assignment } from '../envoy/endpoint/load-assignment.ts';
import type { CallerPlace } from '../envoy/endpoint/locality.ts';
import { localityRule } from '../envoy/endpoint/locality.ts';
import type { Reach } from '../envoy/endpoint/reach.ts';
import { statName, vipCluster, vipSubset } from '../names.ts';
import { from, merge } from '../provenance.ts';
import { isHttp } from '../resolve/services/protocol.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

/** As what a port's traffic is handled. */
export type TrafficLayer = 'tcp' | 'http';

/** Where the protocol is found out only when somebody connects, it can be either. */
export const layersOf = (port: ServicePort): readonly TrafficLayer[] => {
  const { protocol } = port;
  if (isDatagram(port)) return [];
  return protocol === 'Auto' ? ['tcp', 'http'] : isHttp(protocol) ? ['http'] : ['tcp'];
};

/** Where a waypoint stands and what it reaches. */
export interface WaypointPlace {
  readonly facts: ClusterFacts;
  readonly place: CallerPlace;
  readonly reach: Reach | undefined;
}

interface Vip {
  readonly view: ServiceView;
  readonly port: ServicePort;
  readonly layer: TrafficLayer;
  readonly subset: PolicySubset | undefined;
  readonly policy: EffectivePolicy;
  readonly name: string;
}

/** One for each port, layer and subset. */
export const vipClusters = memo(
  (
    settings: MeshSettings,
    facts: ClusterFacts,
    place: CallerPlace,
    reach: Reach | undefined,
    view: ServiceView,
    endpoints: ServiceEndpoints,
  ): readonly Resource[] =>
    vips(settings, view).map((vip) => {
      const own = endpoints.get(vip.port.number) ?? none;
      const message = cluster(settings, { facts, place, reach }, vip, own);
      return { type: resourceTypes.cluster, name: vip.name, message };
    }),
);

/** Those of the clusters whose endpoints Envoy is told. */
export const vipAssignments = memo(
  (
    settings: MeshSettings,
    facts: ClusterFacts,
    place: CallerPlace,
    reach: Reach | undefined,
    view: ServiceView,
    endpoints: ServiceEndpoints,
  ): readonly Resource[] =>
    vips(settings, view)
      .filter(({ policy }) => discovery(view, policy, facts) === 'endpoints')
      .map((vip) => {
        const own = endpoints.get(vip.port.number) ?? none;
        const message = assigned(settings, { facts, place, reach }, vip, own);
        return { type: resourceTypes.endpoint, name: vip.name, message };
      }),
);

const none: readonly Endpoint[] = [];

const vips = (settings: MeshSettings, view: ServiceView): readonly Vip[] =>
  view.service.ports.flatMap((port) =>
    [undefined, ...(view.policy?.subsets ?? [])].flatMap((subset) =>
      layersOf(port).map((layer) => ({
        view,
        port,
        layer,
        subset,
        policy: clusterPolicy(settings, view.policy, port.number, subset),
        name: vipCluster(layer, view.service.hostname, port.number, subset?.name ?? ''),
      })),
    ),
  );

function cluster(settings: MeshSettings, where: WaypointPlace, vip: Vip, endpoints: readonly Endpoint[]): Cluster {
  const { view, port, layer, subset, policy, name } = vip;
  const found = discovery(view, policy, where.facts);
  const inline = found === 'dns' || found === 'dns-round-robin' ? assigned(settings, where, vip, endpoints) : undefined;
  return merge<Cluster>(
    from(view.service.source, {
      name,
      alt_stat_name: statName(name),
      ...hosts(settings, where.facts, found, name, view, inline),
    }),
    ...towardsHosts(settings, view, policy, found, localityRule(settings, view.service, policy)),
    httpOptions(settings, port.protocol, policy.connectionPool, { inbound: false }),
    { transport_socket: socket(settings, where, vip) },
    from(subset?.source ?? view.policy?.sources[0] ?? view.service.source, {
      metadata: clusterMetadata(view, vipSubset(layer, subset?.name ?? '')),
    }),
  );
}

const assigned = (
  settings: MeshSettings,
  { place, reach }: WaypointPlace,
  { view, subset, policy, name }: Vip,
  endpoints: readonly Endpoint[],
) => assignment(name, endpoints, policy, subset, localityRule(settings, view.service, policy), place, reach, 'tunnels');

/** Mutual TLS of the mesh is the tunnel's; what is inside it may have TLS of the user's own. */
function socket(
  settings: MeshSettings,
  { facts }: WaypointPlace,
  { view, port, subset, policy }: Vip,
): NonNullable<Cluster['transport_socket']> {
  const found = discovery(view, policy, facts);
  const own = isOriginated(policy.tls) ? upstreamTls(tlsOf(settings, facts, view, port, subset, policy, found)) : {};
  const inside = wrapProxyProtocol(own, policy.proxyProtocol).transport_socket ?? plainSocket;
  return internalUpstream('internal_upstream', inside, [destinationOfHost, meshOfHost]);
}
