// A layer that follows another one of its kind: it shares what is the same, and what differs is known.
import type { Layer, Resource } from './resource.ts';
import { lineOfList, memo } from '../memo.ts';
import { Topic } from '../notes.ts';
import { withValues } from '../patched-map.ts';
import { stretch } from '../stretch.ts';

type Groups = readonly (readonly Resource[])[];
type Resources = Layer['resources'];

interface Kept {
  readonly groups: Groups;
  readonly resources: Resources;
}

type Context = readonly (object | string | undefined)[];

/**
 * The layer of these groups of resources; the very same as the last one of its context and scope while the groups are the
 * same. `context` is what its resources depend on, each part canonical.
 */
export const nextLayer = (context: Context, scope: string, groups: Groups): Layer =>
  scopedLayer(nextResources([scope, ...context], groups), scope);

/** One layer for each distinct list of resources, so that comparing two layers by identity is enough. */
export const scopedLayer = memo((resources: Resources, scope: string): Layer => ({ scope, resources }));

/** By name; the same Map for several scopes. What the line of the groups says need not be said by `context`. */
export function nextResources(context: Context, groups: Groups): Resources {
  const last = lastOf(lineOfList(groups), ...context);
  const known = last.known?.deref();
  if (known?.groups === groups) return known.resources;
  const resources = (known && following(known, groups)) ?? allOf(groups);
  const kept: Kept = { groups, resources };
  keptFor.note(resources, kept);
  last.known = new WeakRef(kept);
  return resources;
}

const lastOf = memo((..._context: Context): { known?: WeakRef<Kept> } => ({}));
/** As long as somebody uses the resources. */
const keptFor = new Topic<Kept>();

const allOf = (groups: Groups): Resources =>
  new Map(groups.flatMap((group) => group.map((resource) => [resource.name, resource] as const)));

/** Undefined where some name is not one resource's alone, and the last one of the groups has it. */
function following({ groups: before, resources }: Kept, after: Groups): Resources | undefined {
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
