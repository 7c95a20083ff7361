// East-west gateways: mutual TLS of the mesh comes in, and its server name, which says the service, port and subset that the
// client chose, leads to the cluster of the same name. Nothing is decrypted on the way.
// https://istio.io/latest/docs/ops/deployment/deployment-models/#multiple-networks
import { memo, sharedList } from '../../../model/memo.ts';
import type { MeshSettings, ServicePort } from '../../../model/mesh/mesh.ts';
import { at } from '../../../model/source.ts';
import type { ServiceView } from '../../../model/view.ts';
import { meshServerName } from '../../names.ts';
import { from } from '../../provenance.ts';
import type { ClusterFacts } from '../../envoy/cluster/outbound-cluster.ts';
import { clusterSubsets } from '../../envoy/cluster/outbound-cluster.ts';
import { tcpProxy } from '../../envoy/filter/tcp-proxy.ts';
import { chainMatch, plannedChain } from '../../envoy/listener/filter-chain.ts';
import type { ConnectionFacts } from '../../envoy/listener/listener-facts.ts';
import { statPrefix } from '../../envoy/listener/stat-prefix.ts';
import { handshakeTimeout } from '../../envoy/listener/tcp/tcp-route.ts';
import type { SourcedChain } from './gateway-chains.ts';
import type { MergedServer, MergedServers } from '../servers/merged-servers.ts';
import { isTlsServer } from '../servers/merged-servers.ts';
import { admitsService } from '../servers/server-hosts.ts';

/** HTTP in the clear has no server name to go by, whatever its TLS settings say. */
export const isAutoPassthrough = (server: MergedServer): boolean =>
  server.server.tls?.mode === 'AUTO_PASSTHROUGH' && isTlsServer(server);

export const hasAutoPassthrough = ({ sockets }: MergedServers): boolean =>
  sockets.some(({ groups }) => groups.some((group) => group.some(isAutoPassthrough)));

/** Only servers of the mesh take its mutual TLS. */
export const meshServices = memo((services: readonly ServiceView[]): readonly ServiceView[] =>
  sharedList(services.filter(({ service }) => !service.meshExternal)),
);

/** A chain for each port and subset of the services that the server admits; `services` are those with clusters. */
export const autoPassthroughChains = (
  settings: MeshSettings,
  clusters: ClusterFacts,
  connection: ConnectionFacts,
  { hosts }: MergedServer,
  services: readonly ServiceView[],
): readonly SourcedChain[] =>
  services
    .filter(({ service }) => admitsService(hosts, service.namespace, service.hostname))
    .flatMap((view) => serviceChains(settings, clusters, connection, view));

const serviceChains = memo(
  (
    settings: MeshSettings,
    clusters: ClusterFacts,
    connection: ConnectionFacts,
    view: ServiceView,
  ): readonly SourcedChain[] =>
    view.service.ports.flatMap((port, i) =>
      clusterSubsets(clusters, view, port).map((subset) => {
        const source = subset?.source ?? at(view.service.source, `spec.ports[${i}]`);
        return { source, chain: serviceChain(settings, connection, view, port, subset?.name ?? '', source) };
      }),
    ),
);

/** What a client of the mesh offers when it speaks mutual TLS, which nobody else does. */
const meshProtocols = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

function serviceChain(
  settings: MeshSettings,
  connection: ConnectionFacts,
  { service, policy }: ServiceView,
  port: ServicePort,
  subset: string,
  source: SourcedChain['source'],
): SourcedChain['chain'] {
  const cluster = meshServerName(service.hostname, port.number, subset);
  const prefix = statPrefix(settings.outboundClusterStatName, cluster, {
    service,
    host: service.hostname,
    port,
    portNumber: port.number,
    subset,
  });
  const message = {
    filters: [tcpProxy(settings, { cluster, statPrefix: prefix }, connection, policy, subset)],
    ...handshakeTimeout,
  };
  return plannedChain(
    chainMatch({ serverNames: [cluster], applicationProtocols: meshProtocols }),
    from(source, message),
    undefined,
  );
}
