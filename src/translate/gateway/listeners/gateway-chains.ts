// The filter chains of a gateway's servers: HTTP in the clear, HTTP inside TLS that ends here, and connections that are
// forwarded as they are or without their TLS.
// https://istio.io/latest/docs/reference/config/networking/gateway/#Server
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { L4MatchAttributes, TLSMatchAttributes } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import type { VirtualServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { statName } from '../../names.ts';
import { from } from '../../provenance.ts';
import type { ChainTraffic } from '../../envoy/extension/extension-filters.ts';
import { networkExtensionList } from '../../envoy/extension/extension-filters.ts';
import type { GatewayHttp } from '../../envoy/filter/http-connection-manager.ts';
import { gatewayHttpConnectionManager } from '../../envoy/filter/http-connection-manager.ts';
import { connectionGuard, peerMetadata } from '../../envoy/filter/network-filters.ts';
import type { ChainMatch, PlannedChain } from '../../envoy/listener/filter-chain.ts';
import { chainMatch, plannedChain } from '../../envoy/listener/filter-chain.ts';
import { quicSocket, serverTls, tlsSocket } from '../../envoy/listener/server-tls.ts';
import { routeFilters } from '../../envoy/listener/tcp/tcp-destination.ts';
import { handshakeTimeout } from '../../envoy/listener/tcp/tcp-route.ts';
import type { Guard } from '../../envoy/rbac/guard.ts';
import type { GatewayFacts } from './gateway-facts.ts';
import type { MergedServer } from '../servers/merged-servers.ts';
import { isTlsServer } from '../servers/merged-servers.ts';
import { serverNames, sharesHost } from '../servers/server-hosts.ts';

type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
type Filter = MessageOf['envoy.config.listener.v3.Filter'];

/** The listener that a chain is of; canonical by `sharedValue`. */
export interface ListenerSocket {
  readonly name: string;
  readonly port: number;
}

/** A chain and what asked for it. */
export interface SourcedChain {
  readonly source: SourceRef;
  readonly chain: PlannedChain;
}

/** One chain for all servers of a socket that speak HTTP in the clear: `server` is the first of them. */
export const plainHttpChain = memo(
  (
    settings: MeshSettings,
    facts: GatewayFacts,
    guard: Guard,
    server: MergedServer,
    listener: ListenerSocket,
  ): SourcedChain => {
    const filters = httpFilters(settings, facts, guard, server, listener, false);
    return sourcedChain(server.source, chainMatch({}), { filters });
  },
);

/** For the server's names, over TCP or over QUIC. */
export const httpsChain = memo(
  (
    settings: MeshSettings,
    facts: GatewayFacts,
    guard: Guard,
    server: MergedServer,
    listener: ListenerSocket,
    quic: boolean,
  ): SourcedChain => {
    const { tls = {} } = server.server;
    const context = serverTls(settings, tls, quic ? 'quic' : 'http');
    return sourcedChain(server.source, namesOf(server), {
      filters: [...peerOf(server), ...httpFilters(settings, facts, guard, server, listener, quic)],
      transport_socket: quic ? quicSocket(context) : tlsSocket(context),
    });
  },
);

/** `routes` are the VirtualServices of the server's gateway: the first TCP route that fits takes everything. */
export const tcpChain = memo(
  (
    settings: MeshSettings,
    facts: GatewayFacts,
    guard: Guard,
    server: MergedServer,
    routes: readonly VirtualServiceView[],
  ): SourcedChain | undefined => {
    const found = firstRoute(server, routes);
    if (found === undefined) return undefined;
    const { tls } = server.server;
    return sourcedChain(found.source, namesOf(server), {
      filters: [...peerOf(server), ...forwarded(settings, facts, guard, server, found)],
      ...(tls !== undefined && { transport_socket: tlsSocket(serverTls(settings, tls, 'tcp')) }),
    });
  },
);

/** One for each match of a TLS route: its server names decide, and nothing is decrypted. */
export const passthroughChains = memo(
  (
    settings: MeshSettings,
    facts: GatewayFacts,
    guard: Guard,
    server: MergedServer,
    routes: readonly VirtualServiceView[],
  ): readonly SourcedChain[] =>
    tlsRoutes(server, routes).flatMap((found) =>
      (found.match ?? [])
        .filter((match) => applies(match, server))
        .map(({ sniHosts }) =>
          sourcedChain(found.source, chainMatch({ serverNames: sniHosts }), {
            filters: forwarded(settings, facts, guard, server, found),
          }),
        ),
    ),
);

const sourcedChain = (source: SourceRef, match: ChainMatch, message: FilterChain): SourcedChain => ({
  source,
  chain: plannedChain(match, from(source, { ...message, ...handshakeTimeout }), undefined),
});

const namesOf = ({ server, hosts }: MergedServer): ChainMatch =>
  chainMatch(server.tls === undefined ? {} : { serverNames: serverNames(hosts) });

/** Who the peer is shows in certificates of the mesh only. */
const peerOf = ({ server }: MergedServer): readonly Filter[] =>
  server.tls?.mode === 'ISTIO_MUTUAL' ? [peerMetadata] : [];

/** What HTTP of a server goes through. Servers that end TLS may name their statistics. */
function httpFilters(
  settings: MeshSettings,
  { http, topology }: GatewayFacts,
  guard: Guard,
  server: MergedServer,
  listener: ListenerSocket,
  http3: boolean,
): readonly Filter[] {
  const { trustedProxies, forwardedClientCert } = topology;
  const traffic: ChainTraffic = { side: 'CLIENT', port: listener.port };
  const ownName = isTlsServer(server) ? (server.server.name ?? '') : '';
  const asked = sharedValue<GatewayHttp>({
    routeName: server.routeName ?? '',
    statPrefix: ownName === '' ? statName(`outbound_${listener.name}`) : ownName,
    traffic,
    grpcWeb: server.protocol === 'GRPC-Web',
    http3,
    trustedProxies,
    forwardedClientCert,
  });
  return [
    ...(http3 ? [] : networkExtensionList(http.connection.extensions, traffic)),
    gatewayHttpConnectionManager(settings, http, guard, asked),
  ];
}

/** A route for connections, with where it stands. */
interface ConnectionRoute {
  readonly view: VirtualServiceView;
  readonly source: SourceRef;
  readonly route: Parameters<typeof routeFilters>[3];
  readonly match?: readonly TLSMatchAttributes[] | undefined;
}

const forwarded = (
  settings: MeshSettings,
  { http }: GatewayFacts,
  guard: Guard,
  { server, protocol }: MergedServer,
  { view: { virtualService, destinations }, route }: ConnectionRoute,
): readonly Filter[] => [
  ...routeFilters(
    {
      settings,
      connection: http.connection,
      port: server.port.number,
      protocol,
      leading: connectionGuard(guard, http.connection, { side: 'CLIENT', port: server.port.number }),
    },
    virtualService,
    destinations,
    route,
  ),
];

function firstRoute(server: MergedServer, routes: readonly VirtualServiceView[]): ConnectionRoute | undefined {
  for (const view of matching(server, routes)) {
    const { tcp, tls, api } = view.virtualService;
    const found = tcp.find(
      ({ route: { match = [], route = [] } }) =>
        route.length > 0 && (match.length === 0 || match.some((one) => applies(one, server))),
    );
    if (found !== undefined) return { view, source: found.source, route: found.route.route ?? [] };
    // Where TLS ends here, TLS routes of Gateway API are for what was inside.
    const inside =
      api === 'gateway-api' && server.server.tls !== undefined
        ? tls.find(({ route }) => route.match.some((one) => applies(one, server)) && (route.route ?? []).length > 0)
        : undefined;
    if (inside !== undefined) return { view, source: inside.source, route: inside.route.route ?? [] };
  }
  return undefined;
}

const tlsRoutes = (server: MergedServer, routes: readonly VirtualServiceView[]): readonly ConnectionRoute[] =>
  matching(server, routes).flatMap((view) =>
    view.virtualService.tls
      .filter(({ route }) => (route.route ?? []).length > 0)
      .map(({ source, route }) => ({ view, source, route: route.route ?? [], match: route.match })),
  );

const matching = ({ hosts }: MergedServer, routes: readonly VirtualServiceView[]): readonly VirtualServiceView[] =>
  routes.filter(({ virtualService }) => sharesHost(hosts, virtualService.namespace, virtualService.hosts));

/** By the server's own port and gateway; who sends is not known from outside the mesh. */
const applies = (
  { port = 0, gateways = [] }: L4MatchAttributes | TLSMatchAttributes,
  { server, gateway }: MergedServer,
): boolean => (port === 0 || port === server.port.number) && (gateways.length === 0 || gateways.includes(gateway));
