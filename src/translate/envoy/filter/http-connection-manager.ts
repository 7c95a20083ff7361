// The HTTP connection manager: the network filter that speaks HTTP, from the mesh's settings and what one chain is for.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
import { memo, sharedValue } from '../../../model/memo.ts';
import type { AddressBlock, MeshSettings } from '../../../model/mesh/mesh.ts';
import { at } from '../../../model/source.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { statName } from '../../names.ts';
import { from, merge } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import { accessLog } from './access-log.ts';
import { ads } from '../config-source.ts';
import type { Guard } from '../rbac/guard.ts';
import { unguarded } from '../rbac/guard.ts';
import type { ChainTraffic } from '../extension/extension-filters.ts';
import { httpExtensions } from '../extension/extension-filters.ts';
import { limited } from './connection-settings.ts';
import { httpFilters } from './http-filters.ts';
import type { HttpFacts } from '../listener/listener-facts.ts';
import type { Received } from '../telemetry/metered.ts';
import { countsMessages } from '../telemetry/metrics.ts';
import { headerOptions, inboundHeaderOptions, meshServerHeader, preservedHeaderCase } from './proxy-headers.ts';
import { tracing } from './tracing.ts';

type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type RouteConfiguration = MessageOf['envoy.config.route.v3.RouteConfiguration'];
type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

export interface OutboundHttp {
  /** Name of the route configuration, which is delivered on its own. */
  readonly routeName: string;
  readonly statPrefix: string;
  readonly traffic: ChainTraffic;
  readonly grpcWeb: boolean;
  /** A port for clients that know they talk to a proxy, and so send whole URLs. */
  readonly explicitProxy: boolean;
}

/** `http` is plain data made canonical by `sharedValue`. */
export const outboundHttpConnectionManager = memo(
  (settings: MeshSettings, facts: HttpFacts, http: OutboundHttp): Filter =>
    filter(
      facts,
      merge<HttpConnectionManager>(
        common(settings, facts, unguarded, http, mayBind(settings)),
        http1Options(facts, http.explicitProxy),
        { rds: { config_source: ads, route_config_name: http.routeName } },
      ),
    ),
);

export interface InboundHttp {
  readonly statPrefix: string;
  readonly traffic: ChainTraffic;
  readonly grpcWeb: boolean;
  readonly http2: boolean;
  readonly received: Received;
}

/** `http` is plain data made canonical by `sharedValue`; the routes stand inside: there is one per port. */
export const inboundHttpConnectionManager = memo(
  (settings: MeshSettings, facts: HttpFacts, guard: Guard, http: InboundHttp, routes: RouteConfiguration): Filter =>
    filter(
      facts,
      merge<HttpConnectionManager>(
        common(settings, facts, guard, http, false, sharedValue(http.received)),
        http1Options(facts, false),
        inboundHeaderOptions(facts.headers),
        http.http2 ? { http2_protocol_options: {} } : {},
        { route_config: routes },
      ),
    ),
);

/** At a waypoint: callers are known by their tunnels, and the routes stand inside. `http` is plain data made canonical. */
export const waypointHttpConnectionManager = memo(
  (
    settings: MeshSettings,
    facts: HttpFacts,
    guard: Guard,
    http: Omit<InboundHttp, 'received'>,
    routes: RouteConfiguration,
  ): Filter =>
    filter(
      facts,
      merge<HttpConnectionManager>(
        common(settings, facts, guard, http, mayBind(settings)),
        http1Options(facts, false),
        facts.headers.keepServerHeader === true ? {} : { server_name: facts.headers.serverName ?? meshServerHeader },
        http.http2 ? { http2_protocol_options: {} } : {},
        { route_config: routes },
      ),
    ),
);

export interface GatewayHttp {
  /** Name of the route configuration, which is delivered on its own. */
  readonly routeName: string;
  readonly statPrefix: string;
  readonly traffic: ChainTraffic;
  readonly grpcWeb: boolean;
  readonly http3: boolean;
  /** Proxies in front of the gateway that it believes what they say of their clients. */
  readonly trustedProxies: number;
  readonly forwardedClientCert: NonNullable<HttpConnectionManager['forward_client_cert_details']>;
}

/** The edge of the mesh: what clients say of themselves is not believed. `http` is plain data made canonical. */
export const gatewayHttpConnectionManager = memo(
  (settings: MeshSettings, facts: HttpFacts, guard: Guard, http: GatewayHttp): Filter =>
    filter(
      facts,
      merge<HttpConnectionManager>(
        common(settings, facts, guard, http, mayBind(settings)),
        { http_protocol_options: {}, ...http1Options(facts, false) },
        edgeOptions(settings, facts, http),
        { rds: { config_source: ads, route_config_name: http.routeName } },
      ),
    ),
);

