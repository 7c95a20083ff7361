// Listeners for lazy configuration: HTTP ones that fetch what a request needs; and in place of those that only lead from
// an address to a cluster one chain of filters that fetches the cluster by the address.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/on_demand_updates_filter
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import type { Any, MessageOf } from '../../xds/generated/messages.ts';
import { ads } from '../envoy/config-source.ts';
import { virtualOutbound } from '../names.ts';
import { extension } from '../typed.ts';
import { isOutbound } from './references.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type TcpProxy = MessageOf['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'];
type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

const prefix = 'type.googleapis.com/envoy.extensions.filters.network.';
const managerType = `${prefix}http_connection_manager.v3.HttpConnectionManager`;
const proxyType = `${prefix}tcp_proxy.v3.TcpProxy`;

/** Addresses that connections are fetched a cluster for. */
export interface Destinations {
  /** Names of clusters by `10.96.0.20:9000`. */
  readonly clusters: Readonly<Record<string, string>>;
  /** The cluster for every other address; '' when nothing is fetched by address. */
  readonly unknown: string;
}

export interface LazyListeners {
  readonly listeners: readonly Resource[];
  readonly destinations: Destinations;
}

/** How long a connection or a request waits for its cluster. */
const patience = '5s';

export const lazyListeners = memo((all: readonly Resource[]): LazyListeners => {
  const rest = restOf(all.find(({ name }) => name === virtualOutbound));
  const taken = wildcardPorts(all);
  const led = new Map(
    rest === undefined
      ? []
      : all.flatMap((one) => [...ledOf(one, rest, taken)].map((address) => [one, address] as const)),
  );
  const clusters: Record<string, string> = Object.fromEntries(led.values());
  const networks = sharedValue([...new Set(Object.keys(clusters).map(networkOf))].toSorted());
  const kept = all
    .filter((one) => !led.has(one))
    .map((one) => (one.name === virtualOutbound ? withDestinations(one, networks) : fetchingRoutes(one)));
  const unknown = networks.length === 0 ? '' : (rest?.cluster ?? '');
  return { listeners: sharedList(kept), destinations: sharedValue({ clusters, unknown }) };
});

/** The filter that takes what no listener is for. */
function restOf(entry: Resource | undefined): TcpProxy | undefined {
  const { filter_chains: chains = [] }: Listener = entry?.message ?? {};
  return tcpProxyOf(chains.find((chain) => chain.filter_chain_match === undefined));
}

function tcpProxyOf(chain: FilterChain | undefined): TcpProxy | undefined {
  const [filter, ...others] = chain?.filters ?? [];
  return others.length === 0 && filter?.typed_config?.['@type'] === proxyType
    ? (filter.typed_config as TcpProxy)
    : undefined;
}

/** A connection that no address is bound for goes to the wildcard of its port, if there is one. */
const wildcardPorts = (all: readonly Resource[]): ReadonlySet<number> =>
  new Set(
    all.flatMap(({ message }) => {
      const { address, port_value: port } = (message as Listener).address?.socket_address ?? {};
      return (address === '0.0.0.0' || address === '::') && port !== undefined ? [port] : [];
    }),
  );

type Address = readonly [address: string, cluster: string];

/** The address and cluster of a listener that does nothing but lead from one to the other. */
function* ledOf({ message }: Resource, rest: TcpProxy, taken: ReadonlySet<number>): Generator<Address> {
  const listener = message as Listener;
  const { address = '', port_value: port } = listener.address?.socket_address ?? {};
  const [chain, ...others] = listener.filter_chains ?? [];
  const proxy = tcpProxyOf(chain);
  const simple =
    listener.traffic_direction === 'OUTBOUND' &&
    listener.bind_to_port === false &&
    listener.additional_addresses === undefined &&
    (listener.listener_filters ?? []).length === 0 &&
    listener.default_filter_chain === undefined &&
    chain?.filter_chain_match === undefined &&
    others.length === 0;
  if (!simple || proxy?.cluster === undefined || port === undefined || taken.has(port)) return;
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address) && isOutbound(proxy.cluster) && isAlike(proxy, rest))
    yield [`${address}:${port}`, proxy.cluster];
}

