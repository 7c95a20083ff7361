// Transport sockets that lead into tunnels: to a listener of the same proxy, which begins them.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/other_features/internal_listener
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';
import type { ClusterFacts } from './outbound-cluster.ts';
import { rawBuffer } from './upstream-tls.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];
type Passed =
  MessageOf['envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport.MetadataValueSource'];

/** Where the tunnel goes. */
export const destinationOfHost: Passed = {
  kind: { host: {} },
  name: 'envoy.filters.listener.original_dst',
};
const meshOfCluster: Passed = { kind: { cluster: {} }, name: 'istio' };
export const meshOfHost: Passed = { kind: { host: {} }, name: 'istio' };

/** To a listener of this proxy, which is told what `passed` says of the endpoint. */
export const internalUpstream = (name: string, inside: TransportSocket, passed: readonly Passed[]): TransportSocket =>
  extension(name, 'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
    ...(passed.length > 0 && { passthrough_metadata: passed }),
    transport_socket: inside,
  });

/** Endpoints that take tunnels are reached through them, whatever else they take. */
export function throughTunnels({ proxyType }: ClusterFacts, sockets: Partial<Cluster>): Partial<Cluster> {
  if (proxyType !== 'waypoint' || sockets.transport_socket !== undefined) return sockets;
  const others = sockets.transport_socket_matches ?? [
    { name: 'tlsMode-disabled', match: {}, transport_socket: rawBuffer },
  ];
  return { ...sockets, transport_socket_matches: [hbone, ...others] };
}

const hbone = {
  name: 'hbone',
  match: { tunnel: 'http' },
  transport_socket: internalUpstream('envoy.transport_sockets.internal_upstream', rawBuffer, [
    destinationOfHost,
    meshOfCluster,
    meshOfHost,
  ]),
};
