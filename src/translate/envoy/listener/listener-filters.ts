// What looks at a connection before a filter chain is chosen: where it was going, and what its first bytes are.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listener_filters/listener_filters
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';

type ListenerFilter = MessageOf['envoy.config.listener.v3.ListenerFilter'];
type Predicate = MessageOf['envoy.config.listener.v3.ListenerFilterChainMatchPredicate'];

/** Restores the address that a redirected connection was meant for. */
export const originalDestination: ListenerFilter = extension(
  'envoy.filters.listener.original_dst',
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
  {},
);

/** Marked as the transparent redirection expects, so that answers find the way back. */
const transparentMark = 1337;

/** Connects to the application from the caller's own address. */
export const originalSource: ListenerFilter = extension(
  'envoy.filters.listener.original_src',
  'envoy.extensions.filters.listener.original_src.v3.OriginalSrc',
  { mark: transparentMark },
);

/** Reads who connects from the line that a load balancer puts in front of the connection. */
export const proxyProtocol: ListenerFilter = extension(
  'envoy.filters.listener.proxy_protocol',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
  {},
);

/** Starts with a small buffer: most client hellos fit. */
export const tlsInspector: ListenerFilter = extension(
  'envoy.filters.listener.tls_inspector',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  { initial_read_buffer_size: 512 },
);

/** After the TLS inspector: what is TLS is not looked at again. */
export const httpInspector: ListenerFilter = extension(
  'envoy.filters.listener.http_inspector',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
  {},
);

/**
 * `inspector` for the ports that need it. `needs` says so by port, port 0 standing for all that are not listed.
 * Undefined when none does. When only listed ones do, `otherPorts` says what becomes of the rest.
 */
export function forPorts(
  inspector: ListenerFilter,
  needs: ReadonlyMap<number, boolean>,
  otherPorts: 'leave-out' | 'look-at',
): ListenerFilter | undefined {
  const ports = [...needs.keys()].filter((port) => port !== 0).toSorted((a, b) => a - b);
  if (needs.get(0) === true) {
    const without = ports.filter((port) => needs.get(port) !== true);
    return without.length === 0 ? inspector : { ...inspector, filter_disabled: anyPort(without) };
  }
  const needing = ports.filter((port) => needs.get(port) === true);
  if (needing.length > 0 && otherPorts === 'look-at')
    return { ...inspector, filter_disabled: anyPort([0, ...ports.filter((port) => needs.get(port) !== true)]) };
  return needing.length === 0 ? undefined : { ...inspector, filter_disabled: { not_match: anyPort(needing) } };
}

function anyPort(ports: readonly number[]): Predicate {
  const [first, ...others] = ports.map((port): Predicate => ({
    destination_port_range: { start: port, end: port + 1 },
  }));
  return first === undefined || others.length === 0 ? (first ?? {}) : { or_match: { rules: [first, ...others] } };
}
