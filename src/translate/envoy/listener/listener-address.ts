// Where listeners listen.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/address.proto
import type { MessageOf } from '../../../xds/generated/messages.ts';

type Address = MessageOf['envoy.config.core.v3.Address'];
type Listener = MessageOf['envoy.config.listener.v3.Listener'];

const unix = 'unix://';

/** An IP address and a port, or a Unix domain socket as `unix:///path` (port 0). */
export const listenerAddress = (bind: string, port: number): Address =>
  bind.startsWith(unix)
    ? { pipe: { path: bind.slice(unix.length) } }
    : { socket_address: { address: bind, port_value: port } };

/** The same port for datagrams. */
export const datagramAddress = (bind: string, port: number): Address => ({
  socket_address: { protocol: 'UDP', address: bind, port_value: port },
});

/** `addressOf` says what kind of address they are. */
export const additionalAddresses = (
  addresses: readonly string[],
  port: number,
  addressOf: (bind: string, port: number) => Address = listenerAddress,
): Pick<Listener, 'additional_addresses'> =>
  addresses.length === 0 ? {} : { additional_addresses: addresses.map((bind) => ({ address: addressOf(bind, port) })) };

/** One connection at a time from each wake-up of a really bound socket, so that worker threads share them evenly. */
export const acceptSlowly: Pick<Listener, 'max_connections_to_accept_per_socket_event'> = {
  max_connections_to_accept_per_socket_event: 1,
};
