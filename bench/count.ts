// Counts of work: which resources were built anew between two translations, and which of them differ in their bytes.
import type { Configuration, Resource } from '../src/model/envoy/resource.ts';

/** Every resource of the configurations, and every part of one, each once however many proxies share it. */
export const distinctResources = (configurations: readonly Configuration[]): ReadonlySet<Resource> =>
  new Set(
    configurations
      .flatMap((configuration) => Object.values(configuration).flat())
      .flatMap((layer) => [...layer.resources.values()])
      .flatMap((resource) => [resource, ...(resource.parts?.resources ?? [])]),
  );

/** The resources that are not the very same objects as before. */
export const rebuilt = (before: readonly Configuration[], after: readonly Configuration[]): readonly Resource[] => {
  const known = distinctResources(before);
  return [...distinctResources(after)].filter((resource) => !known.has(resource));
};
