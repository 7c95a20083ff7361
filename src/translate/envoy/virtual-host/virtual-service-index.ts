// VirtualServices by the hosts they name, and which of several has a host: an exact name goes before a wildcard, a
// longer wildcard before a shorter one, and among equals the first in order of precedence that has a route to offer.
// https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services
import { byKeys } from '../../../model/by-keys.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import { bySpecificity, hostMatches, isWildcard } from '../../resolve/routing/host.ts';
import type { RoutedVirtualService } from '../route/route-target.ts';

interface Hosts {
  readonly hosts: readonly string[];
}

export interface VirtualServiceIndex<T> {
  readonly exact: ReadonlyMap<string, readonly T[]>;
  /** The most specific first. */
  readonly wildcards: readonly (readonly [string, readonly T[]])[];
}

/** `all` is in order of precedence. */
export function indexVirtualServices<T extends Hosts>(all: readonly T[]): VirtualServiceIndex<T> {
  const entries = [...byKeys(all, ({ hosts }) => hosts)];
  return {
    exact: new Map(entries.filter(([host]) => !isWildcard(host))),
    wildcards: entries.filter(([host]) => isWildcard(host)).toSorted(([a], [b]) => bySpecificity(a, b)),
  };
}

/** All that compete for the host, the winner being the first of them that has routes for the caller. */
export const candidates = <T>(index: VirtualServiceIndex<T>, host: string): readonly T[] =>
  index.exact.get(host) ?? index.wildcards.find(([pattern]) => hostMatches(pattern, host))?.[1] ?? [];

/** Those of `all` that compete for one of the hosts, in the order of `all`. */
export const selectVirtualServices = memo(
  (all: readonly RoutedVirtualService[], hosts: readonly string[]): readonly RoutedVirtualService[] => {
    const index = indexRouted(all);
    const wanted = new Set(hosts.flatMap((host) => index.exact.get(host) ?? []));
    for (const [pattern, named] of index.wildcards) {
      if (hosts.some((host) => hostMatches(pattern, host))) for (const one of named) wanted.add(one);
    }
    return sharedList(all.filter(({ virtualService }) => wanted.has(virtualService)));
  },
);

const indexRouted = memo((all: readonly RoutedVirtualService[]) =>
  indexVirtualServices(all.map(({ virtualService }) => virtualService)),
);
