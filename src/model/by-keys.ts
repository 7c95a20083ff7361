// Items under keys of which each may have several, or none; Map.groupBy is for those that have one.

/** Under each key the items in their order. An item stands as often under a key as `keysOf` names it. */
export function byKeys<T, K>(items: Iterable<T>, keysOf: (item: T) => Iterable<K>): Map<K, T[]> {
  const found = new Map<K, T[]>();
  for (const item of items)
    for (const key of keysOf(item)) {
      const known = found.get(key);
      if (known === undefined) found.set(key, [item]);
      else known.push(item);
    }
  return found;
}
