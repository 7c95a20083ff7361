// Incrementality without a framework: a pure step remembers its results by the identity of its arguments, and
// values that mean the same are made the same object. What a step may depend on is exactly what it is given, so
// its arguments are its cache key. Nothing is held for its own sake: a result is remembered while all of its
// arguments live, and keeps them alive while somebody uses it.

import { Topic } from './notes.ts';

type Key = object | string | number | boolean | undefined | null;

const isObject = (key: Key): key is object => (typeof key === 'object' && key !== null) || typeof key === 'function';

/** By an argument: what comes of it as the last one, or what is found further by the next. */
interface Level {
  of(key: Key): unknown;
  note(key: Key, found: unknown): void;
}

class FirstLevel implements Level {
  readonly #ofObjects = new Topic<unknown>();
  readonly #ofOthers = new Map<Key, unknown>();

  of(key: Key): unknown {
    return isObject(key) ? this.#ofObjects.of(key) : this.#ofOthers.get(key);
  }

  note(key: Key, found: unknown): void {
    if (isObject(key)) this.#ofObjects.note(key, found);
    else this.#ofOthers.set(key, found);
  }
}

/** What is found here is to live no longer than what led here, nor than the key. */
class FurtherLevel implements Level {
  #ofObjects: WeakMap<object, unknown> | undefined;
  /** Mostly there is one key that is no object, such as a port: a Map for it would be four times as large. */
  #only: Key;
  #ofOnly: unknown;
  #ofOthers: Map<Key, unknown> | undefined;

  of(key: Key): unknown {
    if (isObject(key)) return this.#ofObjects?.get(key);
    return key === this.#only && this.#ofOnly !== undefined ? this.#ofOnly : this.#ofOthers?.get(key);
  }

