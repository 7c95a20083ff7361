// The listeners for what a workload sends: one that redirected connections arrive at, one per port or service behind it,
// and those that applications connect to themselves.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listeners
import { memo, memoLast, sharedFields, sharedList, sharedValue } from '../../../../model/memo.ts';
import type { MeshSettings } from '../../../../model/mesh/mesh.ts';
import type { Problem } from '../../../../model/problem.ts';
import type { TrafficTelemetry } from '../../../../model/mesh/telemetry.ts';
import type { InterceptionMode, Proxy } from '../../../../model/proxy/proxy.ts';
import type { Resource } from '../../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../../model/envoy/resource.ts';
import type { SourceRef } from '../../../../model/source.ts';
import type {
  EgressListener,
  OutboundView,
  ProxyView,
  ServiceView,
  UnknownDestinations,
  VirtualServiceView,
} from '../../../../model/view.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';
import { duration } from '../../../duration.ts';
import { blackHoleCluster, listenerName, passthroughCluster } from '../../../names.ts';
import { from } from '../../../provenance.ts';
import type { PlannedChain } from '../filter-chain.ts';
import { bindProblems } from './bind-conflicts.ts';
import { filterChain, matchesAll, plaintextHttp } from '../filter-chain.ts';
import { acceptSlowly, additionalAddresses, listenerAddress } from '../listener-address.ts';
import type { ConnectionFacts, HttpFacts } from '../listener-facts.ts';
import { httpFacts, withoutIdleTimeout } from '../listener-facts.ts';
import { httpInspector, tlsInspector } from '../listener-filters.ts';
import type { BindFacts, Claim, EgressClaims } from './outbound-binds.ts';
import { bindFacts, connectionRoutes, egressClaims } from './outbound-binds.ts';
import type { OutboundContext, PlannedListener } from './outbound-plan.ts';
import { httpProxyListener, plannedListeners, settledClaims } from './outbound-plan.ts';
import type { Caller } from '../tcp/tcp-route.ts';
import type { Sent } from '../../telemetry/metered.ts';
import { ownNames } from '../../telemetry/metered.ts';
import { plainTcpProxy } from '../../filter/tcp-proxy.ts';
import { virtualOutboundListener } from './virtual-outbound.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];

export interface OutboundListeners {
  /** In no particular order. */
  readonly listeners: readonly Resource[];
  /** The route configurations that the listeners ask for, each once; one list for each content. */
  readonly routeNames: readonly string[];
  /** What services take from each other. */
  readonly problems: readonly Problem[];
}

/** What of a proxy decides about its outbound listeners: the same object for all proxies of which it is the same. */
interface Sender {
  readonly settings: MeshSettings;
  readonly http: HttpFacts;
  readonly binds: BindFacts;
  readonly httpProxyPort: number;
  readonly mode: InterceptionMode;
}

/** Proxies of which the same facts hold have the very same listeners. */
export function outboundListeners({ settings, proxy, outbound, telemetry }: ProxyView): OutboundListeners {
  const [address = ''] = proxy.ipAddresses;
  const ownAddress = allInstances(outbound.services).has(address) ? address : '';
  return sentBy(senderOf(proxy, settings, telemetry.client, ownAddress), outbound);
}

const senderOf = memoLast(
  (proxy: Proxy, settings: MeshSettings, telemetry: TrafficTelemetry, ownAddress: string): Sender =>
    sharedFields({
      settings,
      http: httpFacts(settings, proxy, telemetry, ownNames(proxy)),
      binds: bindFacts(settings, proxy, ownAddress),
      httpProxyPort: proxy.httpProxyPort ?? settings.proxyHttpPort ?? 0,
      mode: proxy.interceptionMode,
    }),
);

const allInstances = memo(
  (services: readonly ServiceView[]): ReadonlySet<string> =>
    new Set(services.flatMap((view) => view.instanceAddresses)),
);

