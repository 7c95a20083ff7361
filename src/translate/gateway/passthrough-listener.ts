// The listeners of an east-west gateway: mutual TLS of the mesh comes in, and its server name, which says the service, port
// and subset that the client chose, leads to the cluster of the same name. Nothing is decrypted on the way.
// https://istio.io/latest/docs/ops/deployment/deployment-models/#multiple-networks
import { memo, sharedList } from '../../model/memo.ts';
import type { MeshSettings, ServicePort } from '../../model/mesh.ts';
import type { Resource } from '../../model/resource.ts';
import { resourceTypes } from '../../model/resource.ts';
import { at } from '../../model/source.ts';
import type { ServiceView } from '../../model/view.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { listenerName, meshServerName } from '../names.ts';
import { from } from '../provenance.ts';
import type { ClusterFacts } from '../envoy/cluster/outbound-cluster.ts';
import { clusterSubsets } from '../envoy/cluster/outbound-cluster.ts';
import { tcpProxy } from '../envoy/filter/tcp-proxy.ts';
import { acceptSlowly, additionalAddresses, listenerAddress } from '../envoy/listener/listener-address.ts';
import type { ConnectionFacts, LocalAddresses } from '../envoy/listener/listener-facts.ts';
import { tlsInspector } from '../envoy/listener/listener-filters.ts';
import { statPrefix } from '../envoy/listener/stat-prefix.ts';
import { handshakeTimeout } from '../envoy/listener/tcp-route.ts';
import type { PassthroughServer } from './passthrough-servers.ts';
import { admitsService } from './passthrough-servers.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];

/** What the listeners depend on of the proxy itself. */
export interface GatewayFacts {
  readonly clusters: ClusterFacts;
  readonly connection: ConnectionFacts;
  readonly addresses: LocalAddresses;
}

/** One for each address and port; servers on the same one let in what any of them does. `services` are those with clusters. */
export function passthroughListeners(
  settings: MeshSettings,
  facts: GatewayFacts,
  servers: readonly PassthroughServer[],
  services: readonly ServiceView[],
): readonly Resource[] {
  const [wildcard] = facts.addresses.wildcards;
  const bySocket = Map.groupBy(servers, ({ bind, port }) => listenerName(bind === '' ? wildcard : bind, port));
  return [...bySocket.values()].flatMap((own) => {
    const admitted = services.filter(({ service }) => own.some((server) => admitsService(server, service)));
    return passthroughListener(settings, facts, sharedList(own), sharedList(admitted));
  });
}

/** Without anything to let in there is no listener. */
const passthroughListener = memo(
  (
    settings: MeshSettings,
    { addresses, clusters, connection }: GatewayFacts,
    servers: readonly PassthroughServer[],
    services: readonly ServiceView[],
  ): readonly Resource[] => {
    const { bind = '', port = 0 } = servers[0] ?? {};
    const [first, ...others] = bind === '' ? addresses.wildcards : ([bind] as const);
    const chains = services.flatMap((view) => serviceChains(settings, clusters, connection, view));
    if (chains.length === 0) return [];
    const name = listenerName(first, port);
    const message: Listener = {
      name,
      address: listenerAddress(first, port),
      ...additionalAddresses(others, port),
      traffic_direction: 'OUTBOUND',
      listener_filters: [tlsInspector],
      filter_chains: chains,
      ...acceptSlowly,
    };
    const sources = servers.map(({ source }) => source);
    return [{ type: resourceTypes.listener, name, message: from(sources, message) }];
  },
);

const serviceChains = memo(
  (
    settings: MeshSettings,
    clusters: ClusterFacts,
    connection: ConnectionFacts,
    view: ServiceView,
  ): readonly FilterChain[] =>
    view.service.ports.flatMap((port, i) =>
      clusterSubsets(clusters, view, port).map((subset) =>
        from(
          subset?.source ?? at(view.service.source, `spec.ports[${i}]`),
          chain(settings, connection, view, port, subset?.name ?? ''),
        ),
      ),
    ),
);

/** What a client of the mesh offers when it speaks mutual TLS, which nobody else does. */
const meshProtocols = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

function chain(
  settings: MeshSettings,
  connection: ConnectionFacts,
  { service, policy }: ServiceView,
  port: ServicePort,
  subset: string,
): FilterChain {
  const cluster = meshServerName(service.hostname, port.number, subset);
  const prefix = statPrefix(settings.outboundClusterStatName, cluster, {
    service,
    host: service.hostname,
    port,
    portNumber: port.number,
    subset,
  });
  return {
    filter_chain_match: { server_names: [cluster], application_protocols: meshProtocols },
    filters: [tcpProxy(settings, { cluster, statPrefix: prefix }, connection, policy, subset)],
    ...handshakeTimeout,
  };
}
