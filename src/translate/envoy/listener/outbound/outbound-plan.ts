// The outbound listeners of a proxy as a plan: which binds there are and which chains each has after conflicts between
// services on one bind are settled: the older service wins what both want, and HTTP and other traffic share a port by
// looking at the first bytes.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
import { memo, sharedList, sharedValue } from '../../../../model/memo.ts';
import type { MeshSettings, Protocol } from '../../../../model/mesh/mesh.ts';
import type { SourceRef } from '../../../../model/source.ts';
import { listenerName } from '../../../names.ts';
import { from } from '../../../provenance.ts';
import type { LostBind } from './bind-conflicts.ts';
import type { ChainMatch, PlannedChain } from '../filter-chain.ts';
import { chainMatch, onlyPlaintextHttp, plaintextHttp, plannedChain } from '../filter-chain.ts';
import { networkExtensionList } from '../../extension/extension-filters.ts';
import type { OutboundHttp } from '../../filter/http-connection-manager.ts';
import { outboundHttpConnectionManager } from '../../filter/http-connection-manager.ts';
import type { HttpFacts } from '../listener-facts.ts';
import type { BindFacts, Claim, EgressClaims, ListenerKind } from './outbound-binds.ts';
import type { Caller } from '../tcp/tcp-route.ts';
import { handshakeTimeout, tcpServiceChains } from '../tcp/tcp-route.ts';

export interface PlannedListener {
  readonly addresses: readonly [string, ...string[]];
  readonly port: number;
  readonly bound: boolean;
  /** What opened the bind. */
  readonly source: SourceRef;
  readonly kind: ListenerKind;
  readonly protocol: Protocol;
  readonly chains: readonly PlannedChain[];
}

/** What chains are built from; each part is canonical. */
export interface OutboundContext {
  readonly settings: MeshSettings;
  readonly http: HttpFacts;
  readonly caller: Caller;
  readonly binds: BindFacts;
}

/** Who wins which bind. */
export interface SettledClaims {
  /** Those that make a difference, the very same list as long as they are the same; all others share what these have. */
  readonly effective: readonly Claim[];
  readonly lost: readonly LostBind[];
}

/** What a caller is, as far as claims are settled by it. */
export type Claiming = Pick<OutboundContext, 'settings' | 'binds'> & { readonly caller: Omit<Caller, 'connection'> };

/**
 * Goes through the claims of all services. Explicit egress listeners keep their binds from the catch-all one. What is to be
 * known of the workload itself beyond that makes no difference here: which chains there are does not depend on it.
 */
export function settledClaims({ settings, binds, caller }: Claiming, egress: readonly EgressClaims[]): SettledClaims {
  const context: OutboundContext = { settings, binds, caller: anonymous(caller), http: anyHttp };
  const planned = new Map<string, PlannedListener>();
  const effective: Claim[] = [];
  const lost: LostBind[] = [];
  for (const { isExplicit, byService } of egress) {
    const locked = isExplicit ? new Set<string>() : new Set(planned.keys());
    for (const claim of byService.flat()) {
      const key = bindOf(claim);
      const current = planned.get(key);
      if (locked.has(key)) continue;
      if (current !== undefined && !adds(current, claim)) {
        if (!sharesRoutes(current, claim)) lost.push(lostBind(current, claim));
        continue;
      }
      const settled = withClaim(context, current, claim);
      if (current !== undefined && settled === current) lost.push(lostBind(current, claim));
      else effective.push(claim);
      planned.set(key, settled);
    }
  }
  return { effective: sharedList(effective), lost };
}

const anonymous = memo((caller: Omit<Caller, 'connection'>): Caller => ({ ...caller, connection: {} }));
const anyHttp: HttpFacts = { connection: {}, acceptHttp10: false, headers: {} };

/** The listeners of effective claims, in the order in which binds are first claimed. */
export function plannedListeners(context: OutboundContext, effective: readonly Claim[]): readonly PlannedListener[] {
  const planned = new Map<string, PlannedListener>();
  for (const claim of effective) {
    const key = bindOf(claim);
    planned.set(key, withClaim(context, planned.get(key), claim));
  }
  return [...planned.values()];
}

const bindOf = ({ addresses, port }: Claim): string => listenerName(addresses[0], port);

function withClaim(context: OutboundContext, current: PlannedListener | undefined, claim: Claim): PlannedListener {
  const wanted = plan(context, claim);
  return current === undefined ? wanted : settle(current, wanted);
}

const lostBind = (winner: PlannedListener, { source, protocol, service }: Claim): LostBind => ({
  bind: winner.addresses[0],
  port: winner.port,
  winner,
  loser: { source, protocol, host: service.hostname },
});

