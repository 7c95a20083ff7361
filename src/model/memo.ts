// Incrementality without a framework: a pure step remembers its results by the identity of its arguments, and
// values that mean the same are made the same object. What a step may depend on is exactly what it is given, so
// its arguments are its cache key. Nothing is held for its own sake: a result is remembered while all of its
// arguments live, and keeps them alive while somebody uses it.

type Key = object | string | number | boolean | undefined | null;
interface Node<R> {
  weak?: WeakMap<object, Node<R>>;
  strong?: Map<Key, Node<R>>;
  result?: { value: R };
}

const isObject = (key: Key): key is object => (typeof key === 'object' && key !== null) || typeof key === 'function';

function child<R>(node: Node<R>, key: Key): Node<R> {
  const level: { get(k: Key): Node<R> | undefined; set(k: Key, v: Node<R>): unknown } = isObject(key)
    ? (node.weak ??= new WeakMap())
    : (node.strong ??= new Map());
  let next = level.get(key);
  if (next === undefined) level.set(key, (next = {}));
  return next;
}

/**
 * The arguments behind a result. Without it a list that was made shared only to be an argument would be collected, and made
 * anew it would be another one.
 */
const argumentsOf = new WeakMap<object, readonly Key[]>();

/** `fn`, computed once for each distinct list of arguments. Put the arguments that live longest first. */
export function memo<A extends readonly Key[], R>(fn: (...args: A) => R): (...args: A) => R {
  const root: Node<R> = {};
  return (...args) => {
    let node = root;
    for (const arg of args) node = child(node, arg);
    if (node.result === undefined) {
      const value = fn(...args);
      node.result = { value };
      // Who made a value knows best what it takes to find it again; who only passes it on does not.
      if (isObject(value as Key) && !argumentsOf.has(value as object)) argumentsOf.set(value as object, args);
    }
    return node.result.value;
  };
}

let lastId = 0;
const ids = new WeakMap<object, number>();
const idOf = (value: object): number => {
  let id = ids.get(value);
  if (id === undefined) ids.set(value, (id = ++lastId));
  return id;
};

/** Canonical objects by a textual key, dropped when nobody else holds them. */
function pool<T extends object>(): (key: string, make: () => T) => T {
  const entries = new Map<string, WeakRef<T>>();
  const registry = new FinalizationRegistry<string>((key) => {
    if (entries.get(key)?.deref() === undefined) entries.delete(key);
  });
  return (key, make) => {
    const known = entries.get(key)?.deref();
    if (known !== undefined) return known;
    const made = make();
    entries.set(key, new WeakRef(made));
    registry.register(made, key);
    return made;
  };
}

const lists = pool<readonly object[]>();
const values = pool<object>();

/** The one array that has exactly these elements (by identity) in this order. */
export function sharedList<T extends object>(items: readonly T[]): readonly T[] {
  return lists(items.map(idOf).join(), () => items) as readonly T[];
}

/** The one object that prints like `value`: for small plain data such as label sets or lists of names. */
export function sharedValue<T extends object>(value: T): T {
  return values(JSON.stringify(value), () => value) as T;
}
