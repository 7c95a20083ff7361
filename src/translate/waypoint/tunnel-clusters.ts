// The clusters between the parts of a waypoint: its internal listeners, and the other ends of its tunnels.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/other_features/internal_listener
import { memo } from '../../model/memo.ts';
import type { MeshSettings } from '../../model/mesh/mesh.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { asDownstream } from '../envoy/cluster/connection-pool.ts';
import { plainSocket } from '../envoy/cluster/proxy-protocol.ts';
import { internalUpstream } from '../envoy/cluster/tunnel-upstream.ts';
import { duration } from '../duration.ts';
import {
  connectOriginate,
  encap,
  innerConnectOriginate,
  mainInternal,
  outerConnectOriginate,
  statName,
} from '../names.ts';
import { typed } from '../typed.ts';
import { tunnelPort } from './tunnel-listeners.ts';
import { tunnelClientTls } from './tunnel-tls.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type HttpProtocolOptions = MessageOf['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];
type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];

const optionsKey = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** `namespace` is the waypoint's. */
export const tunnelClusters = memo((settings: MeshSettings, namespace: string): readonly Resource[] => {
  const inside = internalUpstream('internal_upstream', plainSocket, []);
  const account = `spiffe://${settings.trustDomain}/ns/${namespace}/sa/`;
  return [
    internal(mainInternal, mainInternal, inside, passedOn(settings)),
    internal(encap, connectOriginate, inside, passedOn(settings)),
    origin(settings, connectOriginate, tunnelClientTls(settings, [account]), connect(), {
      metadata_key: { key: 'envoy.filters.listener.original_dst', path: [{ key: 'waypoint' }] },
    }),
    // To another network: a tunnel in a tunnel, each with one connection of its own for every one that it carries.
    internal(
      innerConnectOriginate,
      outerConnectOriginate,
      internalUpstream('internal_upstream_with_tls', tunnelClientTls(settings), []),
      connect(1),
    ),
    origin(settings, outerConnectOriginate, tunnelClientTls(settings), connect(1), {}),
  ];
});

/** To a listener of this proxy. */
function internal(name: string, listener: string, socket: TransportSocket, options: HttpProtocolOptions): Resource {
  const address = { envoy_internal_address: { server_listener_name: listener } };
  return resource({
    name,
    alt_stat_name: statName(name),
    type: 'STATIC',
    circuit_breakers: noLimits,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    transport_socket: socket,
    typed_extension_protocol_options: { [optionsKey]: typed(optionsKey, options) },
  });
}

/** To where the connection was going, at the port for tunnels. */
const origin = (
  settings: MeshSettings,
  name: string,
  socket: TransportSocket,
  options: HttpProtocolOptions,
  destination: NonNullable<Cluster['original_dst_lb_config']>,
): Resource =>
  resource({
    name,
    alt_stat_name: statName(name),
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    connect_timeout: duration(settings.connectTimeout ?? '10s'),
    circuit_breakers: noLimits,
    cleanup_interval: '60s',
    original_dst_lb_config: { upstream_port_override: tunnelPort, ...destination },
    transport_socket: socket,
    typed_extension_protocol_options: { [optionsKey]: typed(optionsKey, options) },
  });

const passedOn = (settings: MeshSettings): HttpProtocolOptions => ({
  common_http_protocol_options: { idle_timeout: '300s' },
  ...asDownstream(settings),
});

const connect = (requests?: number): HttpProtocolOptions => ({
  common_http_protocol_options: {
    idle_timeout: '3600s',
    ...(requests !== undefined && { max_requests_per_connection: requests }),
  },
  explicit_http_config: { http2_protocol_options: { allow_connect: true } },
});

const most = 4294967295;
const noLimits: NonNullable<Cluster['circuit_breakers']> = {
  thresholds: [{ max_connections: most, max_pending_requests: most, max_requests: most, max_retries: most }],
};

const resource = (message: Cluster & { readonly name: string }): Resource => ({
  type: resourceTypes.cluster,
  name: message.name,
  message,
});
