// What one configuration has that another has not: resources by name, and the fields of those that are in both, with the
// objects that caused them. And the mesh as it would be with further objects.
import type { DecodedConfiguration, DecodedResource } from '../model/envoy/decoded.ts';
import { originsAt } from '../model/envoy/decoded.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { emptySnapshot } from '../model/snapshot.ts';
import { describeSource } from '../model/source.ts';

export type Kind = keyof DecodedConfiguration;

export interface FieldChange {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly causes: readonly string[];
}

export interface ResourceChange {
  readonly kind: Kind;
  readonly name: string;
  readonly change: 'appears' | 'disappears' | 'changes';
  readonly fields: readonly FieldChange[];
}

/** As `kubectl apply` would leave it, and `kubectl delete` of what is in `gone`. */
export function applied(base: Snapshot, change: Snapshot, gone: Snapshot = emptySnapshot): Snapshot {
  const kinds = Object.keys(base.objects) as (keyof Snapshot['objects'])[];
  const objects = kinds.map((kind) => {
    const [added, taken] = [change.objects[kind], gone.objects[kind]];
    if (added.size === 0 && taken.size === 0) return [kind, base.objects[kind]];
    const left = [...base.objects[kind]].filter(([key]) => !taken.has(key));
    return [kind, new Map<string, unknown>([...left, ...added])];
  });
  return { version: base.version + 1, objects: Object.fromEntries(objects) as Snapshot['objects'] };
}

/** By name; what is the same in both has the same version. */
export function resourceChanges(
  kind: Kind,
  before: readonly DecodedResource[],
  after: readonly DecodedResource[],
): readonly ResourceChange[] {
  const old = new Map(before.map((resource) => [resource.name, resource]));
  const fresh = new Map(after.map((resource) => [resource.name, resource]));
  const names = [...new Set([...old.keys(), ...fresh.keys()])].toSorted();
  return names.flatMap((name): readonly ResourceChange[] => {
    const was = old.get(name);
    const is = fresh.get(name);
    if (was?.version === is?.version) return [];
    if (was === undefined) return [{ kind, name, change: 'appears', fields: [] }];
    if (is === undefined) return [{ kind, name, change: 'disappears', fields: [] }];
    return [{ kind, name, change: 'changes', fields: fieldChanges(was, is) }];
  });
}

function fieldChanges(was: DecodedResource, is: DecodedResource): readonly FieldChange[] {
  const before = new Map(leaves(was.message, '', ''));
  const after = new Map(leaves(is.message, '', ''));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((field) => before.get(field)?.value !== after.get(field)?.value)
    .map((field) => {
      const [old, fresh] = [before.get(field), after.get(field)];
      return {
        field,
        ...(old !== undefined && { before: old.value }),
        ...(fresh !== undefined && { after: fresh.value }),
        causes: originsAt(fresh === undefined ? was : is, (fresh ?? old)?.path ?? '').map(describeSource),
      };
    });
}

interface Leaf {
  /** As causes are noted: by the places of list items. */
  readonly path: string;
  readonly value: unknown;
}

/** By field. Items of a list that have names are told apart by them, so that one more does not make others of those behind it. */
function leaves(value: unknown, field: string, path: string): readonly (readonly [string, Leaf])[] {
  if (Array.isArray(value)) {
    const names = itemNames(value);
    return value.flatMap((item, i) => leaves(item, `${field}[${names?.[i] ?? i}]`, `${path}[${i}]`));
  }
  if (typeof value !== 'object' || value === null) return [[field, { path, value }]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[field, { path, value: '{}' }]];
  const below = (above: string, name: string): string => (above === '' ? name : `${above}.${name}`);
  return entries.flatMap(([name, each]) => leaves(each, below(field, name), below(path, name)));
}

/** Undefined if not every item has one of its own. */
function itemNames(items: readonly unknown[]): readonly string[] | undefined {
  const names = items.flatMap((item) => {
    const name = typeof item === 'object' && item !== null && 'name' in item ? item.name : undefined;
    return typeof name === 'string' ? [name] : [];
  });
  return new Set(names).size === items.length ? names : undefined;
}