const sentBy = memo((sender: Sender, outbound: OutboundView): OutboundListeners => {
  const { settings, http, binds, httpProxyPort, mode } = sender;
  const egress = connections(outbound);
  const consumer = consumerOf(outbound, egress);
  const unknown = unknownCluster(outbound.unknownDestinations);
  const { effective, problems } = claimed(settings, consumer, binds, allClaims(binds, egress));
  const caller = callerOf(consumer, http.connection);
  return withProblems(build(settings, http, caller, binds, effective, unknown, httpProxyPort, mode), problems);
});

const withProblems = memo(
  (own: Omit<OutboundListeners, 'problems'>, problems: readonly Problem[]): OutboundListeners => ({ ...own, problems }),
);

/** Asked of all services, and so not of each proxy. */
const claimed = memo(
  (
    settings: MeshSettings,
    caller: Omit<Caller, 'connection'>,
    binds: BindFacts,
    egress: readonly EgressClaims[],
  ): { readonly effective: readonly Claim[]; readonly problems: readonly Problem[] } => {
    const { effective, lost } = settledClaims({ settings, caller, binds }, egress);
    return { effective, problems: bindProblems(lost) };
  },
);

const allClaims = memo((binds: BindFacts, egress: readonly EgressListener[]): readonly EgressClaims[] =>
  sharedList(egress.map((listener) => egressClaims(binds, listener))),
);

/** Without the namespace where no route asks for it, so that those of several namespaces share. */
const consumerOf = memo(
  ({ consumer: { namespace, labels } }: OutboundView, egress: readonly EgressListener[]): Omit<Caller, 'connection'> =>
    sharedValue({
      namespace: egress.some(({ virtualServices }) => askForNamespace(virtualServices)) ? namespace : '',
      ...(labels !== undefined && { labels }),
    }),
);

const askForNamespace = memo((routes: readonly VirtualServiceView[]): boolean =>
  routes.some(({ virtualService: { tcp, tls } }) =>
    [...tcp, ...tls].some(({ route: { match = [] } }) =>
      match.some(({ sourceNamespace = '' }) => sourceNamespace !== ''),
    ),
  ),
);

const callerOf = memo((own: Omit<Caller, 'connection'>, connection: ConnectionFacts): Caller => ({
  ...own,
  connection,
}));

/** The egress listeners without what only requests look at: routes for those are delivered on their own. */
const connections = memo((outbound: OutboundView): readonly EgressListener[] =>
  sharedList(
    outbound.egress.map(({ services, virtualServices, ...listener }) =>
      egressOf(sharedValue(listener), services, sharedList(connectionRoutes(virtualServices))),
    ),
  ),
);

const egressOf = memo(
  (
    listener: Omit<EgressListener, 'services' | 'virtualServices'>,
    services: EgressListener['services'],
    virtualServices: EgressListener['virtualServices'],
  ): EgressListener => ({ ...listener, services, virtualServices }),
);

const build = memo(
  (
    settings: MeshSettings,
    http: HttpFacts,
    caller: Caller,
    binds: BindFacts,
    effective: readonly Claim[],
    unknown: string,
    httpProxyPort: number,
    mode: InterceptionMode,
  ): Omit<OutboundListeners, 'problems'> => {
    const context: OutboundContext = { settings, http, caller, binds };
    const httpProxy = httpProxyPort > 0 ? httpProxyListener(context, httpProxyPort) : undefined;
    const planned = withHttpProxy(plannedListeners(context, effective), httpProxy);
    const connection = withoutIdleTimeout(http.connection);
    const rest = plainTcpProxy(settings, connection, unknown, unknown, undefined);
    const unmatched = plainTcpProxy(settings, connection, unknown, unknown, undefined, outside(unknown));
    const listeners = planned.map((listener) => resource(settings, unmatched, listener));
    const entry =
      mode === 'NONE' ? [] : [virtualOutboundListener(settings, http.connection, rest, binds.entry, mode === 'TPROXY')];
    return {
      listeners: [...listeners, ...entry],
      routeNames: routeNames(planned),
    };
  },
);

