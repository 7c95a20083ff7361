// Filter chains as plans: what a chain matches, kept apart from its message so that chains can be compared, merged and
// put into a listener without being built again.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';

type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
type FilterChainMatch = MessageOf['envoy.config.listener.v3.FilterChainMatch'];
type CidrRange = MessageOf['envoy.config.core.v3.CidrRange'];

/** What HTTP in the clear looks like to the inspector of a connection's first bytes. */
export const plaintextHttp: readonly string[] = ['http/1.1', 'h2c'];

/** All conditions hold together; without any, the chain takes every connection. */
export interface ChainMatch {
  readonly serverNames?: readonly string[];
  readonly destinations?: readonly string[];
  readonly applicationProtocols?: readonly string[];
  readonly transportProtocol?: 'raw_buffer' | 'tls';
  readonly destinationPort?: number;
}

export interface PlannedChain {
  /** Canonical: equal conditions are one object. */
  readonly match: ChainMatch;
  /** Route configuration of an HTTP chain that has its routes delivered. */
  readonly routeName: string | undefined;
  /** Without its match. */
  readonly message: FilterChain;
}

/** Server names and addresses in order; one that means "any" removes its condition. */
export function chainMatch(match: ChainMatch): ChainMatch {
  const names = match.serverNames ?? [];
  const destinations = (match.destinations ?? []).filter((range) => !/^(?:0\.0\.0\.0|::)(?:\/\d+)?$/.test(range));
  const { serverNames: _names, destinations: _destinations, ...others } = match;
  return sharedValue({
    ...others,
    ...(names.length > 0 && !names.includes('*') && { serverNames: names.toSorted() }),
    ...(destinations.length > 0 && { destinations: destinations.toSorted() }),
  });
}

export const matchesAll = (chain: PlannedChain): boolean => Object.keys(chain.match).length === 0;

export const plannedChain = memo(
  (match: ChainMatch, message: FilterChain, routeName: string | undefined): PlannedChain => ({
    match,
    message,
    routeName,
  }),
);

/** The chain, but only for connections that look like HTTP in the clear. */
export function onlyPlaintextHttp(chain: PlannedChain): PlannedChain {
  const missing = plaintextHttp.filter((protocol) => !(chain.match.applicationProtocols ?? []).includes(protocol));
  const applicationProtocols = [...(chain.match.applicationProtocols ?? []), ...missing];
  return plannedChain(chainMatch({ ...chain.match, applicationProtocols }), chain.message, chain.routeName);
}

/** The chain as Envoy gets it. */
export const filterChain = (chain: PlannedChain): FilterChain => built(chain);

const built = memo((chain: PlannedChain): FilterChain =>
  matchesAll(chain) ? chain.message : { ...chain.message, filter_chain_match: filterChainMatch(chain.match) },
);

export const filterChainMatch = (match: ChainMatch): FilterChainMatch => ({
  ...(match.destinationPort !== undefined && { destination_port: match.destinationPort }),
  ...(match.destinations !== undefined && { prefix_ranges: match.destinations.map(cidrRange) }),
  ...(match.serverNames !== undefined && { server_names: match.serverNames }),
  ...(match.transportProtocol !== undefined && { transport_protocol: match.transportProtocol }),
  ...(match.applicationProtocols !== undefined && { application_protocols: match.applicationProtocols }),
});

/** `10.1.0.0/16`; a single address is a block of one. */
function cidrRange(range: string): CidrRange {
  const [address = '', length] = range.split('/');
  return {
    address_prefix: address,
    prefix_len: length === undefined ? (address.includes(':') ? 128 : 32) : Number(length),
  };
}
