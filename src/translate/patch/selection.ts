// Which patches are for one proxy, in the order in which they are applied: by priority, the mesh's before its own
// namespace's, the oldest first.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import type { MessageTypes } from '../../model/message/descriptor.ts';
import { linearRegex } from '../../model/linear-regex.ts';
import { memo, sharedList } from '../../model/memo.ts';
import type { Problem } from '../../model/problem.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { compareText } from '../resolve/order.ts';
import { targetedBy } from '../resolve/scope/policy-target.ts';
import type { Patch } from './patch.ts';
import { patchesOf } from './patch.ts';

type EnvoyFilter = KindMap['EnvoyFilter'];
/** In order. */
export type FiltersByNamespace = ReadonlyMap<string, readonly EnvoyFilter[]>;

export const groupEnvoyFilters = memo((filters: ReadonlyMap<string, EnvoyFilter>): FiltersByNamespace => {
  const groups = Map.groupBy([...filters.values()].toSorted(byAge), ({ metadata }) => metadata.namespace);
  return new Map([...groups].map(([namespace, own]) => [namespace, sharedList(own)]));
});

/** Why patches cannot be used. */
export const patchProblems = memo(
  (types: MessageTypes, filters: ReadonlyMap<string, EnvoyFilter>): readonly Problem[] =>
    [...filters.values()].flatMap((filter) => patchesOf(types, filter).problems),
);

/** The same list for all proxies with the same patches. */
export function patchesFor(
  types: MessageTypes,
  all: FiltersByNamespace,
  proxy: Pick<Proxy, 'type' | 'namespace' | 'labels' | 'metadata'>,
  rootNamespace: string,
): readonly Patch[] {
  const namespaces = [...new Set([rootNamespace, proxy.namespace])];
  const filters = namespaces.flatMap((namespace) => all.get(namespace) ?? []);
  if (filters.length === 0) return none;
  const chosen = filters
    .filter((filter) => targetedBy(filter, proxy, rootNamespace))
    .toSorted((a, b) => (a.spec.priority ?? 0) - (b.spec.priority ?? 0));
  return sharedList(
    chosen.flatMap((filter) => patchesOf(types, filter).patches).filter((patch) => meetsProxy(patch, proxy)),
  );
}

const none: readonly Patch[] = [];

const byAge = ({ metadata: a }: EnvoyFilter, { metadata: b }: EnvoyFilter): number =>
  compareText(a.creationTimestamp, b.creationTimestamp) ||
  compareText(`${a.name}.${a.namespace}`, `${b.name}.${b.namespace}`);

/** Versions are short; what is longer is none. */
const longestVersion = 100;

function meetsProxy({ match: { proxy: wanted } }: Patch, { metadata }: Pick<Proxy, 'metadata'>): boolean {
  if (wanted === undefined) return true;
  const { proxyVersion = '', metadata: pairs = {} } = wanted;
  const version = metadata['ISTIO_VERSION'];
  const meetsVersion =
    proxyVersion === '' ||
    (typeof version === 'string' &&
      version !== '' &&
      version.length <= longestVersion &&
      linearRegex(proxyVersion)?.(version) === true);
  return meetsVersion && Object.entries(pairs).every(([key, value]) => metadata[key] === value);
}
