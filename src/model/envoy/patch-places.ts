// What became of an EnvoyFilter's patches: where each found what it is about, over all the proxies that it is for.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import type { Problem } from '../problem.ts';
import type { SourceRef } from '../source.ts';
import { describeSource } from '../source.ts';

/** How often one patch found what it is about, on one proxy that it is for. */
export interface PatchPlaces {
  readonly source: SourceRef;
  readonly places: number;
}

/** The same over several proxies. */
export interface PatchCount extends PatchPlaces {
  /** That the patch is for. */
  readonly proxies: number;
}

export const patchCounts = (proxies: Iterable<readonly PatchPlaces[]>): readonly PatchCount[] =>
  joinedCounts([...proxies].flat().map((each) => ({ ...each, proxies: 1 })));

/** Each patch once. */
export function joinedCounts(counts: readonly PatchCount[]): readonly PatchCount[] {
  const found = new Map<string, PatchCount>();
  for (const { source, proxies, places } of counts) {
    const key = describeSource(source);
    const known = found.get(key);
    found.set(key, { source, proxies: (known?.proxies ?? 0) + proxies, places: (known?.places ?? 0) + places });
  }
  return [...found.values()];
}

/** A warning for every patch that found nothing on any of the proxies. */
export const unmatchedPatches = (proxies: Iterable<readonly PatchPlaces[]>): readonly Problem[] =>
  patchCounts(proxies)
    .filter(({ places }) => places === 0)
    .map(({ source, proxies: count }) => ({
      code: 'unmatched-patch',
      severity: 'warning',
      message: `the patch is for ${count === 1 ? 'one proxy' : `${count} proxies`} and matches nothing there`,
      source,
    }));

/** `spec.configPatches[0] matches 4 places on 2 proxies` */
export const describePatchCount = ({ source, proxies, places }: PatchCount): string =>
  `${source.path ?? ''} matches ${counted(places, 'place')} on ${counted(proxies, 'proxy', 'proxies')}`;

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
