// Limits and timeouts of connections that proxies accept: from the workload's own ProxyConfig, else the mesh's. The profile EDGE
// gives gateways those that Envoy's documentation advises for the edge.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import { parseDuration } from '../../../model/duration.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import type { JsonObject } from '../../json-object.ts';
import { jsonObject } from '../../json-object.ts';
import { merge } from '../../provenance.ts';
import { ownProxyConfig } from '../../proxy-config.ts';

type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

/** Fields of messages, as far as they were asked for: plain data. */
export interface ConnectionLimits {
  /** Bytes that are held back for a connection of a gateway's listener. */
  readonly listenerBuffer?: number;
  readonly manager: Partial<HttpConnectionManager>;
}

/** Undefined where nothing was asked for. What a workload says of itself is not trusted to fit. */
export function connectionLimits({ defaultConfig }: MeshSettings, proxy: Proxy): ConnectionLimits | undefined {
  const own = jsonObject(ownProxyConfig(proxy)?.['connectionSettings']);
  const written = own ?? jsonObject(defaultConfig?.connectionSettings);
  if (written === undefined) return undefined;
  const asked: JsonObject = written['profile'] === 'EDGE' && proxy.type === 'router' ? { ...edge, ...known(written) } : written; // prettier-ignore
  const buffer = count(asked['listenerPerConnectionBufferLimitBytes']);
  return { ...(buffer !== undefined && { listenerBuffer: buffer }), manager: manager(asked) };
}

const edge: JsonObject = {
  listenerPerConnectionBufferLimitBytes: 32768,
  httpIdleTimeout: '1h',
  httpStreamIdleTimeout: '5m',
  httpRequestTimeout: '5m',
  httpRequestHeadersTimeout: '60s',
  httpMaxConcurrentStreams: 100,
  http2InitialStreamWindowSize: 65536,
  http2InitialConnectionWindowSize: 1048576,
  httpHeadersWithUnderscoresAction: 'HEADERS_WITH_UNDERSCORES_REJECT_REQUEST',
  httpMergeSlashes: true,
  httpPathWithEscapedSlashesAction: 'UNESCAPE_AND_REDIRECT',
};

/** Without what says that it says nothing. */
const known = (written: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined && !isUnspecified(value)));

const isUnspecified = (value: unknown): boolean => typeof value === 'string' && value.endsWith('UNSPECIFIED');

function manager(asked: JsonObject): Partial<HttpConnectionManager> {
  const escaped = escapedSlashes.find((action) => action === asked['httpPathWithEscapedSlashesAction']);
  const merges = asked['httpMergeSlashes'];
  return defined({
    stream_idle_timeout: time(asked['httpStreamIdleTimeout']),
    request_timeout: time(asked['httpRequestTimeout']),
    request_headers_timeout: time(asked['httpRequestHeadersTimeout']),
    drain_timeout: time(asked['httpDrainTimeout']),
    merge_slashes: typeof merges === 'boolean' ? merges : undefined,
    path_with_escaped_slashes_action: escaped,
    common_http_protocol_options: unlessEmpty({
      idle_timeout: time(asked['httpIdleTimeout']),
      max_connection_duration: time(asked['httpMaxConnectionDuration']),
      max_stream_duration: time(asked['httpMaxStreamDuration']),
      headers_with_underscores_action: underscores.get(String(asked['httpHeadersWithUnderscoresAction'])),
    }),
    http2_protocol_options: unlessEmpty({
      max_concurrent_streams: count(asked['httpMaxConcurrentStreams']),
      initial_stream_window_size: count(asked['http2InitialStreamWindowSize']),
      initial_connection_window_size: count(asked['http2InitialConnectionWindowSize']),
    }),
  });
}

const escapedSlashes = ['KEEP_UNCHANGED', 'REJECT_REQUEST', 'UNESCAPE_AND_REDIRECT', 'UNESCAPE_AND_FORWARD'] as const;
const underscores = new Map([
  ['HEADERS_WITH_UNDERSCORES_ALLOW', 'ALLOW'],
  ['HEADERS_WITH_UNDERSCORES_REJECT_REQUEST', 'REJECT_REQUEST'],
  ['HEADERS_WITH_UNDERSCORES_DROP_HEADER', 'DROP_HEADER'],
] as const) as ReadonlyMap<string, 'ALLOW' | 'REJECT_REQUEST' | 'DROP_HEADER'>;

const time = (value: unknown): `${number}s` | undefined =>
  typeof value === 'string' && (parseDuration(value) ?? -1) >= 0 ? duration(value) : undefined;

function count(value: unknown): number | undefined {
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isInteger(number) && number >= 0 && number < 2 ** 31 ? number : undefined;
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

const defined = <T extends object>(fields: T): Defined<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;

function unlessEmpty<T extends object>(fields: T): Defined<T> | undefined {
  const given = defined(fields);
  return Object.keys(given).length === 0 ? undefined : given;
}

/** The connection manager with the limits in the place of what else it would have. */
export function limited(message: HttpConnectionManager, limits: ConnectionLimits | undefined): HttpConnectionManager {
  if (limits === undefined) return message;
  const { common_http_protocol_options: common, http2_protocol_options: http2 } = limits.manager;
  return merge<HttpConnectionManager>(
    message,
    limits.manager,
    common && { common_http_protocol_options: { ...message.common_http_protocol_options, ...common } },
    http2 && { http2_protocol_options: { ...message.http2_protocol_options, ...http2 } },
  );
}
