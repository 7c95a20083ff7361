// VirtualServices by the hosts they name, and which of several has a host: an exact name goes before a wildcard, a
// longer wildcard before a shorter one, and among equals the first in order of precedence that has a route to offer.
// https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services
import { memo, sharedList } from '../../../model/memo.ts';
import { bySpecificity, hostMatches, isWildcard } from '../../resolve/host.ts';
import type { RoutedVirtualService } from '../route/route-target.ts';

export interface VirtualServiceIndex {
  readonly exact: ReadonlyMap<string, readonly RoutedVirtualService[]>;
  /** The most specific first. */
  readonly wildcards: readonly (readonly [string, readonly RoutedVirtualService[]])[];
}

/** `all` is in order of precedence. */
export const indexVirtualServices = memo((all: readonly RoutedVirtualService[]): VirtualServiceIndex => {
  const byHost = Map.groupBy(
    all.flatMap((routed) => routed.virtualService.hosts.map((host) => ({ host, routed }))),
    ({ host }) => host,
  );
  const entries = [...byHost].map(([host, named]) => [host, named.map(({ routed }) => routed)] as const);
  return {
    exact: new Map(entries.filter(([host]) => !isWildcard(host))),
    wildcards: entries.filter(([host]) => isWildcard(host)).toSorted(([a], [b]) => bySpecificity(a, b)),
  };
});

/** All that compete for the host, the winner being the first of them that has routes for the caller. */
export const candidates = (index: VirtualServiceIndex, host: string): readonly RoutedVirtualService[] =>
  index.exact.get(host) ?? index.wildcards.find(([pattern]) => hostMatches(pattern, host))?.[1] ?? [];

/** Those of `all` that compete for one of the hosts, in the order of `all`. */
export function selectVirtualServices(
  all: readonly RoutedVirtualService[],
  hosts: readonly string[],
): readonly RoutedVirtualService[] {
  const index = indexVirtualServices(all);
  const wanted = new Set(hosts.flatMap((host) => index.exact.get(host) ?? []));
  for (const [pattern, named] of index.wildcards) {
    if (hosts.some((host) => hostMatches(pattern, host))) for (const routed of named) wanted.add(routed);
  }
  return sharedList(all.filter((routed) => wanted.has(routed)));
}
