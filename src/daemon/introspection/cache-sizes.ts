// How many resources are kept for the proxies that are connected, and how large they are: each once, however many have it.
import type { Configuration, Layer, Resource } from '../../model/envoy/resource.ts';
import { cachedResource } from '../../xds/codec/cache.ts';

export interface CacheSize {
  readonly resources: number;
  readonly bytes: number;
}

/** By kind. */
export function cacheSizes(configurations: Iterable<Configuration>): Readonly<Record<string, CacheSize>> {
  const layers = new Map<string, Set<Layer>>();
  for (const configuration of configurations)
    for (const [kind, own] of Object.entries(configuration)) {
      const known = layers.get(kind) ?? new Set();
      for (const layer of own) known.add(layer);
      layers.set(kind, known);
    }
  return Object.fromEntries([...layers].map(([kind, each]) => [kind, sizeOf(each)]));
}

function sizeOf(layers: ReadonlySet<Layer>): CacheSize {
  const resources = new Set<Resource>();
  for (const layer of layers) for (const resource of layer.resources.values()) resources.add(resource);
  let bytes = 0;
  for (const resource of resources) bytes += cachedResource(resource).bytes.length;
  return { resources: resources.size, bytes };
}
