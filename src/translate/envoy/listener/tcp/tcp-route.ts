// The chains of one TCP or TLS service behind one bind: those that VirtualServices ask for by server name or destination
// address, then the one that leads to the service itself.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#TCPRoute
import { memo } from '../../../../model/memo.ts';
import type { MeshSettings, Protocol } from '../../../../model/mesh/mesh.ts';
import { isConnectionPort } from '../../../../model/mesh/service-port.ts';
import type { L4MatchAttributes, RouteDestination, TLSMatchAttributes } from '../../../../model/schema/index.ts';
import type { SourceRef } from '../../../../model/source.ts';
import { at } from '../../../../model/source.ts';
import type { ServiceView, VirtualServiceView } from '../../../../model/view.ts';
import type { VirtualService } from '../../../../model/mesh/virtual-service.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';
import { configPath, outboundCluster } from '../../../names.ts';
import { from } from '../../../provenance.ts';
import { selects } from '../../../../model/mesh/labels.ts';
import { isTls } from '../../../resolve/services/protocol.ts';
import type { ChainMatch, PlannedChain } from '../filter-chain.ts';
import { chainMatch, plannedChain } from '../filter-chain.ts';
import type { ConnectionFacts } from '../listener-facts.ts';
import { networkExtensionList } from '../../extension/extension-filters.ts';
import type { Forwarding, TcpDestination } from './tcp-destination.ts';
import { clusterFilters, onlyPort, routeFilters } from './tcp-destination.ts';

type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];

/** Who connects, as far as L4 routes look at it; the same object for all that they treat alike. */
export interface Caller {
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly connection: ConnectionFacts;
}

/** The port as the listener has it; canonical by `sharedValue`. */
export interface TcpPort {
  readonly number: number;
  readonly protocol: Protocol;
  /** The address blocks behind a wildcard bind that belong to the service. */
  readonly destinations: readonly string[];
  /** Only the server name tells the service from others on the same bind. */
  readonly byServerName: boolean;
}

interface Context {
  readonly settings: MeshSettings;
  readonly caller: Caller;
  readonly port: TcpPort;
  readonly view: ServiceView;
  readonly routes: readonly VirtualServiceView[];
}

/** `routes` are the VirtualServices with one of the service's hosts, in order of precedence, in a shared list. */
export const tcpServiceChains = memo(
  (
    settings: MeshSettings,
    caller: Caller,
    port: TcpPort,
    view: ServiceView,
    routes: readonly VirtualServiceView[],
  ): readonly PlannedChain[] => {
    const context: Context = { settings, caller, port, view, routes };
    return isTls(port.protocol) ? tlsChains(context) : tcpChains(context);
  },
);

/** Any TLS route that applies replaces the service's own chain. */
function tlsChains(context: Context): readonly PlannedChain[] {
  const { port, routes } = context;
  const seen = new Set<ChainMatch>();
  const chains: PlannedChain[] = [];
  for (const { virtualService, destinations } of routes) {
    for (const { route, source } of virtualService.tls) {
      for (const match of route.match.filter((attributes) => applies(attributes, context))) {
        const subnets = match.destinationSubnets ?? [];
        const condition = chainMatch({
          serverNames: match.sniHosts,
          destinations: subnets.length > 0 ? subnets : port.destinations,
        });
        if (seen.has(condition)) continue;
        seen.add(condition);
        chains.push(routeChain(context, condition, virtualService, destinations, route.route ?? [], source));
      }
    }
  }
  return chains.length > 0 ? chains : [serviceChain(context)];
}

/** The first TCP route without addresses of its own takes all that is left; else the service's own chain does. */
function tcpChains(context: Context): readonly PlannedChain[] {
  const { port, routes } = context;
  const chains: PlannedChain[] = [];
  for (const { virtualService, destinations } of routes) {
    for (const { route, source } of virtualService.tcp) {
      const matches = route.match ?? [];
      const applying = matches.filter((attributes) => applies(attributes, context));
      const everything =
        matches.length === 0 || applying.some((attributes) => (attributes.destinationSubnets ?? []).length === 0);
      if (!everything && applying.length === 0) continue;
      const own = everything
        ? port.destinations
        : applying.flatMap((attributes) => attributes.destinationSubnets ?? []);
      const condition = chainMatch({ destinations: own });
      if (!chains.some((chain) => chain.match === condition)) {
        const chain = routeChain(context, condition, virtualService, destinations, route.route ?? [], source);
        chains.push(everything ? chain : withoutMetadata(chain));
      }
      if (everything) return chains;
    }
  }
  const rest = serviceChain(context);
  return chains.some((chain) => chain.match === rest.match) ? chains : [...chains, rest];
}

function withoutMetadata(chain: PlannedChain): PlannedChain {
  const { metadata: _metadata, ...message } = chain.message;
  return plannedChain(chain.match, message, undefined);
}

/** What is known before any connection: the gateway, the port and the caller. */
function applies(match: L4MatchAttributes | TLSMatchAttributes, { caller, port }: Context): boolean {
  const gateways = match.gateways ?? [];
  return (
    (gateways.length === 0 || gateways.includes('mesh')) &&
    ((match.port ?? 0) === 0 || match.port === port.number) &&
    ((match.sourceNamespace ?? '') === '' || match.sourceNamespace === caller.namespace) &&
    selects(match.sourceLabels ?? {}, caller.labels ?? {})
  );
}

const forwardingOf = ({ settings, caller: { connection }, port: { number, protocol } }: Context): Forwarding => ({
  settings,
  connection,
  port: number,
  protocol,
  leading: networkExtensionList(connection.extensions, { side: 'CLIENT', port: number }),
});

/** How long the TLS handshake, if any, may take before the connection is given up. */
export const handshakeTimeout = { transport_socket_connect_timeout: '15s' } as const;

function routeChain(
  context: Context,
  match: ChainMatch,
  virtualService: VirtualService,
  destinations: readonly ServiceView[],
  route: readonly RouteDestination[],
  source: SourceRef,
): PlannedChain {
  const message: FilterChain = {
    filters: routeFilters(forwardingOf(context), virtualService, destinations, route),
    metadata: {
      filter_metadata: {
        istio: { config: configPath('virtual-service', virtualService.namespace, virtualService.name) },
      },
    },
    ...handshakeTimeout,
  };
  return plannedChain(match, from(source, message), undefined);
}

/** The service itself; an explicit listener's port means the only port of a service that has one. */
function serviceChain(context: Context): PlannedChain {
  const { port, view } = context;
  const { service } = view;
  const number = onlyPort(view) ?? port.number;
  const target: TcpDestination = {
    host: service.hostname,
    subset: '',
    port: number,
    cluster: outboundCluster(service.hostname, number),
    view,
  };
  const names =
    isTls(port.protocol) && port.byServerName
      ? [service.hostname, ...service.aliases.map(({ hostname }) => hostname)]
      : [];
  const index = service.ports.findIndex((candidate) => isConnectionPort(candidate, number));
  const source = at(service.source, index < 0 ? 'spec.ports' : `spec.ports[${index}]`);
  const message: FilterChain = { filters: clusterFilters(forwardingOf(context), target), ...handshakeTimeout };
  return plannedChain(
    chainMatch({ serverNames: names, destinations: port.destinations }),
    from(source, message),
    undefined,
  );
}
