// The filter chains of one port that receives traffic, and those for ports that nothing is known of.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
import { memo, sharedValue } from '../../../../model/memo.ts';
import type { MeshSettings, MtlsMode, Protocol } from '../../../../model/mesh/mesh.ts';
import type { SourceRef } from '../../../../model/source.ts';
import type { InboundPort } from '../../../../model/view.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';
import { inboundCluster, inboundPassthroughCluster, listenerName, virtualInbound } from '../../../names.ts';
import { from } from '../../../provenance.ts';
import { isHttp, isHttp2 } from '../../../resolve/services/protocol.ts';
import { networkExtensionList } from '../../extension/extension-filters.ts';
import type { ChainTraffic } from '../../extension/extension-filters.ts';
import { meshTls } from './downstream-tls.ts';
import type { PlannedChain } from '../filter-chain.ts';
import { chainMatch, plannedChain } from '../filter-chain.ts';
import { inboundHttpConnectionManager } from '../../filter/http-connection-manager.ts';
import type { InboundMatch } from './inbound-match.ts';
import { inboundMatches } from './inbound-match.ts';
import { inboundRoutes } from './inbound-route.ts';
import type { HttpFacts } from '../listener-facts.ts';
import { serverTls, tlsSocket } from '../server-tls.ts';
import type { Guard } from '../../rbac/guard.ts';
import type { Received } from '../../telemetry/metered.ts';
import { connectionGuard, peerMetadata, tcpFilters } from '../../filter/network-filters.ts';
import { statPrefix } from '../stat-prefix.ts';
import { blackHole, plainTcpProxy } from '../../filter/tcp-proxy.ts';

type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];

/** A port as its chains need it, whether or not a service is behind it. */
interface Receiver {
  readonly settings: MeshSettings;
  readonly facts: HttpFacts;
  readonly guard: Guard;
  readonly source: SourceRef;
  readonly cluster: string;
  readonly host: string;
  /** The service's port, by which routes and statistics are named. */
  readonly port: number;
  readonly protocol: Protocol;
  /** As metrics call it. */
  readonly service: Omit<Received, 'mtls'>;
  readonly httpStat: string;
  readonly tcpStat: string;
  readonly destinationPort: number | undefined;
  readonly name: (http: boolean) => string;
  readonly metadata: FilterChain['metadata'];
}

/** `bind` names the chains: the wildcard, or the address of the Sidecar's ingress listener. */
export const inboundPortChains = memo(
  (
    settings: MeshSettings,
    facts: HttpFacts,
    guard: Guard,
    bind: string,
    port: InboundPort,
  ): readonly PlannedChain[] => {
    const { ingress, mtls, source, targetPort, service, servicePort } = port;
    const tls = settings.features.tlsOnSidecarIngress && mtls === 'DISABLE' ? ingress?.tls : undefined;
    const protocol = tls === undefined ? servicePort.protocol : withoutTls(servicePort.protocol);
    const host = ingress === undefined ? (service?.hostname ?? '') : `${source.name}.${source.namespace}`;
    const cluster = inboundCluster(targetPort);
    const name = listenerName(bind, targetPort);
    const receiver: Receiver = {
      settings,
      facts,
      guard,
      source,
      cluster,
      host,
      port: servicePort.number,
      protocol,
      service: { host: service?.hostname ?? '', name: service?.name ?? '', namespace: service?.namespace ?? '' },
      httpStat: `inbound_${name}`,
      tcpStat: statPrefix(settings.inboundClusterStatName, cluster, {
        service: ingress === undefined ? service : undefined,
        host,
        port: servicePort,
        portNumber: servicePort.number,
      }),
      destinationPort: targetPort,
      name: () => name,
      metadata: ingress === undefined ? undefined : sidecarMetadata(source),
    };
    if (tls === undefined)
      return inboundMatches(mtls, protocol).map((match) =>
        chain(receiver, match, match.mtls ? meshTls(settings) : undefined),
      );
    const socket = tlsSocket(serverTls(settings, tls, 'http'));
    return [chain(receiver, { transportProtocol: 'tls', mtls: false, http: isHttp(protocol) }, socket)];
  },
);

