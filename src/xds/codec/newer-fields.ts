// Fields of Envoy 1.40 that the packaged definitions are too old to know; their numbers as Envoy itself reports them.
// Messages and enums that they need and the package lacks are declared in protos/.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/api

export interface NewerField {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly repeated?: true;
  readonly oneof?: string;
}

const field = (name: string, number: number, type: string): NewerField => ({ name, number, type });
const repeated = (name: string, number: number, type: string): NewerField => ({ name, number, type, repeated: true });
const member = (oneof: string, name: string, number: number, type: string): NewerField => ({
  name,
  number,
  type,
  oneof,
});

const duration = 'google.protobuf.Duration';
const bool = 'google.protobuf.BoolValue';
const uint32 = 'google.protobuf.UInt32Value';
const uint64 = 'google.protobuf.UInt64Value';
const struct = 'google.protobuf.Struct';
const matcher = 'xds.type.matcher.v3.Matcher';
const extension = 'envoy.config.core.v3.TypedExtensionConfig';
const httpService = 'envoy.config.core.v3.HttpService';
const filterStateValue = 'envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue';
const sourcedMetadata = 'envoy.config.rbac.v3.SourcedMetadata';
const runtimeFraction = 'envoy.config.core.v3.RuntimeFractionalPercent';

const bootstrap: Record<string, readonly NewerField[]> = {
  'envoy.config.bootstrap.v3.Bootstrap': [member('stats_eviction', 'stats_eviction_interval', 42, duration)],
  'envoy.config.bootstrap.v3.Admin': [repeated('allow_paths', 7, 'envoy.type.matcher.v3.StringMatcher')],
};

const core: Record<string, readonly NewerField[]> = {
  'envoy.config.core.v3.SocketAddress': [field('network_namespace_filepath', 7, 'string')],
  'envoy.config.core.v3.HttpService': [repeated('formatters', 3, extension)],
  'envoy.config.core.v3.HttpProtocolOptions': [
    field('max_response_headers_kb', 7, uint32),
    field('max_connection_duration_jitter', 8, 'envoy.type.v3.Percent'),
  ],
  'envoy.config.core.v3.Http1ProtocolOptions': [
    repeated('ignore_http_11_upgrade', 11, 'envoy.type.matcher.v3.StringMatcher'),
  ],
  'envoy.config.core.v3.Http2ProtocolOptions': [field('max_metadata_size', 17, uint64)],
  'envoy.type.http.v3.Cookie': [repeated('attributes', 4, 'envoy.type.http.v3.CookieAttribute')],
};

const clusters: Record<string, readonly NewerField[]> = {
  'envoy.config.cluster.v3.Cluster': [
    field('dns_jitter', 58, duration),
    field('transport_socket_matcher', 59, matcher),
    field('per_connection_buffer_high_watermark_timeout', 60, duration),
  ],
  'envoy.config.cluster.v3.OutlierDetection': [field('detect_degraded_hosts', 26, bool)],
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget': [field('budget_interval', 3, duration)],
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': [
    field('auto_host_sni', 6, 'bool'),
    field('auto_sni_san_validation', 7, 'bool'),
  ],
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext': [field('prefer_client_ciphers', 11, 'bool')],
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext': [
    field('custom_tls_certificate_selector', 16, extension),
  ],
  'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext': [
    field('suppress_client_ca_list', 18, 'bool'),
  ],
  'envoy.extensions.http.injected_credentials.generic.v3.Generic': [field('header_value_prefix', 3, 'string')],
};

const routes: Record<string, readonly NewerField[]> = {
  'envoy.config.route.v3.RouteConfiguration': [field('vhost_header', 18, 'string')],
  'envoy.config.route.v3.VirtualHost': [field('request_body_buffer_limit', 25, uint64)],
  'envoy.config.route.v3.Route': [field('request_body_buffer_limit', 20, uint64)],
  'envoy.config.route.v3.RouteMatch': [
    repeated('filter_state', 16, 'envoy.type.matcher.v3.FilterStateMatcher'),
    repeated('cookies', 17, 'envoy.config.route.v3.CookieMatcher'),
  ],
  'envoy.config.route.v3.RouteAction': [
    field('flush_timeout', 42, duration),
    member('host_rewrite_specifier', 'host_rewrite', 44, 'string'),
    field('path_rewrite', 45, 'string'),
  ],
  'envoy.config.route.v3.RouteAction.RequestMirrorPolicy': [
    repeated('request_headers_mutations', 7, 'envoy.config.common.mutation_rules.v3.HeaderMutation'),
    field('host_rewrite_literal', 8, 'string'),
  ],
  'envoy.config.route.v3.WeightedCluster': [member('random_value_specifier', 'use_hash_policy', 5, bool)],
  'envoy.config.route.v3.RedirectAction': [member('path_rewrite_specifier', 'path_rewrite', 10, 'string')],
  'envoy.config.route.v3.DirectResponseAction': [
    field('body_format', 3, 'envoy.config.core.v3.SubstitutionFormatString'),
  ],
  'envoy.config.route.v3.Tracing': [field('operation', 5, 'string'), field('upstream_operation', 6, 'string')],
};

