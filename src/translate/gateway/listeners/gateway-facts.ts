// What the listeners of one router depend on of the proxy itself: plain facts, shared by all for which they are the same.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#Topology
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { TrafficTelemetry } from '../../../model/mesh/telemetry.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { HttpFacts, LocalAddresses } from '../../envoy/listener/listener-facts.ts';
import { entryAddresses, httpFacts, statusPorts } from '../../envoy/listener/listener-facts.ts';

type ForwardedClientCert = NonNullable<
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager']['forward_client_cert_details']
>;

/** Where the gateway stands: what is in front of it. */
export interface Topology {
  readonly trustedProxies: number;
  readonly forwardedClientCert: ForwardedClientCert;
  /** Load balancers in front of it say in a line of their own who connects. */
  readonly proxyProtocol: boolean;
}

export interface GatewayFacts {
  readonly http: HttpFacts;
  readonly topology: Topology;
  /** What a server without an address of its own listens on. */
  readonly wildcards: LocalAddresses['wildcards'];
  /** Ports that the proxy has other listeners on. */
  readonly reserved: readonly number[];
  /** Ports below 1024 cannot be bound. */
  readonly unprivileged: boolean;
}

/** `telemetry` of the direction that gateways count as. */
export const gatewayFacts = (settings: MeshSettings, proxy: Proxy, telemetry?: TrafficTelemetry): GatewayFacts =>
  facts(
    sharedValue({
      topology: topologyOf(settings, proxy),
      wildcards: entryAddresses(settings, proxy),
      reserved: statusPorts(proxy),
      unprivileged: String(proxy.metadata['UNPRIVILEGED_POD']) === 'true',
    }),
    httpFacts(settings, proxy, telemetry),
  );

const facts = memo((own: Omit<GatewayFacts, 'http'>, http: HttpFacts): GatewayFacts => ({ ...own, http }));

/** A workload's ProxyConfig replaces the mesh's as a whole. It comes from the network, so nothing in it is trusted to fit. */
function topologyOf(settings: MeshSettings, proxy: Proxy): Topology {
  const config = record(proxy.metadata['PROXY_CONFIG']) ?? record(settings.defaultConfig);
  const topology = record(config?.['gatewayTopology']);
  const trusted = Number(topology?.['numTrustedProxies'] ?? 0);
  return {
    trustedProxies: Number.isInteger(trusted) && trusted > 0 && trusted <= 2 ** 32 - 1 ? trusted : 0,
    forwardedClientCert: forwardModes.find((mode) => mode === topology?.['forwardClientCertDetails']) ?? 'SANITIZE_SET',
    proxyProtocol: record(topology?.['proxyProtocol']) !== undefined,
  };
}

const forwardModes: readonly ForwardedClientCert[] = [
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
];

const record = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
