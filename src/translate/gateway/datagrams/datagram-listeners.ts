// Listeners for datagrams: each sends what its oldest UDPRoute says, and the clients of a session stay with the backend that its
// weights gave them.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/udp_filters/udp_proxy
import { memo } from '../../../model/memo.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import type { Problem } from '../../../model/problem.ts';
import type { SourcedRoute } from '../../../model/mesh/virtual-service.ts';
import type { RouteDestination, TCPRoute } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import type { VirtualServiceView } from '../../../model/view.ts';
import type { Any, MessageOf } from '../../../xds/generated/messages.ts';
import { connectionGuard } from '../../envoy/filter/network-filters.ts';
import { additionalAddresses, datagramAddress } from '../../envoy/listener/listener-address.ts';
import { datagramCluster, listenerName } from '../../names.ts';
import { from } from '../../provenance.ts';
import { extension, typed } from '../../typed.ts';
import type { GatewayFacts } from '../listeners/gateway-facts.ts';
import type { ListenerContext } from '../listeners/gateway-listeners.ts';
import type { GatewayRouting } from '../routes/gateway-routing.ts';
import type { DatagramServer } from './datagram-servers.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type Matcher = MessageOf['xds.type.matcher.v3.Matcher'];
type OnMatch = NonNullable<Matcher['on_no_match']>;

/** The largest that UDP has: what is larger than this Envoy drops. */
const largestDatagram = { max_rx_datagram_size: 65_535 };

/** No policy can be asked about datagrams: where one guards the gateway's connections, none are let in. */
export function datagramListeners(
  { facts, guard, routing }: ListenerContext,
  servers: readonly DatagramServer[],
): { readonly listeners: readonly Resource[]; readonly problems: readonly Problem[] } {
  const found = servers.filter(({ port }) => !facts.reserved.includes(port) && !(facts.unprivileged && port < 1024));
  const guarded = ({ merged }: DatagramServer): boolean =>
    connectionGuard(guard, facts.http.connection, { side: 'CLIENT', port: merged.server.port.number }).length > 0;
  return {
    listeners: found
      .filter((server) => !guarded(server))
      .flatMap((server) => {
        const route = datagramRoute(server, routing);
        return route === undefined ? [] : [listener(facts.wildcards, server.port, server.merged.source, route.rule)];
      }),
    problems: found.filter(guarded).map(({ merged: { source } }) => unguarded(source)),
  };
}

const unguarded = (source: SourceRef): Problem => ({
  code: 'no-effect',
  severity: 'warning',
  message: 'Policies guard this gateway, and cannot be asked about datagrams: this listener lets none in.',
  source,
});

/** What a listener does with datagrams. */
export interface DatagramRoute {
  readonly view: VirtualServiceView;
  readonly rule: SourcedRoute<TCPRoute>;
}

/** The first rule of the oldest route, which has the listener to itself. */
export function datagramRoute({ merged }: DatagramServer, routing: GatewayRouting): DatagramRoute | undefined {
  const [view] = routing.get(merged.gateway) ?? [];
  const [rule] = view?.virtualService.tcp ?? [];
  return view === undefined || rule === undefined ? undefined : { view, rule };
}

const listener = memo(
  (wildcards: GatewayFacts['wildcards'], port: number, server: SourceRef, rule: SourcedRoute<TCPRoute>): Resource => {
    const [first, ...others] = wildcards;
    const name = `udp_${listenerName(first, port)}`;
    const message: Listener = {
      name,
      address: datagramAddress(first, port),
      ...additionalAddresses(others, port, datagramAddress),
      traffic_direction: 'OUTBOUND',
      udp_listener_config: { downstream_socket_config: largestDatagram },
      listener_filters: [
        extension('envoy.filters.udp_listener.udp_proxy', 'envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig', {
          stat_prefix: name,
          upstream_socket_config: largestDatagram,
          matcher: from(rule.source, byWeight(rule.route.route ?? [])),
        }),
      ],
    };
    return { type: resourceTypes.listener, name, message: from(server, message) };
  },
);

/** One number for each port that clients may send from: as good as chance, and the same for all datagrams of a session. */
function byWeight(backends: readonly RouteDestination[]): Matcher {
  const modulo = backends.reduce((sum, { weight = 1 }) => sum + weight, 0);
  let threshold = modulo;
  const matchers = backends.slice(0, -1).map((backend) => {
    threshold -= backend.weight ?? 1;
    return { predicate: { single_predicate: { input: clientPort, custom_match: atLeast(threshold, modulo) } }, on_match: to(backend) }; // prettier-ignore
  });
  const last = backends.at(-1);
  return {
    ...(matchers.length > 0 && { matcher_list: { matchers } }),
    ...(last !== undefined && { on_no_match: to(last) }),
  };
}

const clientPort = extension(
  'envoy.matching.inputs.source_port',
  'envoy.extensions.matching.common_inputs.network.v3.SourcePortInput',
  {},
);

const atLeast = (threshold: number, modulo: number) =>
  extension(
    'envoy.matching.matchers.consistent_hashing',
    'envoy.extensions.matching.input_matchers.consistent_hashing.v3.ConsistentHashing',
    { threshold, modulo },
  );

/** A cluster that nobody has drops its share. */
const to = ({ destination: { host, port } }: RouteDestination): OnMatch => {
  const route: Any = typed('envoy.extensions.filters.udp.udp_proxy.v3.Route', {
    cluster: datagramCluster(host, port?.number ?? 0),
  });
  return { action: { name: 'route', typed_config: route } };
};
