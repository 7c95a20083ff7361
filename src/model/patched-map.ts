// Maps that differ from others in a few entries, without a copy of all the rest; and what differs between two Maps. So what is
// kept of a whole mesh costs what has changed in it.
import { memo } from './memo.ts';

/**
 * The Map with these values under their keys, and without the keys that are gone. Keys that stay keep their order, new ones
 * come last. None of `gone` is a key of `values`.
 */
export function withValues<K, V>(
  before: ReadonlyMap<K, V>,
  values: ReadonlyMap<K, V>,
  gone: ReadonlySet<K> = none,
): ReadonlyMap<K, V> {
  if (values.size === 0 && gone.size === 0) return before;
  const { base, patch: known, gone: goneBefore } = partsOf(before);
  const patch = new Map([...known, ...values]);
  for (const key of gone) patch.delete(key);
  const left = new Set([...goneBefore, ...gone].filter((key) => base.has(key) && !values.has(key)));
  const patched = new PatchedMap(base, patch, left);
  const size = patch.size + left.size;
  // A patch that grows on is copied again and again: the whole Map is, now and then.
  return size * size > Math.max(base.size, leastPatch) ? new Map(patched) : patched;
}

const none: ReadonlySet<never> = new Set();
const noValues: ReadonlyMap<unknown, unknown> = new Map();

type Parts<K, V> = Pick<PatchedMap<K, V>, 'base' | 'patch' | 'gone'>;

const partsOf = <K, V>(map: ReadonlyMap<K, V>): Parts<K, V> =>
  map instanceof PatchedMap
    ? (map as PatchedMap<K, V>)
    : { base: map, patch: noValues as ReadonlyMap<K, V>, gone: none };

const leastPatch = 400;

export class PatchedMap<K, V> implements ReadonlyMap<K, V> {
  readonly base: ReadonlyMap<K, V>;
  /** Goes before what `base` has. */
  readonly patch: ReadonlyMap<K, V>;
  /** Keys of `base`, none of `patch`. */
  readonly gone: ReadonlySet<K>;
  readonly size: number;

  constructor(base: ReadonlyMap<K, V>, patch: ReadonlyMap<K, V>, gone: ReadonlySet<K>) {
    this.base = base;
    this.patch = patch;
    this.gone = gone;
    this.size = base.size - gone.size;
    for (const key of patch.keys()) if (!base.has(key)) this.size++;
  }

  get(key: K): V | undefined {
    return this.patch.get(key) ?? (this.gone.has(key) ? undefined : this.base.get(key));
  }

  has(key: K): boolean {
    return this.patch.has(key) || (this.base.has(key) && !this.gone.has(key));
  }

  *keys(): Generator<K, undefined> {
    for (const [key] of this) yield key;
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
    for (const [key, value] of this.base) if (!this.gone.has(key)) yield [key, this.patch.get(key) ?? value];
    for (const entry of this.patch) if (!this.base.has(entry[0])) yield entry;
  }
}

/** The keys that are new, gone or lead to another value now. Of Maps that were patched only the patches are compared. */
export const changedKeys: <K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>) => readonly K[] = memo(
  (before: ReadonlyMap<unknown, unknown>, after: ReadonlyMap<unknown, unknown>): readonly unknown[] => {
    const patched = patchedKeys(before, after);
    if (patched !== undefined)
      return [...patched].filter((key) => before.get(key) !== after.get(key) || before.has(key) !== after.has(key));
    const changed: unknown[] = [];
    for (const [key, value] of after) if (before.get(key) !== value || !before.has(key)) changed.push(key);
    for (const key of before.keys()) if (!after.has(key)) changed.push(key);
    return changed;
  },
) as <K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>) => readonly K[];

/** The keys that either is patched under, if the rest is one and the same. */
function patchedKeys(
  before: ReadonlyMap<unknown, unknown>,
  after: ReadonlyMap<unknown, unknown>,
): ReadonlySet<unknown> | undefined {
  const [old, fresh] = [partsOf(before), partsOf(after)];
  return old.base === fresh.base
    ? new Set([...fresh.patch.keys(), ...old.patch.keys(), ...fresh.gone, ...old.gone])
    : undefined;
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
