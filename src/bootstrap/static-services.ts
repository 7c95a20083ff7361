// What an Envoy serves by itself, from its first configuration on: listeners and the clusters behind them, as a bootstrap
// has them.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto#config-bootstrap-v3-bootstrap-staticresources
import type { MessageOf } from '../xds/generated/messages.ts';

import { extension } from '../translate/typed.ts';

export type Listener = MessageOf['envoy.config.listener.v3.Listener'];
export type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
export type Route = MessageOf['envoy.config.route.v3.Route'];
type Extension = MessageOf['envoy.config.core.v3.TypedExtensionConfig'];
export type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

export interface StaticServices {
  readonly listeners: readonly Listener[];
  readonly clusters: readonly Cluster[];
}

/** The cluster of Envoy's own admin interface, which is reached on loopback alone. */
export const adminCluster = 'admin';

export const socket = (address: string, port: number) => ({ socket_address: { address, port_value: port } });

export const assignment = (cluster: string, host: string, port: number) => ({
  cluster_name: cluster,
  endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(host, port) } }] }],
});

/** A cluster of one address that is always there. */
export const localCluster = (name: string, host: string, port: number, more: Partial<Cluster> = {}): Cluster => ({
  name,
  type: 'STATIC',
  connect_timeout: '1s',
  load_assignment: assignment(name, host, port),
  ...more,
});

/** HTTP on `port` of all addresses, for the node's kubelet and for Prometheus: never captured, never limited. */
export function httpListener(
  name: string,
  bind: { readonly port: number; readonly ipv6?: boolean },
  routes: readonly Route[],
  filters: readonly HttpFilter[],
): Listener {
  const router = extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {
    suppress_envoy_headers: true,
  });
  const connectionManager = extension(
    'envoy.filters.network.http_connection_manager',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: name,
      generate_request_id: false,
      route_config: { name, virtual_hosts: [{ name, domains: ['*'], routes }] },
      http_filters: [...filters, router],
    },
  );
  const address =
    bind.ipv6 === true
      ? { socket_address: { address: '::', port_value: bind.port, ipv4_compat: true } }
      : socket('0.0.0.0', bind.port);
  return { name, address, ignore_global_conn_limit: true, filter_chains: [{ filters: [connectionManager] }] };
}

/** Answers /healthz/ready. It listens from the first whole configuration on, so that before there is no answer. */
export const readinessFilter = (): HttpFilter =>
  extension('envoy.filters.http.health_check', 'envoy.extensions.filters.http.health_check.v3.HealthCheck', {
    pass_through_mode: false,
    headers: [{ name: ':path', string_match: { exact: '/healthz/ready' } }],
  });

/** Envoy's own metrics, without exposing the rest of the admin interface. */
export const metricsRoute = (): Route => ({
  match: { path: '/stats/prometheus' },
  route: { cluster: adminCluster, prefix_rewrite: '/stats/prometheus?usedonly' },
});

/**
 * Metrics are long and much alike: whoever takes them compressed gets them so, in what is asked for first of these. Stands
 * before what answers by itself.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/compressor_filter
 */
export const compression = (): readonly HttpFilter[] => [
  compressor(extension('zstd', 'envoy.extensions.compression.zstd.compressor.v3.Zstd', {})),
  compressor(extension('gzip', 'envoy.extensions.compression.gzip.compressor.v3.Gzip', {})),
];

const compressor = (library: Extension): HttpFilter =>
  extension(`envoy.filters.http.compressor.${library.name}`, 'envoy.extensions.filters.http.compressor.v3.Compressor', {
    compressor_library: library,
  });

/** Readiness and metrics on one port. */
export const statusServices = (port: number, adminPort: number): StaticServices => ({
  clusters: [localCluster(adminCluster, '127.0.0.1', adminPort)],
  listeners: [httpListener('status', { port }, [metricsRoute()], [...compression(), readinessFilter()])],
});
