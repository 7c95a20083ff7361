// What the listeners of one router depend on of the proxy itself: plain facts, shared by all for which they are the same.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#Topology
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { TrafficTelemetry } from '../../../model/mesh/telemetry.ts';
import type { ForwardClientCertDetails } from '../../envoy/filter/proxy-headers.ts';
import { forwardMode } from '../../envoy/filter/proxy-headers.ts';
import type { HttpFacts, LocalAddresses } from '../../envoy/listener/listener-facts.ts';
import { entryAddresses, httpFacts, statusPorts } from '../../envoy/listener/listener-facts.ts';
import { jsonObject } from '../../json-object.ts';
import { proxyConfig } from '../../proxy-config.ts';

/** Where the gateway stands: what is in front of it. */
export interface Topology {
  readonly trustedProxies: number;
  readonly forwardedClientCert: ForwardClientCertDetails;
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

/** It may come from the network: what does not fit is left out. */
function topologyOf(settings: MeshSettings, proxy: Proxy): Topology {
  const topology = jsonObject(proxyConfig(settings, proxy)['gatewayTopology']);
  const trusted = Number(topology?.['numTrustedProxies'] ?? 0);
  return {
    trustedProxies: Number.isInteger(trusted) && trusted > 0 && trusted <= 2 ** 32 - 1 ? trusted : 0,
    forwardedClientCert: forwardMode(topology?.['forwardClientCertDetails']) ?? 'SANITIZE_SET',
    proxyProtocol: jsonObject(topology?.['proxyProtocol']) !== undefined,
  };
}
