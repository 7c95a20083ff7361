// Connection pool settings: circuit breakers, timeouts, TCP keep-alive and the HTTP options of a cluster.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings
import type { LoadLimit } from '../../../model/mesh/workload-policies.ts';
import type { MeshSettings, Protocol } from '../../../model/mesh/mesh.ts';
import type { CircuitBreaker, ConnectionPoolSettings, HTTPSettings, RetryBudget } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { from, merge } from '../../provenance.ts';
import { preservedHeaderCase } from '../filter/proxy-headers.ts';
import { isHttp, isHttp2 } from '../../resolve/services/protocol.ts';
import { typed } from '../../typed.ts';
import type { Sourced } from './traffic-policy.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type Thresholds = MessageOf['envoy.config.cluster.v3.CircuitBreakers.Thresholds'];
type HttpProtocolOptions = MessageOf['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];
type Http1Options = MessageOf['envoy.config.core.v3.Http1ProtocolOptions'];
type Http2Options = MessageOf['envoy.config.core.v3.Http2ProtocolOptions'];
type Pool = Sourced<ConnectionPoolSettings> | undefined;

const optionsKey = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const noLimit = 4294967295;

/** Timeouts, keep-alive and limits; Envoy's own low limits are lifted where nothing is set. Every one of `loads` holds. */
export function connectionSettings(
  settings: MeshSettings,
  pool: Pool,
  budget: Sourced<RetryBudget> | undefined,
  loads: readonly LoadLimit[],
): Partial<Cluster> {
  const own = pool?.value.tcp;
  const budgets = [budget?.value, ...loads.map((load) => load.retryBudget)].filter((each) => each !== undefined);
  const breakers = loads.flatMap((load) => load.circuitBreaker ?? []);
  const limits: Partial<Cluster> = { circuit_breakers: { thresholds: [thresholds(pool?.value, breakers, budgets)] } };
  const limiting = [...[pool, budget].flatMap((setting) => setting?.source ?? []), ...loads.flatMap(loadSources)];
  const keepalive = settings.tcpKeepalive;
  return merge<Partial<Cluster>>(
    {
      connect_timeout: duration(settings.connectTimeout ?? '10s'),
      ...(keepalive !== undefined && { upstream_connection_options: { tcp_keepalive: tcpKeepalive(keepalive) } }),
    },
    limiting.length === 0 ? limits : from(limiting, limits),
    pool === undefined
      ? undefined
      : from(pool.source, {
          ...(own?.connectTimeout !== undefined && { connect_timeout: duration(own.connectTimeout) }),
          ...(own?.tcpKeepalive !== undefined && {
            upstream_connection_options: { tcp_keepalive: tcpKeepalive(own.tcpKeepalive) },
          }),
        }),
  );
}

const loadSources = ({ source, circuitBreaker, retryBudget }: LoadLimit): readonly SourceRef[] => [
  ...(circuitBreaker === undefined ? [] : [at(source, 'circuitBreaker')]),
  ...(retryBudget === undefined ? [] : [at(source, 'retryBudget')]),
];

/** Of several limits all hold: so the lowest does. */
function thresholds(
  pool: ConnectionPoolSettings | undefined,
  breakers: readonly CircuitBreaker[],
  budgets: readonly RetryBudget[],
): Thresholds {
  const lowest = (value: number | undefined, name: keyof CircuitBreaker): number =>
    Math.min(value === undefined || value === 0 ? noLimit : value, ...breakers.map((each) => each[name] ?? noLimit));
  const [budget] = budgets.toSorted((a, b) => budgetPercent(a) - budgetPercent(b));
  return {
    max_connections: lowest(pool?.tcp?.maxConnections, 'maxConnections'),
    max_pending_requests: lowest(pool?.http?.http1MaxPendingRequests, 'maxPendingRequests'),
    max_requests: lowest(pool?.http?.http2MaxRequests, 'maxRequests'),
    max_retries: lowest(pool?.http?.maxRetries, 'maxRetries'),
    ...(budget !== undefined && { retry_budget: retryBudget(budget) }),
  };
}

/** Envoy's own where nothing is said. */
const budgetPercent = ({ percent = 20 }: RetryBudget): number => percent;

/** How many retries may be under way, as a share of all requests; it takes the place of the fixed number. */
const retryBudget = ({
  percent,
  minRetryConcurrency,
  budgetInterval,
}: RetryBudget): NonNullable<Thresholds['retry_budget']> => ({
  ...(percent !== undefined && { budget_percent: { value: percent } }),
  ...(minRetryConcurrency !== undefined && { min_retry_concurrency: minRetryConcurrency }),
  ...(budgetInterval !== undefined && { budget_interval: duration(budgetInterval) }),
});

interface KeepaliveSettings {
  readonly probes?: number;
  readonly time?: string;
  readonly interval?: string;
}

const tcpKeepalive = ({
  probes,
  time,
  interval,
}: KeepaliveSettings): MessageOf['envoy.config.core.v3.TcpKeepalive'] => ({
  ...(probes !== undefined && probes > 0 && { keepalive_probes: probes }),
  ...(time !== undefined && { keepalive_time: seconds(time) }),
  ...(interval !== undefined && { keepalive_interval: seconds(interval) }),
});

const seconds = (text: string): number => Math.trunc(Number(duration(text).slice(0, -1)));

/** What else wants a say in a cluster's HTTP options. */
export interface HttpExtras {
  readonly upstream?: HttpProtocolOptions['upstream_http_protocol_options'];
  /** Speak HTTP/2 or HTTP/1.1 as the caller did: for ports whose protocol is detected. */
  readonly inbound: boolean;
  /** A gateway has no protocol of the caller to go by: what it terminates, it knows. */
  readonly router?: boolean;
}

/** The cluster's HTTP options: which HTTP version to speak, and the pool's per-connection settings. */
export function httpOptions(
  settings: MeshSettings,
  protocol: Protocol,
  pool: Pool,
  extras: HttpExtras,
): Partial<Cluster> {
  const common = commonOptions(pool?.value);
  const version = httpVersion(settings, protocol, pool?.value, extras);
  const needed = common !== undefined || extras.upstream !== undefined;
  if (version === undefined && !needed) return {};
  const options: HttpProtocolOptions = {
    ...(common !== undefined && { common_http_protocol_options: common }),
    ...(extras.upstream !== undefined && { upstream_http_protocol_options: extras.upstream }),
    ...(version ?? { explicit_http_config: { http_protocol_options: http1Options(settings) } }),
  };
  const message: Partial<Cluster> = { typed_extension_protocol_options: { [optionsKey]: typed(optionsKey, options) } };
  return pool === undefined ? message : from(pool.source, message);
}

/** The downstream connection decides: both versions are possible. */
export const asDownstream = (
  settings: MeshSettings,
  http2: Http2Options = {},
): Pick<HttpProtocolOptions, 'use_downstream_protocol_config'> => ({
  use_downstream_protocol_config: { http_protocol_options: http1Options(settings), http2_protocol_options: http2 },
});

/** Options of the clusters that pass traffic through to wherever it was going. */
export const passthroughOptions = (settings: MeshSettings): Pick<Cluster, 'typed_extension_protocol_options'> => ({
  typed_extension_protocol_options: {
    [optionsKey]: typed(optionsKey, {
      common_http_protocol_options: { idle_timeout: '300s' },
      ...asDownstream(settings),
    }),
  },
});

const http1Options = (settings: MeshSettings): Http1Options =>
  keepsHeaderCase(settings) ? { header_key_format: preservedHeaderCase } : {};

const keepsHeaderCase = ({ defaultConfig }: MeshSettings): boolean =>
  defaultConfig?.proxyHeaders?.preserveHttp1HeaderCase === true;

function httpVersion(
  settings: MeshSettings,
  protocol: Protocol,
  pool: ConnectionPoolSettings | undefined,
  extras: HttpExtras,
): Partial<HttpProtocolOptions> | undefined {
  const http = pool?.http;
  const http2 = http2Options(http);
  if (extras.inbound ? isHttp2(protocol) : speaksHttp2(settings, protocol, pool))
    return { explicit_http_config: { http2_protocol_options: http2 } };
  if (http?.useClientProtocol === true || (protocol === 'Auto' && extras.router !== true))
    return asDownstream(settings, keepAlive(http));
  return keepsHeaderCase(settings) && isHttp(protocol)
    ? { explicit_http_config: { http_protocol_options: http1Options(settings) } }
    : undefined;
}

/** Whether servers are always spoken to in HTTP/2. A DestinationRule can upgrade any port, the mesh only those named HTTP. */
export function speaksHttp2(
  settings: MeshSettings,
  protocol: Protocol,
  pool: ConnectionPoolSettings | undefined,
): boolean {
  const policy = pool?.http?.h2UpgradePolicy;
  if (isHttp2(protocol)) return true;
  if (policy === 'UPGRADE') return true;
  return policy !== 'DO_NOT_UPGRADE' && settings.h2UpgradePolicy === 'UPGRADE' && isHttp(protocol);
}

const http2Options = (http: HTTPSettings | undefined): Http2Options => ({
  ...(positive(http?.maxConcurrentStreams) && { max_concurrent_streams: http?.maxConcurrentStreams ?? 0 }),
  ...keepAlive(http),
});

/** Idle connections are probed by HTTP/2 pings. */
function keepAlive(http: HTTPSettings | undefined): Pick<Http2Options, 'connection_keepalive'> {
  const { interval, timeout } = http?.http2KeepAlive ?? {};
  if (interval === undefined || timeout === undefined) return {};
  return { connection_keepalive: { interval: duration(interval), timeout: duration(timeout) } };
}

const positive = (value: number | undefined): boolean => value !== undefined && value > 0;

function commonOptions(
  pool: ConnectionPoolSettings | undefined,
): HttpProtocolOptions['common_http_protocol_options'] | undefined {
  const idle = pool?.http?.idleTimeout ?? pool?.tcp?.idleTimeout;
  const lifetime = pool?.tcp?.maxConnectionDuration;
  const requests = pool?.http?.maxRequestsPerConnection;
  if (idle === undefined && lifetime === undefined && !positive(requests)) return undefined;
  return {
    ...(idle !== undefined && { idle_timeout: duration(idle) }),
    ...(lifetime !== undefined && { max_connection_duration: duration(lifetime) }),
    ...(requests !== undefined && requests > 0 && { max_requests_per_connection: requests }),
  };
}
