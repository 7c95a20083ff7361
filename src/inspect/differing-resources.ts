// The resources in which two configurations differ, found by looking at which objects they are: what nothing has changed is
// the very same in both.
import type { Layer, Resource } from '../model/envoy/resource.ts';

export interface DifferingResource {
  readonly name: string;
  /** Undefined where there was none. */
  readonly was: Resource | undefined;
  readonly is: Resource | undefined;
}

/** Those that were there first, in their order. */
export function differingResources(before: readonly Layer[], after: readonly Layer[]): readonly DifferingResource[] {
  if (before === after) return [];
  const [old, fresh] = [byName(before), byName(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .map((name) => ({ name, was: old.get(name), is: fresh.get(name) }))
    .filter(({ was, is }) => was !== is);
}

const byName = (layers: readonly Layer[]): ReadonlyMap<string, Resource> =>
  new Map(layers.flatMap((layer) => [...layer.resources]));
