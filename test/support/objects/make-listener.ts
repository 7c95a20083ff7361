// Listeners for tests: small proxies' listeners are made, and looked into without spelling out Envoy's nesting.
import { invariant } from '../../../src/model/invariant.ts';
import { sharedList } from '../../../src/model/memo.ts';
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { InboundPort, OutboundView, ProxyView, ServiceView } from '../../../src/model/view.ts';
import type { MtlsMode, Protocol } from '../../../src/model/mesh/mesh.ts';
import type { VirtualService } from '../../../src/model/mesh/virtual-service.ts';
import { inboundListeners } from '../../../src/translate/envoy/listener/inbound/inbound-listener.ts';
import { outboundListeners } from '../../../src/translate/envoy/listener/outbound/outbound-listeners.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import {
  makeEgressListener,
  makeInboundView,
  makeOutboundView,
  makePort,
  makeProxyView,
  makeService,
  makeSource,
} from './make.ts';

export type Listener = MessageOf['envoy.config.listener.v3.Listener'];
export type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
export type TcpProxy = MessageOf['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'];
export type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

/** The outbound listeners of a proxy that sees these services, by name. */
export function outbound(
  services: readonly ServiceView[],
  virtualServices: readonly VirtualService[] = [],
  overrides: Partial<ProxyView> = {},
): ReadonlyMap<string, Listener> {
  return outboundOf(makeOutboundView([makeEgressListener(services, virtualServices)]), overrides);
}

export const outboundOf = (view: OutboundView, overrides: Partial<ProxyView> = {}): ReadonlyMap<string, Listener> =>
  byName(outboundListeners(makeProxyView(view, overrides)).listeners);

/** The listener for what a proxy with these ports receives, and those bound for real, by name. */
export const inbound = (
  ports: readonly InboundPort[],
  overrides: Partial<ProxyView> = {},
): ReadonlyMap<string, Listener> =>
  byName(
    inboundListeners(
      makeProxyView(makeOutboundView([]), { inbound: makeInboundView({ ports: sharedList(ports) }), ...overrides }),
    ),
  );

const byName = (resources: readonly Resource[]): ReadonlyMap<string, Listener> =>
  new Map(resources.map(({ name, message }) => [name, message as Listener]));

/** Port 8080 of the workload, which the service `bakery/oven` leads to from its port 80. */
export function makeInboundPort(overrides: Partial<InboundPort> = {}): InboundPort {
  const service = makeService();
  return {
    source: { ...service.source, path: 'spec.ports[0]' },
    targetPort: 8080,
    servicePort: makePort(80),
    service,
    mtls: 'PERMISSIVE',
    policy: undefined,
    connectionPool: undefined,
    ...overrides,
  };
}

/** The same port, with this protocol and mode. */
export const inboundPortOf = (protocol: Protocol, mtls: MtlsMode): InboundPort =>
  makeInboundPort({ mtls, servicePort: makePort(80, protocol) });

/** The chains of that port. */
export const chainsOfPort = (listener: Listener): readonly FilterChain[] =>
  (listener.filter_chains ?? []).filter(({ filter_chain_match: match }) => match?.destination_port === 8080);

/** Where redirected connections arrive. */
export const virtualInbound = (listeners: ReadonlyMap<string, Listener>): Listener =>
  listenerIn(listeners, 'virtualInbound');

/** What the Sidecar object `bakery/pantry` lists as the first of its ingress listeners. */
export const makeIngressPort = (
  ingress: NonNullable<InboundPort['ingress']>,
  overrides: Partial<InboundPort> = {},
): InboundPort =>
  makeInboundPort({
    source: { ...makeSource('Sidecar', 'bakery', 'pantry'), path: 'spec.ingress[0]' },
    targetPort: ingress.port.number ?? 0,
    servicePort: makePort(ingress.port.number ?? 0),
    service: undefined,
    ingress,
    ...overrides,
  });

export function listenerIn(listeners: ReadonlyMap<string, Listener>, name: string): Listener {
  const found = listeners.get(name);
  invariant(found !== undefined, `no listener ${name} among ${[...listeners.keys()].join(' ')}`);
  return found;
}

type Configured = { readonly name?: string; readonly typed_config?: object };

export const names = (extensions: readonly Configured[] | undefined): readonly string[] =>
  (extensions ?? []).map(({ name }) => (name ?? '').replace(/^envoy\.filters\.\w+\./, ''));

function configured<T>(chain: FilterChain | undefined, name: string): T {
  const filter = chain?.filters?.find((candidate) => candidate.name === `envoy.filters.network.${name}`);
  invariant(filter?.typed_config !== undefined, `no ${name} in chain ${chain?.name ?? ''}`);
  return filter.typed_config as T;
}

export const tcpProxyOf = (chain: FilterChain | undefined): TcpProxy => configured(chain, 'tcp_proxy');
export const httpOf = (chain: FilterChain | undefined): HttpConnectionManager =>
  configured(chain, 'http_connection_manager');

/** One line per chain: what it matches and where it goes; the default chain comes last. */
export const summary = (listener: Listener): readonly string[] => [
  ...(listener.filter_chains ?? []).map(describe),
  ...(listener.default_filter_chain === undefined ? [] : [`default ${describe(listener.default_filter_chain)}`]),
];

function describe(chain: FilterChain): string {
  const {
    destination_port: port,
    transport_protocol: transport,
    application_protocols: alpn,
    server_names: hosts,
    prefix_ranges: ranges,
  } = chain.filter_chain_match ?? {};
  const match = [
    port === undefined ? '' : `:${port}`,
    transport ?? '',
    ...(alpn ?? []),
    ...(hosts ?? []),
    ...(ranges ?? []).map((range) => `${range.address_prefix}/${range.prefix_len}`),
  ].filter((part) => part !== '');
  return `${match.length === 0 ? 'any' : match.join(' ')} -> ${target(chain)}`;
}

function target(chain: FilterChain): string {
  const secured = chain.transport_socket === undefined ? '' : 'TLS ';
  if (names(chain.filters).includes('http_connection_manager')) {
    const http = httpOf(chain);
    return `${secured}HTTP ${http.rds?.route_config_name ?? http.route_config?.name ?? ''}`;
  }
  const { cluster, weighted_clusters: weighted } = tcpProxyOf(chain);
  return secured + (cluster ?? (weighted?.clusters ?? []).map(({ name, weight }) => `${name}=${weight}`).join(' '));
}
