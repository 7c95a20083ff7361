// The listeners for what a workload receives: one that redirected connections arrive at, with chains for every port, and
// those that a Sidecar object has bound for real.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener
import { memo, sharedList, sharedValue } from '../../../../model/memo.ts';
import type { MeshSettings } from '../../../../model/mesh/mesh.ts';
import type { TrafficTelemetry } from '../../../../model/mesh/telemetry.ts';
import type { Proxy } from '../../../../model/proxy/proxy.ts';
import type { Resource } from '../../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../../model/envoy/resource.ts';
import type { SourceRef } from '../../../../model/source.ts';
import type { InboundPort, InboundView, ProxyView } from '../../../../model/view.ts';
import type { Duration, MessageOf } from '../../../../xds/generated/messages.ts';
import { duration } from '../../../duration.ts';
import { listenerName, virtualInbound } from '../../../names.ts';
import { from, merge } from '../../../provenance.ts';
import { listenerAccessLog } from '../../filter/access-log.ts';
import { serverMaySpeakFirst } from '../../../resolve/services/protocol.ts';
import type { Guard } from '../../rbac/guard.ts';
import { guardOf } from '../../rbac/guard.ts';
import type { PlannedChain } from '../filter-chain.ts';
import { filterChain, plaintextHttp } from '../filter-chain.ts';
import { blackHoleChain, inboundPortChains, passthroughChains } from './inbound-chains.ts';
import { acceptSlowly, additionalAddresses, listenerAddress } from '../listener-address.ts';
import type { ConnectionFacts, HttpFacts, LocalAddresses } from '../listener-facts.ts';
import { entryAddresses, httpFacts, inboundListenerPort, localAddresses } from '../listener-facts.ts';
import { ownNames } from '../../telemetry/metered.ts';
import { forPorts, httpInspector, originalDestination, originalSource, tlsInspector } from '../listener-filters.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type ListenerFilter = MessageOf['envoy.config.listener.v3.ListenerFilter'];

/** Without interception a proxy only receives on ports that a Sidecar object binds. */
export const inboundListeners = ({
  settings,
  proxy,
  inbound,
  telemetry,
}: Omit<ProxyView, 'outbound' | 'extensions'>): readonly Resource[] =>
  listenersOf(settings, telemetry.server, inbound, proxy);

const listenersOf = memo(
  (settings: MeshSettings, observed: TrafficTelemetry, inbound: InboundView, proxy: Proxy): readonly Resource[] => {
    const facts = httpFacts(settings, proxy, observed);
    const guard = guardOf(settings, inbound.policies);
    const intercepted = proxy.interceptionMode !== 'NONE';
    const isBound = ({ ingress }: InboundPort): boolean =>
      ingress !== undefined && (!intercepted || ingress.captureMode === 'NONE');
    const bound = inbound.ports
      .filter((port) => isBound(port) && canBind(proxy, port))
      .map((port) => boundListener(settings, facts, guard, bindOf(proxy, port), port, inbound.mtlsSources));
    if (!intercepted) return bound;
    const port = inboundListenerPort(settings);
    const chains = [
      blackHoleChain(port),
      ...catchAll(settings, httpFacts(settings, proxy, observed, ownNames(proxy)), guard, inbound),
      ...inbound.ports
        .filter((candidate) => !isBound(candidate))
        .flatMap((candidate) => inboundPortChains(settings, facts, guard, bindOf(proxy, candidate), candidate)),
    ];
    return [
      ...bound,
      virtualInboundListener(
        settings,
        facts.connection,
        sharedValue(entryAddresses(settings, proxy)),
        port,
        proxy.interceptionMode === 'TPROXY',
        sharedList(chains),
        inbound.mtlsSources,
        inspectionTime(
          settings,
          inbound.ports.filter((candidate) => !isBound(candidate)),
        ),
      ),
    ];
  },
);

const canBind = ({ metadata }: Proxy, { targetPort }: InboundPort): boolean =>
  targetPort >= 1024 || String(metadata['UNPRIVILEGED_POD']) !== 'true';

/** A Sidecar's listener is on the workload's address unless it says otherwise. */
function bindOf(proxy: Proxy, { ingress }: InboundPort): string {
  const [wildcard] = localAddresses(proxy).wildcards;
  if (ingress === undefined) return wildcard;
  return (ingress.bind ?? '') === '' ? (proxy.ipAddresses[0] ?? wildcard) : (ingress.bind ?? wildcard);
}