/** Of these clusters nothing is known but their names. */
const outside = (cluster: string): Sent | undefined =>
  cluster === passthroughCluster || cluster === blackHoleCluster
    ? sharedValue({ host: '', name: cluster, namespace: '', outside: true })
    : undefined;

/** The explicit proxy's port wins over a service that would bind the same. */
function withHttpProxy(
  planned: readonly PlannedListener[],
  httpProxy: PlannedListener | undefined,
): readonly PlannedListener[] {
  if (httpProxy === undefined) return planned;
  return [
    ...planned.filter(({ addresses, port }) => addresses[0] !== httpProxy.addresses[0] || port !== httpProxy.port),
    httpProxy,
  ];
}

const routeNames = (planned: readonly PlannedListener[]): readonly string[] =>
  sharedValue([...new Set(planned.flatMap(({ chains }) => chains.flatMap(({ routeName }) => routeName ?? [])))]);

/** The cluster for connections to destinations outside the mesh. */
function unknownCluster(unknown: UnknownDestinations): string {
  switch (unknown.kind) {
    case 'allow':
      return passthroughCluster;
    case 'block':
      return blackHoleCluster;
    case 'egress-proxy':
      return unknown.cluster;
  }
}

interface Socket {
  readonly addresses: readonly [string, ...string[]];
  readonly port: number;
  readonly bound: boolean;
}

const resource = (
  settings: MeshSettings,
  rest: Filter,
  { addresses, port, bound, source, chains }: PlannedListener,
): Resource => {
  const socket: Socket = sharedValue({ addresses, port, bound });
  return outboundListener(settings, rest, socket, sharedList(chains), source);
};

const outboundListener = memo(
  (
    settings: MeshSettings,
    rest: Filter,
    socket: Socket,
    chains: readonly PlannedChain[],
    source: SourceRef,
  ): Resource => {
    const { addresses, port, bound } = socket;
    const name = listenerName(addresses[0], port);
    const message: Listener = {
      name,
      address: listenerAddress(addresses[0], port),
      ...additionalAddresses(addresses.slice(1), port),
      traffic_direction: 'OUTBOUND',
      ...(bound ? acceptSlowly : { bind_to_port: false }),
      ...inspection(settings, chains),
      continue_on_listener_filters_timeout: true,
      ...chainsOf(rest, chains),
    };
    return { type: resourceTypes.listener, name, message: from(source, message) };
  },
);

/** Only what some chain asks for is looked at, and only HTTP is worth waiting for. */
function inspection(settings: MeshSettings, chains: readonly PlannedChain[]): Partial<Listener> {
  const tls = chains.some(({ match }) => match.serverNames !== undefined);
  const http = chains.some(({ match }) =>
    plaintextHttp.some((protocol) => match.applicationProtocols?.includes(protocol)),
  );
  const filters = [...(tls ? [tlsInspector] : []), ...(http ? [httpInspector] : [])];
  return {
    ...(filters.length > 0 && { listener_filters: filters }),
    listener_filters_timeout: http ? duration(settings.protocolDetectionTimeout ?? '0s') : '0s',
  };
}

/** A chain for everything is the default beside others; without one, what no chain takes goes where unknown traffic goes. */
function chainsOf(rest: Filter, chains: readonly PlannedChain[]): Partial<Listener> {
  const everything = chains.find(matchesAll);
  if (everything === undefined)
    return { filter_chains: chains.map(filterChain), default_filter_chain: unmatchedChain(rest) };
  if (chains.length === 1) return { filter_chains: [filterChain(everything)] };
  return {
    filter_chains: chains.filter((chain) => chain !== everything).map(filterChain),
    default_filter_chain: filterChain(everything),
  };
}

const unmatchedChain = memo((rest: Filter): FilterChain => ({
  name: 'PassthroughFilterChain',
  filter_chain_match: {},
  filters: [rest],
}));
