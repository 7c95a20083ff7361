// Patches of filters: of connections, and of requests inside an HTTP connection manager.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ApplyTo
import type { MessageTypes } from '../../../model/message/descriptor.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from, merge } from '../../provenance.ts';
import type { Anchor } from './anchors.ts';
import { withAnchors, withoutAnchors } from './anchors.ts';
import type { PatchContext } from '../conditions.ts';
import { httpFilterName, listenerFilterName, networkFilterName } from '../conditions.ts';
import { patchList } from '../list-patch.ts';
import { mergeAny } from '../merge.ts';
import type { Patch } from '../patch.ts';
import type { Tally } from '../tally.ts';
import { hit } from '../tally.ts';

type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type ListenerFilter = MessageOf['envoy.config.listener.v3.ListenerFilter'];
type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

const managerName = 'envoy.filters.network.http_connection_manager';
const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

export const patchListenerFilters = (
  types: MessageTypes,
  filters: readonly ListenerFilter[],
  patches: readonly Patch[],
  tally: Tally,
): readonly ListenerFilter[] => patchFilters(types, filters, patches, listenerFilterName, [], tally);

/** `patches` are those whose listener and chain are met. */
export function patchNetworkFilters(
  types: MessageTypes,
  filters: readonly Filter[],
  patches: readonly Patch[],
  anchors: readonly Anchor[],
  tally: Tally,
): readonly Filter[] {
  const own = patches.filter(({ applyTo }) => applyTo === 'NETWORK_FILTER');
  return patchFilters(types, filters, own, networkFilterName, anchors, tally);
}

/** `patches` are those whose listener and chain are met. */
export function patchHttpFilters(
  types: MessageTypes,
  filter: Filter,
  patches: readonly Patch[],
  context: PatchContext,
  tally: Tally,
): Filter {
  if (filter.name !== managerName || filter.typed_config?.['@type'] !== managerType) return filter;
  const own = patches.filter(
    (patch) => patch.applyTo === 'HTTP_FILTER' && ['', filter.name].includes(networkFilterName(patch)),
  );
  if (own.length === 0) return filter;
  const manager = filter.typed_config as HttpConnectionManager;
  const before = manager.http_filters ?? [];
  const http = patchFilters<HttpFilter>(types, before, own, httpFilterName, httpAnchors(manager, context), tally);
  return http === before ? filter : { ...filter, typed_config: { ...filter.typed_config, http_filters: http } };
}

/** Filters that only Istio's own Envoy has, where they would stand. */
const httpAnchors = (manager: HttpConnectionManager, context: PatchContext): readonly Anchor[] => [
  { name: 'istio.metadata_exchange', place: 'first' },
  ...(context === 'SIDECAR_INBOUND'
    ? []
    : [{ name: 'istio.alpn', place: { after: 'envoy.filters.http.grpc_stats' } } as const]),
  ...((manager.access_log ?? []).some(({ name = '' }) => name.startsWith('keelson.stats'))
    ? [{ name: 'istio.stats', place: { after: 'envoy.filters.http.cors' } } as const]
    : []),
];

interface AnyFilter {
  readonly name?: string;
  readonly typed_config?: object | null;
}

/** First what comes and goes, then what is merged into what is there. */
function patchFilters<F extends AnyFilter>(
  types: MessageTypes,
  filters: readonly F[],
  patches: readonly Patch[],
  nameIn: (patch: Patch) => string,
  anchors: readonly Anchor[],
  tally: Tally,
): readonly F[] {
  if (patches.length === 0) return filters;
  const rules = {
    names: (patch: Patch) => nameIn(patch) !== '',
    isMeant: (patch: Patch, { name }: F) => name === nameIn(patch),
    firstNeedsElement: false,
  };
  const anchored = withAnchors(filters, anchors);
  const listed = patches.reduce((list, patch) => patchList(list, patch, rules, tally), anchored);
  const merged = patches
    .filter((patch) => isMerge(patch) && nameIn(patch) !== '')
    .reduce((list, patch) => mergeNamed(types, list, patch, nameIn(patch), tally), listed);
  return merged === anchored ? filters : withoutAnchors(merged, anchors);
}

const isMerge = ({ operation }: Patch): boolean => operation === 'MERGE' || operation === 'MERGE_AND_REPLACE_LIST';

/** Lists inside filters always grow, whichever of the two it is. */
function mergeNamed<F extends AnyFilter>(
  types: MessageTypes,
  filters: readonly F[],
  patch: Patch,
  name: string,
  tally: Tally,
): readonly F[] {
  if (!filters.some((filter) => filter.name === name && filter.typed_config)) return filters;
  return filters.map((filter) => {
    if (filter.name !== name || !filter.typed_config) return filter;
    hit(tally, patch);
    const { name: newName = '', typed_config: config } = patch.value as AnyFilter;
    const merged = mergeAny(types, filter.typed_config, config, { source: patch.source, replaceLists: false });
    return merge<F>(
      filter,
      from(patch.source, {
        ...(newName !== '' && newName !== filter.name && { name: newName }),
        ...(merged !== undefined && { typed_config: merged }),
      }) as Partial<F>,
    );
  });
}