/** Everything that no port's chains take: passed on to where it was going. Port 0 means any port. */
export const passthroughChains = memo(
  (settings: MeshSettings, facts: HttpFacts, guard: Guard, mode: MtlsMode, port: number): readonly PlannedChain[] => {
    const receiver: Receiver = {
      settings,
      facts,
      guard,
      source: settings.source,
      cluster: inboundPassthroughCluster,
      host: '',
      port: 0,
      protocol: 'Auto',
      service: { host: '', name: inboundPassthroughCluster, namespace: '' },
      httpStat: inboundPassthroughCluster,
      tcpStat: statPrefix(settings.inboundClusterStatName, inboundPassthroughCluster, {
        service: undefined,
        host: '',
        port: { name: virtualInbound, number: port },
        portNumber: port,
      }),
      destinationPort: port === 0 ? undefined : port,
      name: (http) => (http ? `${virtualInbound}-catchall-http` : virtualInbound),
      metadata: undefined,
    };
    return inboundMatches(mode, 'Auto').map((match) =>
      chain(receiver, match, match.mtls ? meshTls(settings) : undefined),
    );
  },
);

/** Connections to the listener's own port would go round in circles. */
export const blackHoleChain = memo((port: number): PlannedChain =>
  plannedChain(
    chainMatch({ destinationPort: port }),
    { name: `${virtualInbound}-blackhole`, filters: [blackHole] },
    undefined,
  ),
);

function chain(receiver: Receiver, match: InboundMatch, socket: TransportSocket | undefined): PlannedChain {
  const { destinationPort, metadata, name, source } = receiver;
  const { transportProtocol, applicationProtocols, mtls, http } = match;
  const terminal = http ? requestFilters(receiver, mtls) : connectionFilters(receiver, mtls);
  const message: FilterChain = {
    name: name(http),
    filters: mtls ? [peerMetadata, ...terminal] : terminal,
    ...(metadata !== undefined && { metadata }),
    ...(socket !== undefined && { transport_socket: socket }),
  };
  const condition = chainMatch({
    ...(destinationPort !== undefined && { destinationPort }),
    transportProtocol,
    ...(applicationProtocols !== undefined && { applicationProtocols }),
  });
  return plannedChain(condition, from(source, message), undefined);
}

function requestFilters(receiver: Receiver, mtls: boolean): FilterChain['filters'] & object {
  const { settings, facts, guard, cluster, host, port, protocol, httpStat, destinationPort = 0 } = receiver;
  const grpc = protocol === 'GRPC' || protocol === 'GRPC-Web';
  const traffic: ChainTraffic = { side: 'SERVER', port: destinationPort };
  const http = sharedValue({
    statPrefix: httpStat,
    traffic,
    grpcWeb: protocol === 'GRPC-Web',
    http2: isHttp2(protocol),
    received: { mtls, ...receiver.service },
  });
  return [
    ...networkExtensionList(facts.connection.extensions, traffic),
    inboundHttpConnectionManager(settings, facts, guard, http, inboundRoutes(cluster, host, port, !grpc)),
  ];
}

/** As Istio has it, extensions of connections are asked for by the port of the service, not that of the workload. */
function connectionFilters(receiver: Receiver, mtls: boolean): FilterChain['filters'] & object {
  const { settings, facts, guard, cluster, port, protocol, tcpStat } = receiver;
  return [
    ...connectionGuard(guard, facts.connection, { side: 'SERVER', port }),
    ...tcpFilters(
      protocol,
      tcpStat,
      plainTcpProxy(settings, facts.connection, cluster, tcpStat, sharedValue({ mtls, ...receiver.service })),
    ),
  ];
}

/** What is left of a protocol when its TLS has ended here. */
function withoutTls(protocol: Protocol): Protocol {
  if (protocol === 'HTTPS') return 'HTTP';
  return protocol === 'TLS' ? 'TCP' : protocol;
}

const sidecarMetadata = ({ namespace, name }: SourceRef): FilterChain['metadata'] => ({
  filter_metadata: { istio: { config: `/apis/networking.istio.io/v1/namespaces/${namespace}/sidecar/${name}` } },
});
