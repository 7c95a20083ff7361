// Clusters for datagrams: those that the listeners of a gateway lead to, beside the same services' clusters for connections.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/udp_filters/udp_proxy
import { memo, sharedList } from '../../../model/memo.ts';
import type { Endpoint, MeshSettings, ServicePort } from '../../../model/mesh/mesh.ts';
import { serviceKey } from '../../../model/mesh/mesh.ts';
import { isDatagram, portKey } from '../../../model/mesh/service-port.ts';
import type { LoadLimit } from '../../../model/mesh/workload-policies.ts';
import { layer } from '../../../model/envoy/layer.ts';
import type { Layer, Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import type { ServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { clusterMetadata } from '../../envoy/cluster/cluster-metadata.ts';
import { connectionSettings } from '../../envoy/cluster/connection-pool.ts';
import { loadBalancing } from '../../envoy/cluster/load-balancing.ts';
import { commonLbConfig } from '../../envoy/cluster/host-choice.ts';
import { discovery, hosts } from '../../envoy/cluster/outbound-cluster.ts';
import { clusterPolicy } from '../../envoy/cluster/traffic-policy.ts';
import { assignment, loadAssignment } from '../../envoy/endpoint/load-assignment.ts';
import { localityRule } from '../../envoy/endpoint/locality.ts';
import { datagramCluster, statName } from '../../names.ts';
import type { CallerFacts } from '../../outbound-layers.ts';
import { from, merge } from '../../provenance.ts';
import type { ResolvedMesh } from '../../resolve/mesh.ts';
import { limitedService } from '../limited-services.ts';
import { datagramRoute } from './datagram-listeners.ts';
import type { GatewayRouting } from '../routes/gateway-routing.ts';
import type { DatagramServer } from './datagram-servers.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

/** A port for datagrams of a service. */
interface Target {
  readonly view: ServiceView;
  readonly port: ServicePort;
  readonly endpoints: readonly Endpoint[];
}

/** The layers of a gateway's clusters and of their endpoints; none where it takes no datagrams. `limits` are the gateway's. */
export function datagramLayers(
  { mesh }: ResolvedMesh,
  servers: readonly DatagramServer[],
  routing: GatewayRouting,
  { facts, place, reach }: CallerFacts,
  limits: readonly LoadLimit[],
  scope: string,
): { readonly cluster: readonly Layer[]; readonly endpoint: readonly Layer[] } {
  if (servers.length === 0) return { cluster: [], endpoint: [] };
  const targets = targetsOf(mesh.endpoints, servers, routing);
  const made = targets.map(({ view, port, endpoints }) => {
    const { settings } = mesh;
    const found = discovery(view, clusterPolicy(settings, view.policy, port.number, undefined), facts);
    const inline = found === 'dns' || found === 'dns-round-robin' ? sharedList(endpoints) : undefined;
    return {
      cluster: cluster(settings, facts, limitedService(limits, view), port, inline),
      endpoint:
        found === 'endpoints'
          ? [loadAssignment(settings, view, port.number, undefined, endpoints, place, reach, 'datagrams')]
          : [],
    };
  });
  return {
    cluster: [layer(`datagrams|${scope}`, distinct(made.map((one) => one.cluster)))],
    endpoint: [layer(`datagrams|${scope}`, distinct(made.flatMap((one) => one.endpoint)))],
  };
}

const distinct = (resources: readonly Resource[]): readonly Resource[] => [...new Set(resources)];

function targetsOf(
  endpoints: ResolvedMesh['mesh']['endpoints'],
  servers: readonly DatagramServer[],
  routing: GatewayRouting,
): readonly Target[] {
  const routes = servers.flatMap((server) => datagramRoute(server, routing) ?? []);
  return routes.flatMap(({ view: { destinations }, rule: { route } }) =>
    (route.route ?? []).flatMap(({ destination }): readonly Target[] => {
      const view = destinations.find(({ service }) => service.hostname === destination.host);
      const port = view?.service.ports.find((each) => each.number === destination.port?.number && isDatagram(each));
      if (view === undefined || port === undefined) return [];
      return [{ view, port, endpoints: endpoints.get(serviceKey(view.service))?.get(portKey(port)) ?? none }];
    }),
  );
}

const none: readonly Endpoint[] = [];

/** Its hosts are told apart by nothing but their addresses: there is no TLS, and no protocol inside. */
const cluster = memo(
  (
    settings: MeshSettings,
    facts: CallerFacts['facts'],
    view: ServiceView,
    port: ServicePort,
    inline: readonly Endpoint[] | undefined,
  ): Resource => {
    const policy = clusterPolicy(settings, view.policy, port.number, undefined);
    const name = datagramCluster(view.service.hostname, port.number);
    const found = discovery(view, policy, facts);
    const rule = localityRule(settings, view.service, policy);
    const known = inline && assignment(name, inline, policy, undefined, rule, undefined, undefined, 'datagrams');
    const message = merge<Cluster>(
      from(view.service.source, {
        name,
        alt_stat_name: statName(name),
        ...hosts(settings, facts, found, name, view, known),
      }),
      connectionSettings(settings, policy.connectionPool, policy.retryBudget, view.limits),
      loadBalancing(policy.loadBalancer),
      { common_lb_config: commonLbConfig(settings, view.service, policy, found, rule) },
      from(view.policy?.sources[0] ?? view.service.source, { metadata: clusterMetadata(view, '') }),
    );
    return { type: resourceTypes.cluster, name, message };
  },
);
