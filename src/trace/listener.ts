// Which listener takes a connection, and which of its filter chains.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listener_filters/original_dst_filter
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch
import type { DecodedConfiguration, DecodedResource } from '../model/envoy/decoded.ts';
import type {
  envoy_config_listener_v3_FilterChain,
  envoy_config_listener_v3_FilterChainMatch,
  envoy_config_listener_v3_ListenerFilter,
  envoy_config_listener_v3_ListenerFilterChainMatchPredicate,
  envoy_config_core_v3_CidrRange,
  envoy_config_core_v3_Address,
  MessageOf,
} from '../xds/generated/messages.ts';
import { inBlock } from './match/address.ts';
import type { Connection } from './request.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
export type Direction = 'inbound' | 'outbound';

export interface ChosenListener {
  readonly resource: DecodedResource;
  /** Whether it was found by its own address, or is the one that all captured connections go through. */
  readonly byAddress: boolean;
}

/** Whether connections come to it with the address that their clients meant: handed on, or looked up. */
export function knowsOriginal(listener: Listener): boolean {
  if (listener.bind_to_port === false || listener.use_original_dst === true) return true;
  return (listener.listener_filters ?? []).some(({ name }) => name === 'envoy.filters.listener.original_dst');
}

export const listenerMessage = ({ message }: DecodedResource): Listener => message;

/** The listener of this very address, else of all addresses at the port, else the one that captures everything. */
export function chooseListener(
  { listener: all }: DecodedConfiguration,
  direction: Direction,
  { address, port }: Connection['destination'],
): ChosenListener | undefined {
  const wanted = all.filter((resource) => isOf(listenerMessage(resource), direction));
  const at = (host: string) => wanted.find((resource) => listensAt(listenerMessage(resource), host, port));
  const own = at(address) ?? at(address.includes(':') ? '::' : '0.0.0.0');
  if (own !== undefined) return { resource: own, byAddress: true };
  const capturing = wanted.find(
    ({ name }) => name === (direction === 'inbound' ? 'virtualInbound' : 'virtualOutbound'),
  );
  return capturing && { resource: capturing, byAddress: false };
}

/** A gateway's listeners have no direction of their own, or go out: clients reach it through them. */
const isOf = ({ traffic_direction: own }: Listener, direction: Direction): boolean =>
  (own === 'INBOUND') === (direction === 'inbound');

function listensAt({ address, additional_addresses: more = [] }: Listener, host: string, port: number): boolean {
  const addresses = [address, ...more.map((each) => each.address)];
  return addresses.some((each) => isAt(each, host, port));
}

function isAt(address: envoy_config_core_v3_Address | undefined, host: string, port: number): boolean {
  const socket = address?.socket_address;
  return socket?.protocol !== 'UDP' && socket?.address === host && socket.port_value === port;
}

export interface ChosenChain {
  readonly chain: envoy_config_listener_v3_FilterChain;
  readonly field: string;
}

/** Criterion by criterion only the chains that fit best are left; none of them is taken up again. */
export function chooseChain(listener: Listener, connection: Connection): ChosenChain | undefined {
  const seen = inspected(listener, connection);
  const chains = (listener.filter_chains ?? []).map((chain, i) => ({ chain, field: `filter_chains[${i}]` }));
  let left = chains;
  for (const fit of criteria) {
    const fits = left.map(({ chain }) => fit(chain.filter_chain_match ?? {}, seen));
    const best = Math.max(-1, ...fits);
    left = best < 0 ? [] : left.filter((_, i) => fits[i] === best);
  }
  const [first] = left;
  if (first !== undefined) return first;
  const { default_filter_chain: chain } = listener;
  return chain && { chain, field: 'default_filter_chain' };
}

/** What listener filters find out. */
interface Inspected extends Connection {
  readonly transport: 'tls' | 'raw_buffer';
  readonly serverName: string;
  readonly applications: readonly string[];
}

function inspected(listener: Listener, connection: Connection): Inspected {
  const { tls, http, destination } = connection;
  const runs = (name: string): boolean =>
    (listener.listener_filters ?? []).some((filter) => filter.name === name && !isDisabled(filter, destination.port));
  if (tls !== undefined && runs('envoy.filters.listener.tls_inspector'))
    return { ...connection, transport: 'tls', serverName: tls.serverName.toLowerCase(), applications: tls.protocols };
  const isHttp = http !== undefined && tls === undefined && runs('envoy.filters.listener.http_inspector');
  return { ...connection, transport: 'raw_buffer', serverName: '', applications: isHttp ? ['http/1.1'] : [] };
}

const isDisabled = ({ filter_disabled: predicate }: envoy_config_listener_v3_ListenerFilter, port: number): boolean =>
  predicate !== undefined && holds(predicate, port);

function holds(predicate: envoy_config_listener_v3_ListenerFilterChainMatchPredicate, port: number): boolean {
  const { or_match: or, and_match: and, not_match: not, destination_port_range: range } = predicate;
  if (or !== undefined) return (or.rules ?? []).some((rule) => holds(rule, port));
  if (and !== undefined) return (and.rules ?? []).every((rule) => holds(rule, port));
  if (not !== undefined) return !holds(not, port);
  if (range !== undefined) return port >= (range.start ?? 0) && port < (range.end ?? 0);
  return predicate.any_match === true;
}

/** How well a chain fits: -1 not at all, 0 it does not say, more the more it says. */
type Fit = (match: envoy_config_listener_v3_FilterChainMatch, seen: Inspected) => number;

const criteria: readonly Fit[] = [
  ({ destination_port: port }, { destination }) => (port === undefined ? 0 : port === destination.port ? 1 : -1),
  ({ prefix_ranges: blocks }, { destination }) => blockFit(blocks, destination.address),
  ({ server_names: names }, { serverName }) => nameFit(names, serverName),
  ({ transport_protocol: wanted }, { transport }) => (wanted === undefined ? 0 : wanted === transport ? 1 : -1),
  ({ application_protocols: wanted }, { applications }) =>
    wanted === undefined || wanted.length === 0 ? 0 : wanted.some((each) => applications.includes(each)) ? 1 : -1,
  ({ direct_source_prefix_ranges: blocks }, { source }) => blockFit(blocks, source.address),
  ({ source_prefix_ranges: blocks }, { source }) => blockFit(blocks, source.address),
];

function blockFit(blocks: readonly envoy_config_core_v3_CidrRange[] | undefined, address: string): number {
  if (blocks === undefined || blocks.length === 0) return 0;
  return Math.max(-1, ...blocks.filter((block) => inBlock(block, address)).map((block) => 1 + (block.prefix_len ?? 0)));
}

/** An exact name before a wildcard, a long wildcard before a short one. */
function nameFit(names: readonly string[] | undefined, serverName: string): number {
  if (names === undefined || names.length === 0) return 0;
  const fits = names.map((name) => {
    if (name === serverName) return 1000 + name.length;
    return name.startsWith('*.') && serverName.endsWith(name.slice(1)) ? name.length : -1;
  });
  return Math.max(-1, ...fits);
}
