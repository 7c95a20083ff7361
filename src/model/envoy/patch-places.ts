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

/** A warning for every patch that found nothing on any of the proxies. */
export function unmatchedPatches(proxies: Iterable<readonly PatchPlaces[]>): readonly Problem[] {
  const found = new Map<string, { readonly source: SourceRef; count: number; places: number }>();
  for (const proxy of proxies) {
    for (const { source, places } of proxy) {
      const key = describeSource(source);
      const known = found.get(key) ?? { source, count: 0, places: 0 };
      found.set(key, { source, count: known.count + 1, places: known.places + places });
    }
  }
  return [...found.values()]
    .filter(({ places }) => places === 0)
    .map(({ source, count }) => ({
      code: 'unmatched-patch',
      severity: 'warning',
      message: `the patch is for ${count === 1 ? 'one proxy' : `${count} proxies`} and matches nothing there`,
      source,
    }));
}