/** Requests are told apart by their hosts, whatever listener they come in by. */
const sharesRoutes = (current: PlannedListener, claim: Claim): boolean =>
  claim.kind === 'http' && current.kind !== 'tcp' && !exclusive.has(current.protocol);

/** Protocols whose traffic cannot be told from others': they share a bind with nobody. */
const exclusive: ReadonlySet<Protocol> = new Set<Protocol>(['Mongo', 'MySQL']);

/** Whether a claim on a bind in use changes anything. More HTTP services do not: their routes are shared. */
function adds(current: PlannedListener, claim: Claim): boolean {
  if (current.protocol !== claim.protocol && (exclusive.has(current.protocol) || exclusive.has(claim.protocol)))
    return false;
  return claim.kind === 'tcp' || (claim.kind === 'auto' ? current.kind !== 'auto' : current.kind === 'tcp');
}

function settle(current: PlannedListener, incoming: PlannedListener): PlannedListener {
  if (current.kind === 'http' && incoming.kind === 'auto') return incoming;
  if (current.kind === 'http') return detected(current, [...incoming.chains, ...current.chains.map(onlyPlaintextHttp)]);
  if (incoming.kind === 'http')
    return detected(current, [...current.chains, ...incoming.chains.map(onlyPlaintextHttp)]);
  const added = incoming.chains.filter((chain) => !current.chains.some((known) => known.match === chain.match));
  if (added.length === 0) return current;
  const merged = { ...current, chains: [...current.chains, ...added] };
  return incoming.kind === 'auto' ? detected(merged, merged.chains) : merged;
}

const detected = (listener: PlannedListener, chains: readonly PlannedChain[]): PlannedListener => ({
  ...listener,
  kind: 'auto',
  protocol: 'Auto',
  chains,
});

function plan(context: OutboundContext, claim: Claim): PlannedListener {
  const { addresses, port, bound, source, kind, protocol } = claim;
  const connections = connectionChains(context, claim);
  const requests = kind === 'tcp' ? [] : [requestChain(context, claim)];
  return { addresses, port, bound, source: sharedValue(source), kind, protocol, chains: [...connections, ...requests] };
}

function connectionChains({ settings, caller }: OutboundContext, claim: Claim): readonly PlannedChain[] {
  const { port: number, kind, protocol, destinations, byServerName, view, routes } = claim;
  if (kind === 'http' || view === undefined) return [];
  return tcpServiceChains(
    settings,
    caller,
    sharedValue({ number, protocol, destinations, byServerName }),
    view,
    routes,
  );
}

/** Everything may arrive at a wildcard bind, so HTTP is taken there only for what looks like it. */
function requestChain({ settings, http, binds }: OutboundContext, claim: Claim): PlannedChain {
  const { port, kind, protocol, source, service } = claim;
  const [bind] = claim.addresses;
  const shared = bind === binds.local.wildcards[0];
  const hostRoute = kind === 'auto' && !shared ? `${service.hostname}:${port}` : String(port);
  const routed: OutboundHttp = sharedValue({
    routeName: port === 0 ? bind : hostRoute,
    statPrefix: `outbound_${listenerName(bind, port)}`,
    traffic: { side: 'CLIENT', port },
    grpcWeb: protocol === 'GRPC-Web',
    explicitProxy: false,
  });
  return httpChain(settings, http, routed, sharedValue(source), kind === 'auto' || shared ? looksLikeHttp : anything);
}

const anything: ChainMatch = chainMatch({});
const looksLikeHttp: ChainMatch = chainMatch({ transportProtocol: 'raw_buffer', applicationProtocols: plaintextHttp });

const httpChain = memo(
  (settings: MeshSettings, facts: HttpFacts, http: OutboundHttp, source: SourceRef, match: ChainMatch): PlannedChain =>
    plannedChain(
      match,
      from(source, {
        filters: [
          ...networkExtensionList(facts.connection.extensions, http.traffic),
          outboundHttpConnectionManager(settings, facts, http),
        ],
        ...handshakeTimeout,
      }),
      http.routeName,
    ),
);

/** The port that clients use as an explicit HTTP proxy, for hosts of all ports. */
export function httpProxyListener({ settings, http, binds }: OutboundContext, port: number): PlannedListener {
  const addresses = binds.local.loopbacks;
  const source = sharedValue({ ...settings.source, path: 'data.mesh.proxyHttpPort' });
  const statPrefix = `outbound_${listenerName(addresses[0], port)}`;
  const routed: OutboundHttp = sharedValue({
    routeName: 'http_proxy',
    statPrefix,
    traffic: { side: 'CLIENT', port },
    grpcWeb: false,
    explicitProxy: true,
  });
  const chain = httpChain(settings, http, routed, source, anything);
  return { addresses, port, bound: true, source, kind: 'http', protocol: 'HTTP', chains: [chain] };
}