/** Whether they do the same, but for where connections go and how they are counted. */
const isAlike = (proxy: TcpProxy, rest: TcpProxy): boolean => withoutDestination(proxy) === withoutDestination(rest);

/** Which service it is stands in the tags of metrics, or is found out from the connection. */
const withoutDestination = memo((proxy: TcpProxy): string =>
  JSON.stringify({ ...proxy, cluster: '', stat_prefix: '' }, (_key, value: unknown) =>
    isServiceTag(value) ? value.name : value,
  ),
);

const isServiceTag = (value: unknown): value is { readonly name: string } =>
  typeof value === 'object' &&
  value !== null &&
  'value_format' in value &&
  'name' in value &&
  String(value.name).startsWith('destination_service');

/**
 * Wide enough to stay the same while services come and go within it, because a chain that changes drops its connections;
 * and no wider than that, because every address in it costs a cluster of its own.
 */
const networkOf = (address: string): string => address.split('.').slice(0, 2).join('.');

const withDestinations = memo((entry: Resource, networks: readonly string[]): Resource => {
  const { filter_chains: chains = [] } = entry.message as Listener;
  const rest = restOf(entry);
  if (networks.length === 0 || rest === undefined) return entry;
  const fetching: FilterChain = {
    name: 'virtualOutbound-on-demand-tcp',
    filter_chain_match: {
      prefix_ranges: networks.map((network) => ({ address_prefix: `${network}.0.0`, prefix_len: 16 })),
    },
    filters: [clusterByAddress, fetchingProxy(rest)],
  };
  return { ...entry, message: { ...entry.message, filter_chains: [...chains, fetching] } };
});

export const destinationPrefix = 'tcp|';

const clusterByAddress: Filter = extension(
  'envoy.filters.network.set_filter_state',
  'envoy.extensions.filters.network.set_filter_state.v3.Config',
  {
    on_new_connection: [
      {
        object_key: 'envoy.tcp_proxy.cluster',
        format_string: {
          text_format_source: { inline_string: `${destinationPrefix}%DOWNSTREAM_LOCAL_ADDRESS%` },
        },
      },
    ],
  },
);

/** Its own cluster is never used: the connection's filter state names another. */
const fetchingProxy = (rest: TcpProxy): Filter =>
  extension('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    ...rest,
    stat_prefix: 'on_demand',
    on_demand: { odcds_config: ads, timeout: patience },
  });

const onDemand = extension('envoy.filters.http.on_demand', 'envoy.extensions.filters.http.on_demand.v3.OnDemand', {
  odcds: { source: ads, timeout: patience },
});

const fetchingRoutes = memo((resource: Resource): Resource => {
  const { filter_chains: chains, default_filter_chain: others } = resource.message as Listener;
  const all = [...(chains ?? []), ...(others === undefined ? [] : [others])];
  if (!all.some((chain) => chain.filters?.some(hasDeliveredRoutes))) return resource;
  const message = {
    ...resource.message,
    ...(chains !== undefined && { filter_chains: chains.map((each) => fetchingChain(each)) }),
    ...(others !== undefined && { default_filter_chain: fetchingChain(others) }),
  };
  return { ...resource, message };
});

const hasDeliveredRoutes = ({ typed_config: config }: Filter): boolean =>
  config?.['@type'] === managerType && (config as HttpConnectionManager).rds !== undefined;

const fetchingChain = memo((chain: FilterChain): FilterChain =>
  chain.filters?.some(hasDeliveredRoutes)
    ? { ...chain, filters: chain.filters.map((each) => fetchingManager(each)) }
    : chain,
);

/** Before all other filters: these are to see the route that was fetched. */
const fetchingManager = memo((filter: Filter): Filter => {
  if (!hasDeliveredRoutes(filter)) return filter;
  const config = filter.typed_config as Any & HttpConnectionManager;
  return { ...filter, typed_config: { ...config, http_filters: [onDemand, ...(config.http_filters ?? [])] } };
});
