// PROXY protocol towards a server: the original addresses, sent ahead of the first byte.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto
import type { TrafficPolicy } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import type { Sourced } from './traffic-policy.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];

export const plainSocket: TransportSocket = extension(
  'raw_buffer',
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
  {},
);

/** Wraps whatever sockets the cluster has, or a plain one. */
export function wrapProxyProtocol(
  sockets: Partial<Cluster>,
  policy: Sourced<NonNullable<TrafficPolicy['proxyProtocol']>> | undefined,
): Partial<Cluster> {
  if (policy === undefined) return sockets;
  const wrap = (inner: TransportSocket): TransportSocket =>
    extension(
      'envoy.transport_sockets.upstream_proxy_protocol',
      'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
      {
        config: policy.value.version === 'V2' ? { version: 'V2' } : {},
        transport_socket: inner,
      },
    );
  if (sockets.transport_socket_matches === undefined)
    return from(policy.source, { transport_socket: wrap(sockets.transport_socket ?? plainSocket) });
  return from(policy.source, {
    transport_socket_matches: sockets.transport_socket_matches.map((match) => ({
      ...match,
      transport_socket: wrap(match.transport_socket ?? plainSocket),
    })),
  });
}
