// The listeners at the ends of a waypoint's tunnels. One ends those of callers and notes who they are and where they were
// going; others begin tunnels to endpoints, or a tunnel in a tunnel to those of other networks.
// https://istio.io/latest/docs/ambient/architecture/hbone/
import { memo } from '../../model/memo.ts';
import type { MeshSettings } from '../../model/mesh/mesh.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import type { LocalAddresses } from '../envoy/listener/listener-facts.ts';
import { additionalAddresses, listenerAddress } from '../envoy/listener/listener-address.ts';
import { originalDestination } from '../envoy/listener/listener-filters.ts';
import { tunnelPeer } from '../envoy/rbac/attribute.ts';
import {
  connectOriginate,
  connectTerminate,
  innerConnectOriginate,
  mainInternal,
  outerConnectOriginate,
} from '../names.ts';
import { extension } from '../typed.ts';
import { tunnelServerTls } from './tunnel-tls.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type FilterStateValue = MessageOf['envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue'];
type Tunneling = NonNullable<MessageOf['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy']['tunneling_config']>;
type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

/** Where tunnels end, at waypoints and at the proxies of nodes. */
export const tunnelPort = 15008;

/** Where the connection was going, restored by whatever takes it next. */
export const tunnelDestination = 'envoy.filters.listener.original_dst.local_ip';
const tunnelOrigin = 'envoy.filters.listener.original_dst.remote_ip';
const otherNetworkTarget = 'istio.double_hbone.hbone_target_address';

/** Text that connections are kept apart by, so that no caller is ever sent on another one's. */
const hashable = 'envoy.hashable_string';

export const tunnelListeners = memo((settings: MeshSettings, addresses: LocalAddresses): readonly Resource[] => [
  resource(terminate(settings, addresses)),
  resource(internal(connectOriginate, [tunnel(connectOriginate, { hostname: '%DOWNSTREAM_LOCAL_ADDRESS%' })])),
  resource(inner),
  resource(
    internal(outerConnectOriginate, [
      tunnel(outerConnectOriginate, {
        hostname: `%FILTER_STATE(${otherNetworkTarget}:PLAIN)%`,
        headers_to_add: [header('x-istio-source', 'waypoint')],
      }),
    ]),
  ),
]);

const resource = (message: Listener & { readonly name: string }): Resource => ({
  type: resourceTypes.listener,
  name: message.name,
  message,
});

/** Every stream is one connection of a caller. */
const terminate = (
  settings: MeshSettings,
  { wildcards: [first, ...others] }: LocalAddresses,
): Listener & { readonly name: string } => ({
  name: connectTerminate,
  address: listenerAddress(first, tunnelPort),
  ...additionalAddresses(others, tunnelPort),
  connection_balance_config: { exact_balance: {} },
  filter_chains: [
    {
      name: 'default',
      transport_socket: tunnelServerTls(settings),
      filters: [
        extension(
          'envoy.filters.network.http_connection_manager',
          'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
          connectManager,
        ),
      ],
    },
  ],
});

const kept = (object_key: string, text: string, factory_key?: string): FilterStateValue => ({
  object_key,
  ...(factory_key !== undefined && { factory_key }),
  format_string: { text_format_source: { inline_string: text } },
  shared_with_upstream: 'ONCE',
});

const connectManager: HttpConnectionManager = {
  stat_prefix: connectTerminate,
  stream_idle_timeout: '0s',
  server_name: 'istio-envoy',
  use_remote_address: false,
  forward_client_cert_details: 'APPEND_FORWARD',
  set_current_client_cert_details: { subject: true, dns: true, uri: true },
  upgrade_configs: [{ upgrade_type: 'CONNECT' }],
  http2_protocol_options: {
    allow_connect: true,
    max_concurrent_streams: 100,
    connection_keepalive: { interval: '10s', timeout: '20s' },
  },
  http_filters: [
    extension('connect_authority', 'envoy.extensions.filters.http.set_filter_state.v3.Config', {
      on_request_headers: [
        kept(tunnelDestination, '%REQ(:AUTHORITY)%'),
        kept('io.istio.connect_authority', '%REQ(:AUTHORITY)%', hashable),
        kept(tunnelOrigin, '%DOWNSTREAM_REMOTE_ADDRESS%'),
        kept(tunnelPeer, '%DOWNSTREAM_PEER_URI_SAN%', hashable),
        kept('io.istio.local_principal', '%DOWNSTREAM_LOCAL_URI_SAN%', hashable),
      ],
    }),
    extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {}),
  ],
  route_config: {
    name: 'default',
    virtual_hosts: [
      {
        name: 'default',
        domains: ['*'],
        routes: [
          {
            match: { connect_matcher: {} },
            route: { cluster: mainInternal, upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
          },
        ],
      },
    ],
  },
};

const internal = (name: string, filters: readonly Filter[]): Listener & { readonly name: string } => ({
  name,
  internal_listener: {},
  use_original_dst: false,
  listener_filters: [originalDestination],
  filter_chains: [{ filters }],
});

const tunnel = (cluster: string, config: Tunneling): Filter =>
  extension('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    cluster,
    stat_prefix: cluster,
    tunneling_config: config,
  });

const header = (key: string, value: string): NonNullable<Tunneling['headers_to_add']>[number] => ({
  header: { key, value },
  append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
});

/** The endpoint says in its metadata where both tunnels go. */
const inner: Listener & { readonly name: string } = {
  name: innerConnectOriginate,
  internal_listener: {},
  use_original_dst: false,
  filter_chains: [
    {
      filters: [
        extension('propagate_endpoint_metadata', 'envoy.extensions.filters.network.set_filter_state.v3.Config', {
          on_new_connection: [
            {
              ...kept(tunnelDestination, '%DYNAMIC_METADATA(envoy.filters.listener.original_dst:local)%'),
              shared_with_upstream: 'TRANSITIVE',
            },
            {
              ...kept(otherNetworkTarget, '%DYNAMIC_METADATA(istio:double_hbone:hbone_target_address)%', hashable),
              shared_with_upstream: 'TRANSITIVE',
            },
          ],
        }),
        tunnel(innerConnectOriginate, {
          hostname: `%FILTER_STATE(${otherNetworkTarget}:PLAIN)%`,
          headers_to_add: [header('x-forwarded-network', '')],
        }),
      ],
    },
  ],
};
