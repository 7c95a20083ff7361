// Patches of one listener, from the outside in: itself, its listener filters, its chains and what is in them.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ListenerMatch
import type { MessageTypes } from '../../../model/message/descriptor.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { virtualInbound } from '../../names.ts';
import type { Anchor } from './anchors.ts';
import type { PatchContext } from '../conditions.ts';
import { isFor, meetsChain, meetsListener } from '../conditions.ts';
import { patchHttpFilters, patchListenerFilters, patchNetworkFilters } from './filter-patch.ts';
import { mergeMessages } from '../merge.ts';
import type { Patch } from '../patch.ts';
import type { RoutePatching } from './route-patch.ts';
import { patchesOfRoutes, patchRouteConfiguration, typeOf } from './route-patch.ts';
import type { Tally } from '../tally.ts';
import { hit } from '../tally.ts';
import { mergeTransportSocket } from './transport-socket-patch.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

export interface ListenerPatching extends RoutePatching {
  readonly types: MessageTypes;
  readonly context: PatchContext;
  readonly tally: Tally;
}

/** Undefined if it is removed. */
export function patchListener(
  patching: ListenerPatching,
  listener: Listener,
  patches: readonly Patch[],
): Listener | undefined {
  const { types, context, tally } = patching;
  const own = patches.filter((patch) => isFor(patch, context));
  let patched = withPatchedRoutes(patching, listener, own);
  for (const patch of own) {
    const { applyTo, operation, source, value } = patch;
    if (applyTo !== 'LISTENER' || (operation !== 'REMOVE' && !isMerge(patch)) || !meetsListener(patch, patched))
      continue;
    hit(tally, patch);
    if (operation === 'REMOVE') return undefined;
    const merging = { source, replaceLists: operation === 'MERGE_AND_REPLACE_LIST' };
    patched = mergeMessages(typeOf(types, patch), patched, value, merging);
  }
  const inside = own.filter((patch) => patch.applyTo !== 'LISTENER' && meetsListener(patch, patched));
  return patchChains(patching, withListenerFilters(patching, patched, inside), inside);
}

const isMerge = ({ operation }: Patch): boolean => operation === 'MERGE' || operation === 'MERGE_AND_REPLACE_LIST';

function withListenerFilters(
  { types, tally }: ListenerPatching,
  listener: Listener,
  patches: readonly Patch[],
): Listener {
  const before = listener.listener_filters ?? [];
  const own = patches.filter(({ applyTo }) => applyTo === 'LISTENER_FILTER');
  const filters = patchListenerFilters(types, before, own, tally);
  return filters === before ? listener : { ...listener, listener_filters: filters };
}

function patchChains(patching: ListenerPatching, listener: Listener, patches: readonly Patch[]): Listener {
  const patch = (chain: FilterChain): FilterChain | undefined => patchChain(patching, listener, chain, patches);
  const before = listener.filter_chains ?? [];
  const kept = before.flatMap((chain) => patch(chain) ?? []);
  const added = patches.filter(({ applyTo, operation }) => applyTo === 'FILTER_CHAIN' && operation === 'ADD');
  for (const each of added) hit(patching.tally, each);
  const chains = [...kept, ...added.map(({ value }): FilterChain => value)];
  const { default_filter_chain: rest, ...others } = listener;
  const patchedRest = rest === undefined || rest === null ? undefined : patch(rest);
  if (sameList(before, chains) && patchedRest === (rest ?? undefined)) return listener;
  return {
    ...others,
    ...(chains.length + before.length > 0 && { filter_chains: chains }),
    ...(patchedRest !== undefined && { default_filter_chain: patchedRest }),
  };
}

const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

/** Undefined if it is removed. */
function patchChain(
  { types, context, tally }: ListenerPatching,
  listener: Listener,
  chain: FilterChain,
  patches: readonly Patch[],
): FilterChain | undefined {
  let patched = chain;
  for (const patch of patches) {
    const { applyTo, operation, source, value } = patch;
    const changes = operation === 'REMOVE' || isMerge(patch);
    if (applyTo !== 'FILTER_CHAIN' || !changes || !meetsChain(patch, listener, patched)) continue;
    hit(tally, patch);
    if (operation === 'REMOVE') return undefined;
    const merging = { source, replaceLists: operation === 'MERGE_AND_REPLACE_LIST' };
    patched =
      mergeTransportSocket(types, patched, value, merging) ??
      mergeMessages(typeOf(types, patch), patched, value, merging);
  }
  const inside = patches.filter((patch) => patch.applyTo !== 'FILTER_CHAIN' && meetsChain(patch, listener, patched));
  const before = patched.filters ?? [];
  if (before.length === 0) return patched;
  const listed = patchNetworkFilters(types, before, inside, anchorsOf(listener, context), tally);
  const filters = listed.map((filter) => patchHttpFilters(types, filter, inside, context, tally));
  return sameList(before, filters) ? patched : { ...patched, filters };
}

/** Who the peer is, as Istio's proxies tell each other. */
const anchorsOf = ({ name }: Listener, context: PatchContext): readonly Anchor[] =>
  context === 'SIDECAR_INBOUND' && name === virtualInbound ? [{ name: 'istio.metadata_exchange', place: 'first' }] : [];

/** Routes that stand inside a listener. */
function withPatchedRoutes(patching: ListenerPatching, listener: Listener, patches: readonly Patch[]): Listener {
  const own = patches.filter(({ applyTo }) => routeKinds.has(applyTo));
  if (own.length === 0) return listener;
  const inChain = (chain: FilterChain): FilterChain => {
    const before = chain.filters ?? [];
    const filters = before.map((filter) => withRoutes(patching, filter, own));
    return sameList(before, filters) ? chain : { ...chain, filters };
  };
  const before = listener.filter_chains ?? [];
  const chains = before.map(inChain);
  return sameList(before, chains) ? listener : { ...listener, filter_chains: chains };
}

const routeKinds: ReadonlySet<string> = new Set(['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE']);

function withRoutes(patching: ListenerPatching, filter: Filter, patches: readonly Patch[]): Filter {
  const { route_config: routes } = (filter.typed_config ?? {}) as HttpConnectionManager;
  if (routes === undefined || routes === null || filter.typed_config === undefined) return filter;
  const own = patchesOfRoutes(patches, patching, routes.name ?? '');
  const patched = patchRouteConfiguration(patching, routes, own);
  return patched === routes ? filter : { ...filter, typed_config: { ...filter.typed_config, route_config: patched } };
}
