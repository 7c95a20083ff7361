// Where the connections of a TCP chain go: the filters that forward them to one destination, or to several by weight.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#RouteDestination
import { sharedValue } from '../../../../model/memo.ts';
import type { MeshSettings, Protocol } from '../../../../model/mesh/mesh.ts';
import type { RouteDestination } from '../../../../model/schema/index.ts';
import type { ServiceView } from '../../../../model/view.ts';
import type { VirtualService } from '../../../../model/mesh/virtual-service.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';
import { outboundCluster } from '../../../names.ts';
import { tcpFilters } from '../../filter/network-filters.ts';
import { tcpProxy } from '../../filter/tcp-proxy.ts';
import type { Sent } from '../../telemetry/metered.ts';
import type { ConnectionFacts } from '../listener-facts.ts';
import { statPrefix } from '../stat-prefix.ts';

type Filter = MessageOf['envoy.config.listener.v3.Filter'];

/** The chain that forwards. */
export interface Forwarding {
  readonly settings: MeshSettings;
  readonly connection: ConnectionFacts;
  /** The port that destinations without one are taken to mean. */
  readonly port: number;
  readonly protocol: Protocol;
  /** What sees the connection before it is forwarded. */
  readonly leading: readonly Filter[];
}

export interface TcpDestination {
  readonly host: string;
  readonly subset: string;
  readonly port: number;
  readonly cluster: string;
  readonly view: ServiceView | undefined;
}

/** As a route of a VirtualService says; nothing for a route that leads nowhere. */
export function routeFilters(
  forwarding: Forwarding,
  virtualService: VirtualService,
  destinations: readonly ServiceView[],
  route: readonly RouteDestination[],
): readonly Filter[] {
  const { settings, connection, port, protocol, leading } = forwarding;
  const [first, ...others] = route.map((entry) => ({
    ...destinationOf(entry, destinations, port),
    weight: entry.weight ?? 0,
  }));
  if (first === undefined) return [];
  if (others.length === 0) return clusterFilters(forwarding, first);
  const weighted = [first, ...others].map(({ cluster, weight }) => ({ name: cluster, weight }));
  const prefix = `${virtualService.name}.${virtualService.namespace}`;
  const proxy = tcpProxy(settings, { weighted, statPrefix: prefix }, connection, first.view?.policy, '');
  return [...leading, ...tcpFilters(protocol, prefix, proxy)];
}

/** An unknown host keeps its name: the cluster appears when the service does. */
function destinationOf(
  { destination }: RouteDestination,
  destinations: readonly ServiceView[],
  listenerPort: number,
): TcpDestination {
  const isMeant = ({ service }: ServiceView): boolean =>
    service.hostname === destination.host || service.aliases.some(({ hostname }) => hostname === destination.host);
  const view = destinations.find(isMeant);
  const host = view?.service.hostname ?? destination.host;
  const port = destination.port?.number ?? onlyPort(view) ?? listenerPort;
  const subset = destination.subset ?? '';
  return { host, subset, port, cluster: outboundCluster(host, port, subset), view };
}

export const onlyPort = (view: ServiceView | undefined): number | undefined =>
  view?.service.ports.length === 1 ? view.service.ports[0]?.number : undefined;

/** Said where all workloads share the chain: for each of them it would be much to keep. */
const sentTo = ({ view }: TcpDestination): Sent | undefined =>
  view &&
  sharedValue({
    host: view.service.hostname,
    name: view.service.name,
    namespace: view.service.namespace,
    outside: false,
  });

export function clusterFilters(forwarding: Forwarding, target: TcpDestination): readonly Filter[] {
  const { settings, connection, protocol, leading } = forwarding;
  const prefix = statPrefix(settings.outboundClusterStatName, target.cluster, {
    service: target.view?.service,
    host: target.host,
    port: undefined,
    portNumber: target.port,
    subset: target.subset,
  });
  const proxy = tcpProxy(
    settings,
    { cluster: target.cluster, statPrefix: prefix },
    connection,
    target.view?.policy,
    target.subset,
    undefined,
    connection.metered?.names === 'environment' ? sentTo(target) : undefined,
  );
  return [...leading, ...tcpFilters(protocol, prefix, proxy)];
}
