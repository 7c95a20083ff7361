// The listeners of a gateway: one for each socket that its servers ask for, over TCP and, for HTTP/3, over UDP. A socket
// without anything to let in has none.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listeners
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Problem } from '../../../model/problem.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import type { SourceRef } from '../../../model/source.ts';
import { describeSource } from '../../../model/source.ts';
import type { RouteAuthorizer } from '../../../model/mesh/virtual-service.ts';
import type { ServiceView, VirtualServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { listenerName } from '../../names.ts';
import { from } from '../../provenance.ts';
import { isHttp } from '../../resolve/services/protocol.ts';
import type { ClusterFacts } from '../../envoy/cluster/outbound-cluster.ts';
import { listenerAccessLog } from '../../envoy/filter/access-log.ts';
import type { PlannedChain } from '../../envoy/listener/filter-chain.ts';
import { filterChain } from '../../envoy/listener/filter-chain.ts';
import {
  acceptSlowly,
  additionalAddresses,
  datagramAddress,
  listenerAddress,
} from '../../envoy/listener/listener-address.ts';
import { proxyProtocol, tlsInspector } from '../../envoy/listener/listener-filters.ts';
import type { Guard } from '../../envoy/rbac/guard.ts';
import { withAuthorizers } from '../../envoy/rbac/route-authorizer.ts';
import { autoPassthroughChains, isAutoPassthrough } from './auto-passthrough.ts';
import type { ListenerSocket, SourcedChain } from './gateway-chains.ts';
import { httpsChain, passthroughChains, plainHttpChain, tcpChain } from './gateway-chains.ts';
import { datagramListeners } from '../datagrams/datagram-listeners.ts';
import type { DatagramServer } from '../datagrams/datagram-servers.ts';
import type { GatewayFacts } from './gateway-facts.ts';
import type { GatewayRouting } from '../routes/gateway-routing.ts';
import type { MergedServer, Socket } from '../servers/merged-servers.ts';
import { isPassthrough, terminatesHttps } from '../servers/merged-servers.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];

export interface ListenerContext {
  readonly settings: MeshSettings;
  readonly facts: GatewayFacts;
  readonly guard: Guard;
  readonly routing: GatewayRouting;
  /** Of clusters that are named like their server name. */
  readonly clusters: ClusterFacts;
  /** Services that connections can be passed on to by their server name. */
  readonly passed: readonly ServiceView[];
}

export interface GatewayListeners {
  readonly listeners: readonly Resource[];
  readonly problems: readonly Problem[];
}

export function gatewayListeners(
  context: ListenerContext,
  sockets: readonly Socket[],
  datagrams: readonly DatagramServer[],
): GatewayListeners {
  const [wildcard] = context.facts.wildcards;
  const nameOf = ({ bind, port }: Pick<Socket, 'bind' | 'port'>): string =>
    listenerName(bind === '' ? wildcard : bind, port);
  const isFree = ({ port }: Pick<Socket, 'port'>): boolean => canListen(context.facts, port);
  const byName = Map.groupBy(sockets.filter(isFree), nameOf);
  const byQuic = Map.groupBy(sockets.filter(isFree).flatMap(quicServers).filter(isFree), nameOf);
  const over = datagramListeners(context, datagrams);
  const taken = new Set(over.listeners.map(({ name }) => name));
  const made = [
    ...[...byName].map(([name, own]) => socketListeners(context, name, own)),
    ...[...byQuic].map(([name, own]) => quicListeners(context, name, own)),
  ];
  return {
    listeners: [
      ...made.flatMap(({ listeners }) => listeners.filter(({ name }) => !taken.has(name))),
      ...over.listeners,
    ],
    problems: [...made.flatMap(({ problems }) => problems), ...over.problems],
  };
}

function canListen({ unprivileged, reserved }: GatewayFacts, port: number): boolean {
  return !(unprivileged && port > 0 && port < 1024) && !reserved.includes(port);
}

/** Sockets of one name are one: every address may be written out, too. */
function socketListeners(context: ListenerContext, name: string, sockets: readonly Socket[]): GatewayListeners {
  const groups = sockets.flatMap((socket) => socket.groups);
  const { bind = '', port = 0 } = sockets[0] ?? {};
  const own = sharedValue({ name, bind, port });
  const over = sharedValue<ListenerSocket>({ name, port });
  const tcp = distinct(
    groups.flatMap((group) => groupChains(context, group, over)),
    name,
  );
  return { listeners: listenerOf(context, own, tcp.chains, groups.flat(), 'tcp'), problems: tcp.problems };
}

function listenerOf(
  { settings, facts }: ListenerContext,
  socket: BoundSocket,
  chains: readonly PlannedChain[],
  servers: readonly MergedServer[],
  over: 'tcp' | 'quic',
): readonly Resource[] {
  const sources = sharedList(servers.map(({ source }) => source));
  return chains.length === 0 ? [] : [resource(settings, facts, socket, sharedList(chains), sources, over)];
}

/** A server where it is offered over QUIC: a Service may lead datagrams to another port than connections. */
interface QuicServer {
  readonly server: MergedServer;
  readonly bind: string;
  readonly port: number;
}

const quicServers = ({ bind, groups }: Socket): readonly QuicServer[] =>
  groups.flat().flatMap((server) => (server.quicPort === undefined ? [] : [{ server, bind, port: server.quicPort }]));

/** What servers cannot share here they could not share for connections either, and were told there. */
function quicListeners(context: ListenerContext, name: string, all: readonly QuicServer[]): GatewayListeners {
  const { settings, facts } = context;
  const { bind = '', port = 0 } = all[0] ?? {};
  const own = sharedValue<ListenerSocket>({ name: `udp_${name}`, port });
  const servers = all.map(({ server }) => server);
  const { chains } = distinct(
    servers.map((server) => httpsChain(settings, facts, guardOfServers(context, [server]), server, own, true)),
    name,
  );
  return { listeners: listenerOf(context, sharedValue({ name, bind, port }), chains, servers, 'quic'), problems: [] };
}

/** Routes of the servers may ask others about their requests. */
const guardOfServers = ({ guard, routing }: ListenerContext, servers: readonly MergedServer[]): Guard =>
  withAuthorizers(
    guard,
    servers.flatMap(({ gateway }) => authorizersOf(routing.get(gateway) ?? none)),
  );

const none: readonly VirtualServiceView[] = [];

const authorizersOf = memo((routes: readonly VirtualServiceView[]): readonly RouteAuthorizer[] =>
  routes.flatMap(({ virtualService }) => virtualService.http.flatMap(({ authorizer }) => authorizer ?? [])),
);

function groupChains(
  context: ListenerContext,
  group: readonly MergedServer[],
  listener: ListenerSocket,
): readonly SourcedChain[] {
  const { settings, facts } = context;
  const [first] = group;
  if (first === undefined) return [];
  if (isHttp(first.protocol)) return [plainHttpChain(settings, facts, guardOfServers(context, group), first, listener)];
  return group.flatMap((server) => serverChains(context, server, listener));
}

function serverChains(
  context: ListenerContext,
  server: MergedServer,
  listener: ListenerSocket,
): readonly SourcedChain[] {
  const { settings, facts, guard, clusters, passed } = context;
  if (isAutoPassthrough(server))
    return autoPassthroughChains(settings, clusters, facts.http.connection, server, passed);
  if (terminatesHttps(server))
    return [httpsChain(settings, facts, guardOfServers(context, [server]), server, listener, false)];
  const routes = context.routing.get(server.gateway) ?? [];
  if (isPassthrough(server.server)) return passthroughChains(settings, facts, guard, server, routes);
  const chain = tcpChain(settings, facts, guard, server, routes);
  return chain === undefined ? [] : [chain];
}

/**
 * Envoy refuses a listener whose chains it cannot tell apart, so the first to have a server name keeps it. Servers that ask
 * for the very same chain agree.
 */
function distinct(
  all: readonly SourcedChain[],
  name: string,
): { readonly chains: readonly PlannedChain[]; readonly problems: readonly Problem[] } {
  const owners = new Map<string, SourceRef>();
  const chains = new Set<PlannedChain>();
  const problems: Problem[] = [];
  for (const { chain, source } of all) {
    if (chains.has(chain)) continue;
    const { serverNames = ['*'], applicationProtocols = [] } = chain.match;
    const keys = serverNames.map((one) => `${one} ${applicationProtocols.join()}`);
    const owner = keys.map((key) => owners.get(key)).find((known) => known !== undefined);
    if (owner !== undefined) {
      problems.push(takenName(serverNames, name, source, owner));
      continue;
    }
    for (const key of keys) owners.set(key, source);
    chains.add(chain);
  }
  return { chains: [...chains], problems };
}

const takenName = (names: readonly string[], listener: string, source: SourceRef, owner: SourceRef): Problem => ({
  code: 'duplicate-host',
  severity: 'warning',
  message: `Connections for ${names.join(', ')} that come in at ${listener} cannot be told apart from those of ${describeSource(owner)}, which has them: this is left out.`,
  source,
});

interface BoundSocket {
  readonly name: string;
  readonly bind: string;
  readonly port: number;
}

const resource = memo(
  (
    settings: MeshSettings,
    { wildcards, topology, http }: GatewayFacts,
    socket: BoundSocket,
    chains: readonly PlannedChain[],
    sources: readonly SourceRef[],
    over: 'tcp' | 'quic',
  ): Resource => {
    const quic = over === 'quic';
    const name = quic ? `udp_${socket.name}` : socket.name;
    const [first, ...others] = socket.bind === '' ? wildcards : ([socket.bind] as const);
    const addressOf = quic ? datagramAddress : listenerAddress;
    const filters = quic
      ? []
      : [...(topology.proxyProtocol ? [proxyProtocol] : []), ...(chains.some(needsTls) ? [tlsInspector] : [])];
    const message: Listener = {
      name,
      address: addressOf(first, socket.port),
      ...additionalAddresses(others, socket.port, addressOf),
      traffic_direction: 'OUTBOUND',
      ...(filters.length > 0 && { listener_filters: filters }),
      filter_chains: chains.map(filterChain),
      ...(http.limits?.listenerBuffer !== undefined && {
        per_connection_buffer_limit_bytes: http.limits.listenerBuffer,
      }),
      ...(quic && { udp_listener_config: { quic_options: {}, downstream_socket_config: {} } }),
      ...listenerAccessLog(settings, http.connection),
      ...acceptSlowly,
    };
    return { type: resourceTypes.listener, name, message: from(sources, message) };
  },
);

/** Server names and protocols are in the first message of TLS. */
const needsTls = ({ match, message }: PlannedChain): boolean =>
  match.serverNames !== undefined || message.transport_socket !== undefined;