  note(key: Key, found: unknown): void {
    if (isObject(key)) (this.#ofObjects ??= new WeakMap()).set(key, found);
    else if (this.#ofOnly === undefined || key === this.#only) {
      this.#only = key;
      this.#ofOnly = found;
    } else (this.#ofOthers ??= new Map()).set(key, found);
  }
}

/** Stands for a result of undefined. */
const nothing = Symbol('nothing');

/**
 * The arguments behind a result that nobody else may hold: lists, and values that were made shared only to be an argument. They
 * would be collected, and made anew they would be others. What else is an argument is held by whoever made it; held for its
 * results, too, it would hold those it came from, these the ones before them, and so on without an end.
 */
const argumentsOf = new Topic<readonly Key[]>();

const isToBeHeld = (arg: Key): boolean => Array.isArray(arg) || (isObject(arg) && isPooled.of(arg) === true);

/** What is one object for as long as somebody holds it. */
const isPooled = new Topic<true>();

/**
 * `fn`, computed once for each distinct list of arguments. Put the arguments that live longest first. What is remembered lives
 * as long as they do, whatever becomes of the function: it is made once, at the top of a module.
 */
export function memo<A extends readonly Key[], R>(fn: (...args: A) => R): (...args: A) => R {
  /** By how many arguments there are. */
  const levels: Level[] = [];
  return (...args) => {
    let level = (levels[args.length] ??= new FirstLevel());
    const last = args.length - 1;
    for (let at = 0; at < last; at++) level = after(level, args[at]);
    const known = level.of(args[last]);
    if (known !== undefined) return (known === nothing ? undefined : known) as R;
    const value = fn(...args);
    level.note(args[last], value === undefined ? nothing : value);
    // Who made a value knows best what it takes to find it again; who only passes it on does not.
    if (isObject(value as Key) && argumentsOf.of(value as object) === undefined)
      argumentsOf.note(value as object, args.filter(isToBeHeld));
    return value;
  };
}

function after(level: Level, key: Key): Level {
  let next = level.of(key) as Level | undefined;
  if (next === undefined) level.note(key, (next = new FurtherLevel()));
  return next;
}

/**
 * `fn`, remembered for each first argument with the last of the others alone. For what is asked of everybody whenever something has
 * changed: it takes one look-up, leaves nothing behind to be collected, and of several meanings by turns the results are not the
 * same objects.
 */
export function memoLast<F extends object, A extends readonly Key[], R>(
  fn: (first: F, ...others: A) => R,
): (first: F, ...others: A) => R {
  const last = new Topic<{ readonly others: Key[]; value: R }>();
  return (first, ...others) => {
    const known = last.of(first);
    if (known !== undefined && areSame(known.others, others)) return known.value;
    const value = fn(first, ...others);
    if (known === undefined) last.note(first, { others: [...others], value });
    else {
      known.others.splice(0, Infinity, ...others);
      known.value = value;
    }
    return value;
  };
}

function areSame(some: readonly Key[], others: readonly Key[]): boolean {
  let same = 0;
  while (same < some.length && some[same] === others[same]) same++;
  return same === some.length && same === others.length;
}

/** What lists came to, while somebody uses it. */
interface Last {
  lists?: readonly WeakRef<readonly unknown[]>[];
  results?: WeakRef<readonly unknown[]>;
}

/**
 * How a list is made, whatever is in it: lists that follow one another in time have it in common, and of several that are
 * in use at a time each has another.
 */
const lineOf = new Topic<object>();

/** `list`, which is made from `from` in the way that these words tell. */
export function inLine<T>(list: readonly T[], from: readonly unknown[], ...way: readonly Key[]): readonly T[] {
  lineOf.note(list, lineFrom(lineOf.of(from), ...way));
  return list;
}

const lineFrom = memo((..._way: readonly Key[]): object => ({}));

/** The line of a list, as an argument; undefined if it is in none. */
export const lineOfList = (list: readonly unknown[]): object | undefined => lineOf.of(list);

/** The list with one more at its end. */
export const followedBy = memo((list: readonly unknown[], last: object): readonly unknown[] =>
  inLine([...list, last], list, 'followed'),
) as <T extends object>(list: readonly T[], last: T) => readonly T[];

/** The list with others of `items` at these positions. `way` is the same as long as it is done for the same reason. */
export const withOthers = memo(
  (
    list: readonly unknown[],
    positions: readonly number[],
    items: readonly unknown[],
    ...way: readonly Key[]
  ): readonly unknown[] => {
    if (positions.length === 0) return list;
    const others = [...list];
    positions.forEach((at, i) => (others[at] = items[i]));
    return inLine(others, list, 'others', ...way);
  },
) as <T>(list: readonly T[], positions: readonly number[], items: readonly T[], ...way: readonly Key[]) => readonly T[];

/**
 * `fn` of each item of a list, in the context of the arguments before it. Of a list that differs in one stretch from the last
 * one of its context and line only that stretch is asked for, so that a list as long as the mesh costs what changed in it; one
 * that comes to the same is the same array. Lists that differ otherwise cost a call for each item: `fn` had better remember.
 */
export function memoEach<C extends readonly Key[], T, R>(
  fn: (...args: readonly [...C, T]) => R,
): (...args: readonly [...C, readonly T[]]) => readonly R[] {
  const lastOf = memo((..._context: readonly Key[]): Last => ({}));
  return (...args) => {
    const context = args.slice(0, -1) as unknown as C;
    const items = args.at(-1) as readonly T[];
    return mapKept(lastOf(...context, lineOf.of(items)), [items], (i) => fn(...context, items[i] as T));
  };
}

/** The same of two lists of equal length, item by item. */
export function memoPairs<C extends readonly Key[], A, B, R>(
  fn: (...args: readonly [...C, A, B]) => R,
): (...args: readonly [...C, readonly A[], readonly B[]]) => readonly R[] {
  const lastOf = memo((..._context: readonly Key[]): Last => ({}));
  return (...args) => {
    const context = args.slice(0, -2) as unknown as C;
    const [as, bs] = args.slice(-2) as unknown as [readonly A[], readonly B[]];
    return mapKept(lastOf(...context, lineOf.of(as)), [as, bs], (i) => fn(...context, as[i] as A, bs[i] as B));
  };
}

/** Likewise of three. */
export function memoTriples<C extends readonly Key[], A, B, D, R>(
  fn: (...args: readonly [...C, A, B, D]) => R,
): (...args: readonly [...C, readonly A[], readonly B[], readonly D[]]) => readonly R[] {
  const lastOf = memo((..._context: readonly Key[]): Last => ({}));
  return (...args) => {
    const context = args.slice(0, -3) as unknown as C;
    const [as, bs, ds] = args.slice(-3) as unknown as [readonly A[], readonly B[], readonly D[]];
    return mapKept(lastOf(...context, lineOf.of(as)), [as, bs, ds], (i) =>
      fn(...context, as[i] as A, bs[i] as B, ds[i] as D),
    );
  };
}

type Lists = readonly [readonly unknown[], ...(readonly unknown[])[]];

/** Who has the results can ask again for the lists that they came from, and for lists like them. */
const listsOf = new Topic<Lists>();

/** What the ends of the lists have in common with those before is taken from its results. */
function mapKept<R>(last: Last, lists: Lists, fn: (index: number) => R): readonly R[] {
  const before = last.lists?.map((list) => list.deref());
  const known = last.results?.deref() as readonly R[] | undefined;
  const results =
    known === undefined || before === undefined || !before.every((list) => list !== undefined)
      ? lists[0].map((_item, i) => fn(i))
      : mapChanged(before, known, lists, fn);
  lineOf.note(results, last);
  last.lists = lists.map((list) => new WeakRef(list));
  last.results = new WeakRef(results);
  listsOf.note(results, lists);
  return results;
}

function mapChanged<R>(
  before: readonly (readonly unknown[])[],
  results: readonly R[],
  lists: Lists,
  fn: (index: number) => R,
): readonly R[] {
  const [oldLength, length] = [results.length, lists[0].length];
  const most = Math.min(oldLength, length);
  const same = (oldIndex: number, index: number): boolean =>
    lists.every((list, n) => list[index] === before[n]?.[oldIndex]);
  let head = 0;
  while (head < most && same(head, head)) head++;
  if (head === oldLength && head === length) return results;
  let tail = 0;
  while (tail < most - head && same(oldLength - 1 - tail, length - 1 - tail)) tail++;
  const middle = Array.from({ length: length - tail - head }, (_, i) => fn(head + i));
  const unchanged = oldLength === length && middle.every((result, i) => result === results[head + i]);
  return unchanged ? results : [...results.slice(0, head), ...middle, ...results.slice(oldLength - tail)];
}

let lastId = 0;
const ids = new Topic<number>();
const idOf = (value: object): number => {
  let id = ids.of(value);
  if (id === undefined) ids.note(value, (id = ++lastId));
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
  return values(JSON.stringify(value), () => {
    isPooled.note(value, true);
    return value;
  }) as T;
}

/** The one object that has exactly these fields, by the identity of their values: what changes less often than they do. */
export function sharedFields<T extends object>(fields: T): T {
  return withFields(Object.keys(fields).join(), ...(Object.values(fields) as Key[])) as T;
}

const withFields = memo((names: string, ...values: Key[]): object =>
  Object.fromEntries(names.split(',').map((name, i) => [name, values[i]])),
);
