// What one configuration has that another has not: resources by name, and the fields of those that are in both, with the
// objects that caused them. And the mesh as it would be with further objects.
import type { DecodedConfiguration, DecodedResource } from '../model/envoy/decoded.ts';
import { originsAt } from '../model/envoy/decoded.ts';
import type { Snapshot } from '../model/snapshot.ts';
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

/** As `kubectl apply` would leave it. */
export function applied(base: Snapshot, change: Snapshot): Snapshot {
  const kinds = Object.keys(base.objects) as (keyof Snapshot['objects'])[];
  const objects = kinds.map((kind) => {
    const added = change.objects[kind];
    return [kind, added.size === 0 ? base.objects[kind] : new Map<string, unknown>([...base.objects[kind], ...added])];
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
  const before = new Map(leaves(was.message, ''));
  const after = new Map(leaves(is.message, ''));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((field) => before.get(field) !== after.get(field))
    .map((field) => ({
      field,
      ...(before.has(field) && { before: before.get(field) }),
      ...(after.has(field) && { after: after.get(field) }),
      causes: originsAt(after.has(field) ? is : was, field).map(describeSource),
    }));
}

function leaves(value: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => leaves(item, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return [[path, value]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, '{}']];
  return entries.flatMap(([field, each]) => leaves(each, path === '' ? field : `${path}.${field}`));
}
