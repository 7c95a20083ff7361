// Patches that bring a transport socket: its settings go into those of the socket that is there, and nothing else of such a
// patch does, as with Istio.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import type { MessageTypes } from '../../../model/message/descriptor.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from, merge } from '../../provenance.ts';
import type { Merging } from '../merge.ts';
import { mergeAny } from '../merge.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type Socket = MessageOf['envoy.config.core.v3.TransportSocket'];
interface Secured {
  readonly transport_socket?: Socket | null;
}

/** Undefined where there is no socket of the same name: then the patch is merged like any other. */
export function mergeTransportSocket<T extends Secured>(
  types: MessageTypes,
  message: T,
  value: Secured,
  merging: Merging,
): T | undefined {
  const before = message.transport_socket;
  const socket = value.transport_socket;
  if (!before || !socket || before.name !== socket.name) return undefined;
  return { ...message, transport_socket: mergedSocket(types, before, socket, merging) };
}

/**
 * Undefined if the patch brings none. Of sockets chosen by the endpoint the first of that name is meant, and where there is
 * none the patch is dropped: a socket for all besides those would be refused. Any other socket is replaced.
 */
export function mergeClusterSocket(
  types: MessageTypes,
  cluster: Cluster,
  { transport_socket: socket }: Secured,
  merging: Merging,
): Cluster | undefined {
  if (!socket) return undefined;
  const matches = cluster.transport_socket_matches ?? [];
  if (matches.length === 0)
    return (
      mergeTransportSocket(types, cluster, { transport_socket: socket }, merging) ??
      merge<Cluster>(cluster, from(merging.source, { transport_socket: socket }))
    );
  const index = matches.findIndex((each) => each.transport_socket?.name === socket.name);
  const meant = matches[index];
  if (!meant?.transport_socket) return cluster;
  const merged = { ...meant, transport_socket: mergedSocket(types, meant.transport_socket, socket, merging) };
  return { ...cluster, transport_socket_matches: matches.with(index, merged) };
}

function mergedSocket(types: MessageTypes, before: Socket, socket: Socket, merging: Merging): Socket {
  const config = mergeAny(types, before.typed_config, socket.typed_config, merging);
  return config === undefined ? before : { ...before, typed_config: config as NonNullable<Socket['typed_config']> };
}
