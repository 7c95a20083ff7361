// Where a waypoint tells the services behind it apart and does for each what is asked for: a chain for each port and layer,
// and two for workloads that are asked for themselves.
// https://istio.io/latest/docs/ambient/architecture/data-plane/
import { memo, sharedValue } from '../../model/memo.ts';
import type { MeshSettings, ServicePort } from '../../model/mesh/mesh.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { networkExtensionList } from '../envoy/extension/extension-filters.ts';
import type { ChainTraffic } from '../envoy/extension/extension-filters.ts';
import { listenerAccessLog } from '../envoy/filter/access-log.ts';
import { waypointHttpConnectionManager } from '../envoy/filter/http-connection-manager.ts';
import { connectionGuard, tcpFilters } from '../envoy/filter/network-filters.ts';
import { plainTcpProxy } from '../envoy/filter/tcp-proxy.ts';
import type { HttpFacts } from '../envoy/listener/listener-facts.ts';
import { forPorts, httpInspector, originalDestination } from '../envoy/listener/listener-filters.ts';
import type { Guard } from '../envoy/rbac/guard.ts';
import { guardOf } from '../envoy/rbac/guard.ts';
import type { Caller } from '../envoy/route/route.ts';
import { encap, listenerName, mainInternal, vipCluster } from '../names.ts';
import { from } from '../provenance.ts';
import { isHttp2 } from '../resolve/services/protocol.ts';
import { extension } from '../typed.ts';
import type { ChainsOfAddresses } from './main-matcher.ts';
import { mainMatcher } from './main-matcher.ts';
import type { Served, ServedService } from './served.ts';
import { tunnelDestination } from './tunnel-listeners.ts';
import { layersOf } from './vip-cluster.ts';
import { directRoutes, vipRoutes } from './vip-routes.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
type Filter = MessageOf['envoy.config.listener.v3.Filter'];

/** Nothing where nothing is behind the waypoint: then tunnels lead nowhere. `facts` and `guard` are for workloads. */
export const mainListener = memo(
  (
    settings: MeshSettings,
    facts: HttpFacts,
    guard: Guard,
    caller: Caller,
    services: readonly ServedService[],
    workloads: readonly string[],
  ): readonly Resource[] => {
    const targets = addressed({ services, workloads });
    if (targets.length === 0) return [];
    const chains = services.flatMap((service) => serviceChains(settings, caller, service));
    const message: Listener = {
      name: mainInternal,
      internal_listener: {},
      traffic_direction: 'INBOUND',
      listener_filters: [originalDestination, inspector({ services, workloads })],
      filter_chain_matcher: mainMatcher(targets),
      filter_chains: [...chains, ...directChains(settings, facts, guard)],
      ...listenerAccessLog(settings, facts.connection),
    };
    return [{ type: resourceTypes.listener, name: mainInternal, message }];
  },
);

const receivedPorts = ({ view }: ServedService): readonly ServicePort[] =>
  view.service.ports.filter((port) => layersOf(port).length > 0);

/** Services without an address cannot be meant by one. */
function addressed({ services, workloads }: Served): readonly ChainsOfAddresses[] {
  const all = services.map((served): ChainsOfAddresses => {
    const { addresses, autoAddresses, hostname } = served.view.service;
    return {
      addresses: addresses.length > 0 ? addresses : autoAddresses,
      ports: receivedPorts(served).map((port) => ({
        port: port.number,
        chains: Object.fromEntries(layersOf(port).map((layer) => [layer, vipCluster(layer, hostname, port.number)])),
      })),
    };
  });
  const direct: ChainsOfAddresses = { addresses: workloads, ports: [{ port: 0, chains: directNames }] };
  return [...all, direct].filter(({ addresses, ports }) => addresses.length > 0 && ports.length > 0);
}

const directNames = { tcp: 'direct-tcp', http: 'direct-http' } as const;

/** Looks where the protocol is not known: at ports of workloads, and where services differ about it. */
function inspector({ services, workloads }: Served) {
  if (workloads.length > 0) return httpInspector;
  const ports = Map.groupBy(services.flatMap(receivedPorts), ({ number }) => number);
  const needs = new Map([[0, true], ...[...ports].map(([port, own]) => [port, differs(own)] as const)]);
  return forPorts(httpInspector, needs, 'leave-out') ?? httpInspector;
}

const differs = (ports: readonly ServicePort[]): boolean => new Set(ports.flatMap(layersOf)).size > 1;

/** `caller` is canonical. */
const serviceChains = memo((settings: MeshSettings, caller: Caller, served: ServedService): readonly FilterChain[] =>
  receivedPorts(served).flatMap((port) =>
    layersOf(port).map((layer) => serviceChain(settings, caller, served, port, layer)),
  ),
);

function serviceChain(
  settings: MeshSettings,
  caller: Caller,
  { view, policies, facts, routes }: ServedService,
  port: ServicePort,
  layer: 'tcp' | 'http',
): FilterChain {
  const guard = guardOf(settings, policies, 'waypoint');
  const name = vipCluster(layer, view.service.hostname, port.number);
  const filters =
    layer === 'http'
      ? requestFilters(settings, facts, guard, port, vipRoutes(settings, view, routes, caller, port.number))
      : connectionFilters(settings, facts, guard, port, name);
  return from(view.service.source, { name, filters });
}

/** The address that was asked for is the endpoint itself; its tunnel begins anew here. */
const directChains = memo((settings: MeshSettings, facts: HttpFacts, guard: Guard): readonly FilterChain[] => [
  {
    name: directNames.tcp,
    filters: [keptDestination, ...connectionFilters(settings, facts, guard, unknownPort, encap)],
  },
  {
    name: directNames.http,
    filters: [keptDestination, ...requestFilters(settings, facts, guard, unknownPort, directRoutes(settings))],
  },
]);

const unknownPort: ServicePort = { name: 'unknown', number: 0, protocol: 'TCP' };

const keptDestination: Filter = extension(
  'connect_authority',
  'envoy.extensions.filters.network.set_filter_state.v3.Config',
  {
    on_new_connection: [
      {
        object_key: tunnelDestination,
        format_string: { text_format_source: { inline_string: `%FILTER_STATE(${tunnelDestination}:PLAIN)%` } },
        shared_with_upstream: 'ONCE',
      },
    ],
  },
);

function requestFilters(
  settings: MeshSettings,
  facts: HttpFacts,
  guard: Guard,
  { number, protocol }: ServicePort,
  routes: MessageOf['envoy.config.route.v3.RouteConfiguration'],
): readonly Filter[] {
  const traffic: ChainTraffic = { side: 'SERVER', port: number };
  const http = sharedValue({
    statPrefix: `inbound_${listenerName('0.0.0.0', number)}`,
    traffic,
    grpcWeb: protocol === 'GRPC-Web',
    http2: isHttp2(protocol),
  });
  return [
    ...networkExtensionList(facts.connection.extensions, traffic),
    waypointHttpConnectionManager(settings, facts, guard, http, routes),
  ];
}

const connectionFilters = (
  settings: MeshSettings,
  { connection }: HttpFacts,
  guard: Guard,
  { number, protocol }: ServicePort,
  cluster: string,
): readonly Filter[] => [
  ...connectionGuard(guard, connection, { side: 'SERVER', port: number }),
  ...tcpFilters(protocol, cluster, plainTcpProxy(settings, connection, cluster, cluster, undefined)),
];