const httpFilters: Record<string, readonly NewerField[]> = {
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': [
    field('http1_safe_max_connection_duration', 58, 'bool'),
    field('stream_flush_timeout', 59, duration),
    field('forward_client_cert_matcher', 60, matcher),
  ],
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing': [
    field('operation', 11, 'string'),
    field('upstream_operation', 12, 'string'),
    field('no_context_propagation', 13, 'bool'),
  ],
  'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication': [field('stat_prefix', 7, 'string')],
  'envoy.config.rbac.v3.Permission': [member('rule', 'sourced_metadata', 14, sourcedMetadata)],
  'envoy.config.rbac.v3.Principal': [
    member('identifier', 'sourced_metadata', 13, sourcedMetadata),
    member('identifier', 'custom', 14, extension),
  ],
  'envoy.extensions.filters.http.lua.v3.Lua': [field('clear_route_cache', 5, bool), field('filter_context', 6, struct)],
  'envoy.extensions.filters.http.lua.v3.LuaPerRoute': [field('filter_context', 4, struct)],
  'envoy.extensions.filters.http.set_filter_state.v3.Config': [field('clear_route_cache', 2, 'bool')],
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit': [
    repeated('rate_limits', 17, 'envoy.config.route.v3.RateLimit'),
    field('max_dynamic_descriptors', 18, uint32),
  ],
  'envoy.extensions.filters.http.ratelimit.v3.RateLimit': [
    field('filter_enabled', 14, runtimeFraction),
    field('filter_enforced', 15, runtimeFraction),
    repeated('rate_limits', 17, 'envoy.config.route.v3.RateLimit'),
  ],
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz': [field('filter_metadata', 28, struct)],
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSession': [field('stat_prefix', 3, 'string')],
  'envoy.extensions.wasm.v3.PluginConfig': [
    field('failure_policy', 7, 'envoy.extensions.wasm.v3.FailurePolicy'),
    field('reload_config', 8, 'envoy.extensions.wasm.v3.ReloadConfig'),
    field('allow_on_headers_stop_iteration', 9, bool),
  ],
};

const networkFilters: Record<string, readonly NewerField[]> = {
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': [field('enable_ja4_fingerprinting', 3, bool)],
  'envoy.extensions.filters.network.rbac.v3.RBAC': [field('delay_deny', 8, duration)],
  'envoy.extensions.filters.network.set_filter_state.v3.Config': [
    repeated('on_downstream_tls_handshake', 2, filterStateValue),
    repeated('on_downstream_data', 3, filterStateValue),
  ],
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': [
    field('upstream_connect_mode', 21, 'envoy.extensions.filters.network.tcp_proxy.v3.UpstreamConnectMode'),
    field('max_early_data_bytes', 22, uint32),
    field('check_drain_close', 24, bool),
  ],
};

const telemetry: Record<string, readonly NewerField[]> = {
  'envoy.config.metrics.v3.HistogramBucketSettings': [field('bins', 3, uint32)],
  'envoy.type.tracing.v3.CustomTag': [member('type', 'value', 6, 'string')],
  'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig': [
    field('http_service', 8, httpService),
    field('grpc_service', 9, 'envoy.config.core.v3.GrpcService'),
    field('log_name', 10, 'string'),
    field('buffer_flush_interval', 11, duration),
    field('buffer_size_bytes', 12, uint32),
    repeated('filter_state_objects_to_log', 13, 'string'),
    repeated('custom_tags', 14, 'envoy.type.tracing.v3.CustomTag'),
    repeated('resource_detectors', 15, extension),
  ],
  'envoy.config.trace.v3.OpenTelemetryConfig': [field('max_cache_size', 6, uint32)],
  'envoy.config.trace.v3.ZipkinConfig': [
    field('trace_context_option', 8, 'envoy.config.trace.v3.TraceContextOption'),
    field('collector_service', 9, httpService),
    field('timestamp_trace_ids', 10, 'bool'),
  ],
  'xds.type.v3.CelExpression': [field('cel_expr_string', 5, 'string')],
};

/** By full name of the message that they belong to. */
export const newerFields: Readonly<Record<string, readonly NewerField[]>> = {
  ...bootstrap,
  ...core,
  ...clusters,
  ...routes,
  ...httpFilters,
  ...networkFilters,
  ...telemetry,
};
