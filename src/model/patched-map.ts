// Maps that differ from others in a few values, without a copy of all the rest; and what differs between two Maps. So what is
// kept of a whole mesh costs what has changed in it.
import { memo } from './memo.ts';

/** The Map with other values under some of its keys: keys and their order stay. A copy if there are new keys. */
export function withValues<K, V>(before: ReadonlyMap<K, V>, values: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  if (values.size === 0) return before;
  if ([...values.keys()].some((key) => !before.has(key))) return new Map([...before, ...values]);
  const [base, known] = partsOf(before);
  const patch = new Map([...known, ...values]);
  const patched = new PatchedMap(base, patch);
  // A patch that grows on is copied again and again: the whole Map is, now and then.
  return patch.size * patch.size > Math.max(base.size, leastPatch) ? new Map(patched) : patched;
}

const none: ReadonlyMap<unknown, unknown> = new Map();

const partsOf = <K, V>(map: ReadonlyMap<K, V>): readonly [base: ReadonlyMap<K, V>, patch: ReadonlyMap<K, V>] =>
  (map instanceof PatchedMap ? [map.base, map.patch] : [map, none]) as [ReadonlyMap<K, V>, ReadonlyMap<K, V>];

const leastPatch = 400;

export class PatchedMap<K, V> implements ReadonlyMap<K, V> {
  readonly base: ReadonlyMap<K, V>;
  readonly patch: ReadonlyMap<K, V>;

  /** Every key of `patch` is one of `base`. */
  constructor(base: ReadonlyMap<K, V>, patch: ReadonlyMap<K, V>) {
    this.base = base;
    this.patch = patch;
  }

  get size(): number {
    return this.base.size;
  }

  get(key: K): V | undefined {
    return this.patch.get(key) ?? this.base.get(key);
  }

  has(key: K): boolean {
    return this.base.has(key);
  }

  keys(): MapIterator<K> {
    return this.base.keys();
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this) yield value;
  }

  entries(): Generator<[K, V], undefined> {
    return this[Symbol.iterator]();
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  *[Symbol.iterator](): Generator<[K, V], undefined> {
    for (const [key, value] of this.base) yield [key, this.patch.get(key) ?? value];
  }
}

/** The keys that are new, gone or lead to another value now. Of Maps that were patched only the patches are compared. */
export const changedKeys: <K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>) => readonly K[] = memo(
  (before: ReadonlyMap<unknown, unknown>, after: ReadonlyMap<unknown, unknown>): readonly unknown[] => {
    const patched = patchedKeys(before, after);
    if (patched !== undefined) return [...patched].filter((key) => before.get(key) !== after.get(key));
    const changed: unknown[] = [];
    for (const [key, value] of after) if (before.get(key) !== value || !before.has(key)) changed.push(key);
    for (const key of before.keys()) if (!after.has(key)) changed.push(key);
    return changed;
  },
) as <K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>) => readonly K[];

/** The keys of the patches, if the rest is one and the same. */
function patchedKeys(
  before: ReadonlyMap<unknown, unknown>,
  after: ReadonlyMap<unknown, unknown>,
): ReadonlySet<unknown> | undefined {
  const [[oldBase, old], [freshBase, fresh]] = [partsOf(before), partsOf(after)];
  return oldBase === freshBase ? new Set([...fresh.keys(), ...old.keys()]) : undefined;
}

interface Aligned<V> {
  readonly map: ReadonlyMap<unknown, V>;
  readonly values: readonly (V | undefined)[];
}

/** The values of a Map for each item of a list, in its order; after a change of the Map only what differs is looked up. */
export function memoAligned<T, K>(
  keyOf: (item: T) => K,
): <V>(items: readonly T[], map: ReadonlyMap<K, V>) => readonly (V | undefined)[] {
  const lastOf = memo((_items: readonly T[]): { known?: Aligned<unknown> } => ({}));
  const positionsOf = memo((items: readonly T[]) => Map.groupBy(items.keys(), (i) => keyOf(items[i] as T)));
  return <V>(items: readonly T[], map: ReadonlyMap<K, V>) => {
    const last = lastOf(items) as { known?: Aligned<V> };
    const { known } = last;
    if (known?.map === map) return known.values;
    const values = known === undefined ? items.map((item) => map.get(keyOf(item))) : [...known.values];
    if (known !== undefined)
      for (const key of changedKeys(known.map, map) as readonly K[])
        for (const i of positionsOf(items).get(key) ?? []) values[i] = map.get(key);
    last.known = { map, values };
    return values;
  };
}
