// Connection pools, of DestinationRules and of Sidecars.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings
import type { ConnectionPoolSettings, HTTPSettings, TCPSettings } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { conflict, invalid, missing } from '../../draft.ts';
import { parseDuration } from '../../../model/duration.ts';
import { checkDuration } from '../common.ts';

export function* checkConnectionPool(pool: ConnectionPoolSettings | undefined, path: FieldPath): Drafts {
  if (!pool) return;
  if (!pool.http && !pool.tcp) yield missing(path, 'a connection pool must set http or tcp');
  if (pool.http) yield* checkHttp(pool.http, [...path, 'http']);
  if (pool.tcp) yield* checkTcp(pool.tcp, [...path, 'tcp']);
}

const counts = [
  'http1MaxPendingRequests',
  'http2MaxRequests',
  'maxRequestsPerConnection',
  'maxRetries',
  'maxConcurrentStreams',
] as const;

function* checkHttp(http: HTTPSettings, path: FieldPath): Drafts {
  for (const field of counts) yield* checkCount(http[field], [...path, field]);
  yield* checkDuration(http.idleTimeout, [...path, 'idleTimeout']);
  if (http.h2UpgradePolicy === 'UPGRADE' && http.useClientProtocol)
    yield conflict([...path, 'useClientProtocol'], "the client's protocol is not kept when it is upgraded to HTTP/2");
  for (const field of http.http2KeepAlive ? (['interval', 'timeout'] as const) : []) {
    const value = http.http2KeepAlive?.[field];
    if (value === undefined) yield missing([...path, 'http2KeepAlive', field], `${field} is required`);
    yield* checkDuration(value, [...path, 'http2KeepAlive', field]);
  }
}

function* checkTcp(tcp: TCPSettings, path: FieldPath): Drafts {
  yield* checkCount(tcp.maxConnections, [...path, 'maxConnections']);
  yield* checkDuration(tcp.connectTimeout, [...path, 'connectTimeout']);
  yield* checkDuration(tcp.maxConnectionDuration, [...path, 'maxConnectionDuration']);
  // 0 means: never. Whatever is shorter than a millisecond counts as 0.
  const idle = tcp.idleTimeout === undefined ? 0 : (parseDuration(tcp.idleTimeout) ?? 0);
  if (Math.abs(idle) >= 1) yield* checkDuration(tcp.idleTimeout, [...path, 'idleTimeout']);
  yield* checkDuration(tcp.tcpKeepalive?.time, [...path, 'tcpKeepalive', 'time']);
  yield* checkDuration(tcp.tcpKeepalive?.interval, [...path, 'tcpKeepalive', 'interval']);
}

function* checkCount(count: number | undefined, path: FieldPath): Drafts {
  if (count !== undefined && count < 0) yield invalid(path, `${count} is negative`);
}
