// What an Envoy needs to be told to get everything else from our server over ADS.
const typed = (name: string): { '@type': string } => ({ '@type': `type.googleapis.com/${name}` });

export interface AdsBootstrapOptions {
  readonly port: number;
  readonly dialect: 'DELTA_GRPC' | 'GRPC';
  /** The roots to check the server against, PEM; plaintext without. */
  readonly roots?: string;
  readonly token?: string;
}

export function adsBootstrap({ port, dialect, roots, token }: AdsBootstrapOptions): object {
  const source = { ads: {}, resource_api_version: 'V3' };
  const initial_metadata = token === undefined ? [] : [{ key: 'authorization', value: `Bearer ${token}` }];
  return {
    node: {
      id: 'sidecar~127.0.0.1~web-1.shop~shop.svc.cluster.local',
      cluster: 'web.shop',
      metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'web' },
    },
    dynamic_resources: {
      lds_config: source,
      cds_config: source,
      ads_config: {
        api_type: dialect,
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds', skip_envoy_headers: true }, initial_metadata }],
      },
    },
    static_resources: { clusters: [xdsCluster(port, roots)] },
  };
}

function xdsCluster(port: number, roots: string | undefined): object {
  const tls = {
    ...typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'),
    sni: 'localhost',
    common_tls_context: { validation_context: { trusted_ca: { inline_string: roots } } },
  };
  return {
    name: 'xds',
    type: 'STATIC',
    load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [lbEndpoint(port)] }] },
    ...(roots !== undefined && { transport_socket: { name: 'tls', typed_config: tls } }),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        ...typed('envoy.extensions.upstreams.http.v3.HttpProtocolOptions'),
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

export const lbEndpoint = (port: number): object => ({
  endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
});
