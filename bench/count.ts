// Counts of work: which resources were built anew between two translations, and which of them differ in their bytes.
import type { Configuration, Resource } from '../src/model/resource.ts';
import { cachedResource } from '../src/xds/cache.ts';

/** Every resource of the configurations, and every part of one, each once however many proxies share it. */
export function distinctResources(configurations: readonly Configuration[]): ReadonlySet<Resource> {
  const found = new Set<Resource>();
  for (const configuration of configurations) {
    for (const layers of Object.values(configuration)) {
      for (const layer of layers) {
        for (const resource of layer.resources.values()) {
          found.add(resource);
          for (const part of resource.parts?.resources ?? []) found.add(part);
        }
      }
    }
  }
  return found;
}

/** The resources that are not the very same objects as before. */
export const rebuilt = (before: readonly Configuration[], after: readonly Configuration[]): readonly Resource[] => {
  const known = distinctResources(before);
  return [...distinctResources(after)].filter((resource) => !known.has(resource));
};

/** How many resources have to be sent, over all proxies: those whose bytes are not what the proxy has. */
export function differing(before: readonly Configuration[], after: readonly Configuration[]): number {
  return after.reduce((sum, configuration, proxy) => sum + differingFor(before[proxy], configuration), 0);
}

function differingFor(before: Configuration | undefined, after: Configuration): number {
  let count = 0;
  for (const [kind, layers] of Object.entries(after) as [keyof Configuration, Configuration['cluster']][]) {
    const versions = new Map((before?.[kind] ?? []).flatMap((layer) => [...layer.resources.values()].map((resource) => [resource.name, cachedResource(resource).version])));
    for (const layer of layers) {
      for (const resource of layer.resources.values()) if (versions.get(resource.name) !== cachedResource(resource).version) count++;
    }
  }
  return count;
}