function edgeOptions(
  settings: MeshSettings,
  { headers }: HttpFacts,
  http: GatewayHttp,
): Partial<HttpConnectionManager> {
  const mode = http.forwardedClientCert;
  const tellsOfClient = mode === 'APPEND_FORWARD' || mode === 'SANITIZE_SET';
  return {
    stat_prefix: http.statPrefix,
    use_remote_address: true,
    // Whose requests keep Envoy's own headers.
    ...internalAddresses(settings),
    ...(headers.keepServerHeader !== true && { server_name: headers.serverName ?? meshServerHeader }),
    ...(http.trustedProxies > 0 && { xff_num_trusted_hops: http.trustedProxies }),
    forward_client_cert_details: mode,
    ...(tellsOfClient && { set_current_client_cert_details: { subject: true, cert: true, dns: true, uri: true } }),
    ...(http.http3 && { codec_type: 'HTTP3' as const, http3_protocol_options: {} }),
  };
}

/** Whether routes can bind clients to endpoints. */
const mayBind = ({ features }: MeshSettings): boolean => features.persistentSessions || features.strictGateways;

const internalAddresses = ({ internalBlocks = [] }: MeshSettings): Partial<HttpConnectionManager> =>
  internalBlocks.length === 0 ? {} : { internal_address_config: { cidr_ranges: internalBlocks.map(cidrRange) } };

const cidrRange = ({ address, length }: AddressBlock): MessageOf['envoy.config.core.v3.CidrRange'] => ({
  address_prefix: address,
  prefix_len: length,
});

const filter = ({ limits }: HttpFacts, message: HttpConnectionManager): Filter =>
  extension('envoy.filters.network.http_connection_manager', manager, limited(message, limits));

function common(
  settings: MeshSettings,
  facts: HttpFacts,
  guard: Guard,
  { statPrefix, grpcWeb, traffic }: Pick<OutboundHttp, 'statPrefix' | 'grpcWeb' | 'traffic'>,
  sessions: boolean,
  received?: Received,
): HttpConnectionManager {
  const { idleTimeout, extensions, metered, telemetry } = facts.connection;
  return merge<HttpConnectionManager>(
    {
      stat_prefix: statName(statPrefix),
      http_filters: httpFilters({
        guard,
        extensions: httpExtensions(extensions, traffic),
        grpcWeb,
        sessions,
        metered: metered === undefined ? undefined : received === undefined ? 'sent' : 'received',
        messagesMetered: metered !== undefined && countsMessages(telemetry?.metrics),
        suppressEnvoyHeaders: facts.headers.noEnvoyHeaders === true,
      }),
      proxy_100_continue: true,
      stream_idle_timeout: '0s',
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      use_remote_address: false,
      ...(settings.features.internalNetworks && internalAddresses(settings)),
      ...(idleTimeout !== undefined && { common_http_protocol_options: { idle_timeout: idleTimeout } }),
    },
    pathNormalization(settings),
    tracing(settings, facts),
    accessLog(settings, facts.connection, 'http', received),
    headerOptions(facts.headers),
  );
}

function http1Options({ acceptHttp10, headers }: HttpFacts, explicitProxy: boolean): Partial<HttpConnectionManager> {
  const options: HttpConnectionManager['http_protocol_options'] = {
    ...(acceptHttp10 && { accept_http_10: true }),
    ...(explicitProxy && { allow_absolute_url: true }),
    ...(headers.keepHeaderCase === true && { header_key_format: preservedHeaderCase }),
  };
  return Object.keys(options).length === 0 ? {} : { http_protocol_options: options };
}

/** Paths are matched by routes and policies in the form they have after this. */
function pathNormalization({ pathNormalization: asked, source }: MeshSettings): Partial<HttpConnectionManager> {
  const mode = asked?.normalization ?? 'DEFAULT';
  const decode = mode === 'DECODE_AND_MERGE_SLASHES';
  const options: Partial<HttpConnectionManager> = {
    normalize_path: mode !== 'NONE',
    path_with_escaped_slashes_action: decode ? 'UNESCAPE_AND_FORWARD' : 'KEEP_UNCHANGED',
    ...((decode || mode === 'MERGE_SLASHES') && { merge_slashes: true }),
  };
  return asked === undefined ? options : from(at(source, 'pathNormalization'), options);
}
