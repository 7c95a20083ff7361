// The static configuration a stock Envoy starts with: who it is, where its control plane is and how to prove itself
// there. Everything else comes over that one stream. Credentials are named, never contained: Envoy reads them from
// files and again whenever these change, so that neither a new token nor a new root needs a restart.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/bootstrap
import type { NodeInfo } from '../model/envoy/resource.ts';
import type { MessageOf } from '../xds/generated/messages.ts';

import { isIP } from 'node:net';

import { extension, typed } from '../translate/typed.ts';
import { keptStats } from './kept-stats.ts';
import { unprefixedMetrics } from './metric-names.ts';
import type { StaticServices } from './static-services.ts';
import { assignment, socket } from './static-services.ts';
import { histogramBuckets, statsIntervals } from './stats-annotations.ts';

type Bootstrap = MessageOf['envoy.config.bootstrap.v3.Bootstrap'];
type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type SecretConfig = MessageOf['envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig'];

export interface ControlPlane {
  readonly host: string;
  readonly port: number;
  /** The DNS name in the control plane's certificate. */
  readonly serverName: string;
}

export interface BootstrapOptions {
  /** Absent: Envoy is told by --service-node, --service-cluster and --config-yaml. */
  readonly node?: NodeInfo;
  readonly controlPlane: ControlPlane;
  readonly adminPort: number;
  /** What it serves to the outside by itself; absent: nothing. */
  readonly services?: StaticServices;
  /** Absolute directory that holds xds-ca.yaml and xds-token.yaml. */
  readonly directory: string;
}

const xdsCluster = 'xds-grpc';

/** envoy.config.bootstrap.v3.Bootstrap as proto JSON. */
export function bootstrapMessage(options: BootstrapOptions): Bootstrap {
  const { node, controlPlane, adminPort, services, directory } = options;
  const annotations = (node?.metadata['ANNOTATIONS'] ?? {}) as Readonly<Record<string, unknown>>;
  const buckets = histogramBuckets(annotations);
  return {
    ...(node === undefined ? {} : { node: { ...node, metadata: { ...routeDelivery, ...node.metadata } } }),
    admin: { address: socket('127.0.0.1', adminPort) },
    dynamic_resources: dynamicResources(controlPlane.serverName),
    ...(node?.metadata['HEALTH_DISCOVERY'] === 'true' && { hds_config: healthDiscovery(controlPlane.serverName) }),
    static_resources: {
      clusters: [xdsServer(controlPlane, directory), ...(services === undefined ? [] : services.clusters)],
      ...(services === undefined ? {} : { listeners: services.listeners }),
    },
    stats_config: {
      stats_matcher: { inclusion_list: { patterns: keptStats(node) } },
      ...(buckets.length > 0 && { histogram_bucket_settings: buckets }),
    },
    // Series that nothing was counted in for long are forgotten.
    ...statsIntervals(annotations),
    ...processSettings,
  };
}

/** What is written here starts an Envoy, over incremental xDS: it takes route configurations host by host. */
const routeDelivery = { ROUTE_DELIVERY: 'virtual-hosts' };

/** No time limit on the first fetch: listening before the configuration came would refuse or misroute requests. */
function dynamicResources(serverName: string): NonNullable<Bootstrap['dynamic_resources']> {
  const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' } as const;
  return {
    lds_config: ads,
    cds_config: ads,
    ads_config: {
      api_type: 'DELTA_GRPC',
      transport_api_version: 'V3',
      set_node_on_first_message_only: true,
      grpc_services: [
        {
          envoy_grpc: {
            cluster_name: xdsCluster,
            authority: serverName,
            skip_envoy_headers: true,
            retry_policy: { retry_back_off: { base_interval: '0.25s', max_interval: '5s' } },
          },
        },
      ],
    },
  };
}

/** Envoy asks how to probe the workload beside it, and tells what it finds. */
const healthDiscovery = (serverName: string): NonNullable<Bootstrap['hds_config']> => ({
  api_type: 'GRPC',
  transport_api_version: 'V3',
  grpc_services: [{ envoy_grpc: { cluster_name: xdsCluster, authority: serverName, skip_envoy_headers: true } }],
});

function xdsServer({ host, port, serverName }: ControlPlane, directory: string): Cluster {
  return {
    name: xdsCluster,
    type: isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '5s',
    dns_lookup_family: 'V4_PREFERRED',
    load_assignment: assignment(xdsCluster, host, port),
    transport_socket: extension(
      'envoy.transport_sockets.tls',
      'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      {
        sni: serverName,
        common_tls_context: { validation_context_sds_secret_config: fileSecret('xds_ca', `${directory}/xds-ca.yaml`) },
      },
    ),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': authenticatedHttp2(`${directory}/xds-token.yaml`),
    },
  };
}

/** HTTP/2 that notices a dead control plane within 15 seconds and presents the token on every stream. */
function authenticatedHttp2(tokenSecret: string) {
  const credential = extension(
    'envoy.http.injected_credentials.generic',
    'envoy.extensions.http.injected_credentials.generic.v3.Generic',
    { credential: fileSecret('xds_token', tokenSecret), header: 'authorization', header_value_prefix: 'Bearer ' },
  );
  return typed('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', {
    explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '10s', timeout: '5s' } } },
    http_filters: [
      extension(
        'envoy.filters.http.credential_injector',
        'envoy.extensions.filters.http.credential_injector.v3.CredentialInjector',
        { overwrite: true, credential },
      ),
      extension(
        'envoy.filters.http.upstream_codec',
        'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec',
        {},
      ),
    ],
  });
}

const fileSecret = (name: string, path: string): SecretConfig => ({
  name,
  sds_config: { resource_api_version: 'V3', path_config_source: { path } },
});

/** What waypoints are made of: listeners that only the proxy itself connects to. */
const internalListeners = extension(
  'envoy.bootstrap.internal_listener',
  'envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
  {},
);

const processSettings: Bootstrap = {
  bootstrap_extensions: [unprefixedMetrics, internalListeners],
  deferred_stat_options: { enable_deferred_creation_stats: true },
  cluster_manager: { enable_deferred_cluster_creation: true },
  layered_runtime: {
    layers: [
      // Policies have regular expressions with whole identities in them; they are linear all the same.
      { name: 'static', static_layer: { 're2.max_program_size.error_level': 32768 } },
      { name: 'admin', admin_layer: {} },
    ],
  },
  overload_manager: {
    resource_monitors: [
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: typed(
          'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          { max_active_downstream_connections: '2147483647' },
        ),
      },
    ],
  },
};
