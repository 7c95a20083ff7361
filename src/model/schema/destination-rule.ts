// DestinationRule: what applies to traffic for a host once routing has chosen it.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/
import type { Static } from './fields.ts';
import {
  anyDuration,
  boolean,
  duration,
  int32,
  integer,
  list,
  map,
  message,
  number,
  oneOf,
  port,
  string,
  uint32,
} from './fields.ts';
import { PolicyWorkloadSelector } from './common.ts';
import { PortSelector } from './virtual-service.ts';

export const LocalityDistribute = message({ from: string, to: map(uint32) });
export type LocalityDistribute = Static<typeof LocalityDistribute>;

export const LocalityFailover = message({ from: string, to: string });
export type LocalityFailover = Static<typeof LocalityFailover>;

export const LocalityLoadBalancerSetting = message({
  distribute: list(LocalityDistribute),
  failover: list(LocalityFailover),
  failoverPriority: list(string),
  enabled: boolean,
});
export type LocalityLoadBalancerSetting = Static<typeof LocalityLoadBalancerSetting>;

export const ZoneAwareLoadBalancerSetting = message({
  enabled: boolean,
  failover: list(LocalityFailover),
  failoverPriority: list(string),
  minClusterSize: integer(1, Number.MAX_SAFE_INTEGER),
});
export type ZoneAwareLoadBalancerSetting = Static<typeof ZoneAwareLoadBalancerSetting>;

export const HTTPCookie = message(
  {
    name: string,
    path: string,
    ttl: anyDuration,
    attributes: list(message({ name: string, value: string }, ['name'])),
  },
  ['name'],
);
export type HTTPCookie = Static<typeof HTTPCookie>;

const size = integer(0, Number.MAX_SAFE_INTEGER);

/** One key (header, cookie, source address, query parameter) and one algorithm (ring hash, maglev). */
export const ConsistentHashLB = message({
  httpHeaderName: string,
  httpCookie: HTTPCookie,
  useSourceIp: boolean,
  httpQueryParameterName: string,
  ringHash: message({ minimumRingSize: size }),
  maglev: message({ tableSize: size }),
  minimumRingSize: size,
});
export type ConsistentHashLB = Static<typeof ConsistentHashLB>;

export const WarmupConfiguration = message(
  { duration, minimumPercent: number({ minimum: 0, maximum: 100 }), aggression: number({ minimum: 0 }) },
  ['duration'],
);
export type WarmupConfiguration = Static<typeof WarmupConfiguration>;

export const LoadBalancerSettings = message({
  simple: oneOf('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
  consistentHash: ConsistentHashLB,
  localityLbSetting: LocalityLoadBalancerSetting,
  zoneAwareLbSetting: ZoneAwareLoadBalancerSetting,
  warmup: WarmupConfiguration,
  warmupDurationSecs: duration,
});
export type LoadBalancerSettings = Static<typeof LoadBalancerSettings>;

export const TcpKeepalive = message({ probes: uint32, time: duration, interval: duration });
export type TcpKeepalive = Static<typeof TcpKeepalive>;

export const TCPSettings = message({
  maxConnections: int32,
  connectTimeout: duration,
  tcpKeepalive: TcpKeepalive,
  maxConnectionDuration: duration,
  idleTimeout: anyDuration,
});
export type TCPSettings = Static<typeof TCPSettings>;

export const HTTPSettings = message({
  http1MaxPendingRequests: int32,
  http2MaxRequests: int32,
  maxRequestsPerConnection: int32,
  maxRetries: int32,
  idleTimeout: duration,
  h2UpgradePolicy: oneOf('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
  useClientProtocol: boolean,
  maxConcurrentStreams: int32,
  http2KeepAlive: message({ interval: duration, timeout: duration }),
});
export type HTTPSettings = Static<typeof HTTPSettings>;

export const ConnectionPoolSettings = message({ tcp: TCPSettings, http: HTTPSettings });
export type ConnectionPoolSettings = Static<typeof ConnectionPoolSettings>;

export const OutlierDetection = message({
  consecutiveErrors: int32,
  splitExternalLocalOriginErrors: boolean,
  consecutiveLocalOriginFailures: uint32,
  consecutiveGatewayErrors: uint32,
  consecutive5xxErrors: uint32,
  interval: duration,
  baseEjectionTime: duration,
  maxEjectionPercent: int32,
  minHealthPercent: int32,
  outlierDetectionHttpErrorCodes: list(integer(100, 599)),
});
export type OutlierDetection = Static<typeof OutlierDetection>;

export const ClientTLSSettings = message({
  mode: oneOf('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
  clientCertificate: string,
  privateKey: string,
  caCertificates: string,
  credentialName: string,
  subjectAltNames: list(string),
  sni: string,
  insecureSkipVerify: boolean,
  caCrl: string,
});
export type ClientTLSSettings = Static<typeof ClientTLSSettings>;

export const PortTrafficPolicy = message({
  port: PortSelector,
  loadBalancer: LoadBalancerSettings,
  connectionPool: ConnectionPoolSettings,
  outlierDetection: OutlierDetection,
  tls: ClientTLSSettings,
});
export type PortTrafficPolicy = Static<typeof PortTrafficPolicy>;

export const TunnelSettings = message({ protocol: string, targetHost: string, targetPort: port }, [
  'targetHost',
  'targetPort',
]);
export type TunnelSettings = Static<typeof TunnelSettings>;

export const RetryBudget = message({
  percent: number({ minimum: 0, maximum: 100 }),
  minRetryConcurrency: uint32,
  budgetInterval: anyDuration,
});
export type RetryBudget = Static<typeof RetryBudget>;

export const TrafficPolicy = message({
  loadBalancer: LoadBalancerSettings,
  connectionPool: ConnectionPoolSettings,
  outlierDetection: OutlierDetection,
  tls: ClientTLSSettings,
  portLevelSettings: list(PortTrafficPolicy, { maxItems: 4096 }),
  tunnel: TunnelSettings,
  proxyProtocol: message({ version: oneOf('V1', 'V2') }),
  retryBudget: RetryBudget,
});
export type TrafficPolicy = Static<typeof TrafficPolicy>;

export const Subset = message({ name: string, labels: map(string), trafficPolicy: TrafficPolicy }, ['name']);
export type Subset = Static<typeof Subset>;

export const DestinationRuleSpec = message(
  {
    host: string,
    trafficPolicy: TrafficPolicy,
    subsets: list(Subset),
    exportTo: list(string),
    workloadSelector: PolicyWorkloadSelector,
  },
  ['host'],
);
export type DestinationRuleSpec = Static<typeof DestinationRuleSpec>;
