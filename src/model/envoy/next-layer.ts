// A layer that follows another one of its kind: it shares what is the same, and what differs is known.
import type { Layer, Resource } from './resource.ts';
import { memo } from '../memo.ts';
import { Topic } from '../notes.ts';
import { withValues } from '../patched-map.ts';
import { stretch } from '../stretch.ts';

type Groups = readonly (readonly Resource[])[];
type Resources = Layer['resources'];

interface Kept {
  readonly groups: Groups;
  readonly layer: Layer;
}

/**
 * The layer of these groups of resources; the very same as the last one of its context and scope while the groups are the
 * same. `context` is what its resources depend on, each part canonical.
 */
export function nextLayer(context: readonly (object | string | undefined)[], scope: string, groups: Groups): Layer {
  const last = lastOf(scope, ...context);
  const known = last.known?.deref();
  if (known?.groups === groups) return known.layer;
  const resources = (known && nextResources(known, groups)) ?? allOf(groups);
  const layer: Layer = resources === known?.layer.resources ? known.layer : { scope, resources };
  const kept: Kept = { groups, layer };
  keptFor.note(layer, kept);
  last.known = new WeakRef(kept);
  return layer;
}

const lastOf = memo((..._context: readonly (object | string | undefined)[]): { known?: WeakRef<Kept> } => ({}));
/** As long as somebody uses the layer. */
const keptFor = new Topic<Kept>();

const allOf = (groups: Groups): Resources =>
  new Map(groups.flatMap((group) => group.map((resource) => [resource.name, resource] as const)));

/** Undefined where some name is not one resource's alone, and the last one of the groups has it. */
function nextResources({ groups: before, layer: { resources } }: Kept, after: Groups): Resources | undefined {
  if (resources.size !== count(before)) return undefined;
  const { gone, come } = changedGroups(before, after);
  const changed = new Map<string, Resource>();
  for (const resource of come.flat())
    if (resources.get(resource.name) !== resource) changed.set(resource.name, resource);
  const names = new Set(come.flatMap((group) => group.map(({ name }) => name)));
  const left = new Set(gone.flatMap((group) => group.flatMap(({ name }) => (names.has(name) ? [] : name))));
  const next = withValues(resources, changed, left);
  return next.size === count(after) ? next : undefined;
}

const count = (groups: Groups): number => groups.reduce((sum, { length }) => sum + length, 0);

/** Those in other places than before count as changed. */
function changedGroups(before: Groups, after: Groups): { readonly gone: Groups; readonly come: Groups } {
  if (before.length !== after.length) return stretch(before, after);
  const differs = (_group: readonly Resource[], i: number): boolean => before[i] !== after[i];
  return { gone: before.filter(differs), come: after.filter(differs) };
}