/** For unknown ports, and for ports that nothing but a PeerAuthentication names: the same chains for many workloads. */
function catchAll(
  settings: MeshSettings,
  facts: HttpFacts,
  guard: Guard,
  { ports, defaultMtls, portMtls }: InboundView,
): readonly PlannedChain[] {
  const known = new Set(ports.map(({ targetPort }) => targetPort));
  // An object's numeric keys come in ascending order.
  const others = Object.entries(portMtls)
    .map(([port, mode]) => ({ port: Number(port), mode }))
    .filter(({ port }) => !known.has(port));
  return [{ port: 0, mode: defaultMtls }, ...others].flatMap(({ port, mode }) =>
    passthroughChains(settings, facts, guard, mode, port),
  );
}

const virtualInboundListener = memo(
  (
    settings: MeshSettings,
    connection: ConnectionFacts,
    [bind, ...others]: LocalAddresses['wildcards'],
    port: number,
    transparent: boolean,
    chains: readonly PlannedChain[],
    mtlsSources: readonly SourceRef[],
    time: Duration,
  ): Resource => {
    const entry = [originalDestination, ...(transparent ? [originalSource] : [])];
    const message: Listener = {
      name: virtualInbound,
      address: listenerAddress(bind, port),
      ...additionalAddresses(others, port),
      ...(transparent && { transparent: true }),
      ...receiving(settings, connection, entry, chains, time),
    };
    const caused = withMtls(from(settings.source, message), mtlsSources);
    return { type: resourceTypes.listener, name: virtualInbound, message: caused };
  },
);

/** Which chains there are is PeerAuthentications' doing, too. */
function withMtls(listener: Listener, sources: readonly SourceRef[]): Listener {
  const { filter_chains } = listener;
  return sources.length === 0 || filter_chains === undefined
    ? listener
    : merge(listener, from(sources, { filter_chains }));
}

const boundListener = memo(
  (
    settings: MeshSettings,
    facts: HttpFacts,
    guard: Guard,
    bind: string,
    port: InboundPort,
    mtlsSources: readonly SourceRef[],
  ): Resource => {
    const name = listenerName(bind, port.targetPort);
    const chains = inboundPortChains(settings, facts, guard, bind, port);
    const message: Listener = {
      name,
      address: listenerAddress(bind, port.targetPort),
      ...receiving(settings, facts.connection, [], chains, inspectionTime(settings, [port])),
    };
    const caused = withMtls(from(sharedValue<SourceRef>(port.source), message), mtlsSources);
    return { type: resourceTypes.listener, name, message: caused };
  },
);

/**
 * How long the first bytes of a connection are waited for; 0 is for ever. Where plaintext is taken from clients that wait for
 * the server's greeting, for ever would mean that nobody ever says anything.
 * https://istio.io/latest/docs/ops/deployment/application-requirements/#server-first-protocols
 */
function inspectionTime(settings: MeshSettings, ports: readonly InboundPort[]): Duration {
  const asked = duration(settings.protocolDetectionTimeout ?? '0s');
  const wouldHang = ports.some(({ mtls, servicePort }) => mtls === 'PERMISSIVE' && serverMaySpeakFirst(servicePort));
  return asked === '0s' && wouldHang ? '0.5s' : asked;
}

function receiving(
  settings: MeshSettings,
  connection: ConnectionFacts,
  entry: readonly ListenerFilter[],
  chains: readonly PlannedChain[],
  time: Duration,
): Partial<Listener> {
  const filters = [...entry, ...inspectors(chains)];
  return {
    traffic_direction: 'INBOUND',
    filter_chains: chains.map(filterChain),
    ...(filters.length > 0 && { listener_filters: filters }),
    listener_filters_timeout: time,
    continue_on_listener_filters_timeout: true,
    ...acceptSlowly,
    ...listenerAccessLog(settings, connection),
  };
}

/** First bytes are only looked at on ports where some chain depends on them: servers that speak first would hang. */
function inspectors(chains: readonly PlannedChain[]): readonly ListenerFilter[] {
  const tls = needs(chains, ({ match }) => match.transportProtocol === 'tls');
  const http = needs(chains, ({ match }) =>
    plaintextHttp.some((protocol) => match.applicationProtocols?.includes(protocol)),
  );
  return [forPorts(tlsInspector, tls, 'leave-out') ?? [], forPorts(httpInspector, http, 'look-at') ?? []].flat();
}

/** By port, 0 standing for every other one. */
function needs(chains: readonly PlannedChain[], test: (chain: PlannedChain) => boolean): ReadonlyMap<number, boolean> {
  const byPort = new Map<number, boolean>();
  for (const chain of chains) {
    const port = chain.match.destinationPort ?? 0;
    byPort.set(port, (byPort.get(port) ?? false) || test(chain));
  }
  return byPort;
}
