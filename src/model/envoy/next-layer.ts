// A layer that follows another one of its kind: where only values differ, it shares the rest, and what differs is known.
import type { Layer, Resource } from './resource.ts';
import { memo } from '../memo.ts';
import { Topic } from '../notes.ts';
import { withValues } from '../patched-map.ts';

interface Kept {
  readonly groups: readonly (readonly Resource[])[];
  readonly layer: Layer;
}

/**
 * The layer of these groups of resources; the very same as the last one of its context and scope while the groups are the
 * same. `context` is what its resources depend on, each part canonical.
 */
export function nextLayer(
  context: readonly (object | string | undefined)[],
  scope: string,
  groups: readonly (readonly Resource[])[],
): Layer {
  const last = lastOf(scope, ...context);
  const known = last.known?.deref();
  if (known?.groups === groups) return known.layer;
  const changed = known && changedResources(known.groups, groups);
  if (known !== undefined && changed?.size === 0) return known.layer;
  const resources =
    known === undefined || changed === undefined
      ? new Map(groups.flat().map((resource) => [resource.name, resource]))
      : withValues(known.layer.resources, changed);
  const layer: Layer = { scope, resources };
  const kept: Kept = { groups, layer };
  keptFor.note(layer, kept);
  last.known = new WeakRef(kept);
  return layer;
}

const lastOf = memo((..._context: readonly (object | string | undefined)[]): { known?: WeakRef<Kept> } => ({}));
/** As long as somebody uses the layer. */
const keptFor = new Topic<Kept>();

/** By name; undefined if names come, go or move. */
function changedResources(before: Kept['groups'], after: Kept['groups']): ReadonlyMap<string, Resource> | undefined {
  if (before.length !== after.length) return undefined;
  const changed = new Map<string, Resource>();
  for (let i = 0; i < after.length; i++) {
    const [old, fresh] = [before[i] ?? [], after[i] ?? []];
    if (old === fresh) continue;
    if (old.length !== fresh.length || old.some(({ name }, n) => name !== fresh[n]?.name)) return undefined;
    fresh.forEach((resource, n) => resource !== old[n] && changed.set(resource.name, resource));
  }
  return changed;
}
