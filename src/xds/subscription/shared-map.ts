// What proxies ask for and have is mostly what the others ask for and have: Maps by name of which those with the same
// content are one object, however each proxy came to it. What is noted of a proxy is then one reference, and what changes
// for all of them alike is noted once.
import { withValues } from '../../model/patched-map.ts';

/** Names, each once, and what they lead to now. Undefined: it is gone. */
export type Changes<V> = Iterable<Change<V>>;

type Change<V> = readonly [name: string, value: V | undefined];

export type ReadableMap<V> = Pick<ReadonlyMap<string, V>, 'get' | 'has' | 'keys' | 'size' | 'values'>;

/** Maps of one kind of value; `textOf` tells two values apart, most of the time. */
export class SharedMaps<V> {
  readonly empty: SharedMap<V>;
  readonly #textOf: (value: V) => string;
  readonly #known = new Map<number, WeakRef<SharedMap<V>>>();
  /** How many there were when it was last looked which of them are gone. */
  #swept = 1000;

  constructor(textOf: (value: V) => string) {
    this.#textOf = textOf;
    this.empty = new SharedMap(this, new Map(), 0);
  }

  /** The one Map that has these entries. `print` follows from them, whatever their order. */
  of(entries: ReadonlyMap<string, V>, print: number): SharedMap<V> {
    if (entries.size === 0) return this.empty;
    const known = this.#known.get(print)?.deref();
    if (known?.holds(entries) === true) return known;
    const made = new SharedMap(this, entries, print);
    this.#known.set(print, made.reference);
    if (this.#known.size > 2 * this.#swept) this.#sweep();
    return made;
  }

  print(name: string, value: V | undefined): number {
    return value === undefined ? 0 : hash(this.#textOf(value), hash(name, offset));
  }

  /** To be told of each one that is collected would cost more. */
  #sweep(): void {
    for (const [print, map] of this.#known) if (map.deref() === undefined) this.#known.delete(print);
    this.#swept = Math.max(1000, this.#known.size);
  }
}

/** One that nobody has any more is forgotten. */
interface Successor<V> {
  /** How many entries differ. */
  readonly changes: number;
  readonly map: WeakRef<SharedMap<V>>;
}

export class SharedMap<V> implements ReadableMap<V> {
  readonly reference: WeakRef<SharedMap<V>> = new WeakRef(this);
  readonly #maps: SharedMaps<V>;
  readonly #entries: ReadonlyMap<string, V>;
  readonly #print: number;
  #successors: readonly Successor<V>[] = [];

  constructor(maps: SharedMaps<V>, entries: ReadonlyMap<string, V>, print: number) {
    this.#maps = maps;
    this.#entries = entries;
    this.#print = print;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string): V | undefined {
    return this.#entries.get(name);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  keys(): MapIterator<string> {
    return this.#entries.keys();
  }

  values(): MapIterator<V> {
    return this.#entries.values();
  }

  /** Costs what has changed, if it is what another proxy with the same Map went on to. */
  with(changes: Changes<V>): SharedMap<V> {
    const differing: Change<V>[] = [];
    for (const change of changes) if (this.#entries.get(change[0]) !== change[1]) differing.push(change);
    if (differing.length === 0) return this;
    return this.#known(differing) ?? this.#made(differing);
  }

  withAll(names: Iterable<string>, value: V | undefined): SharedMap<V> {
    return this.with(Array.from(new Set(names), (name) => [name, value]));
  }

  holds(entries: ReadonlyMap<string, V>): boolean {
    if (entries.size !== this.size) return false;
    for (const [name, value] of entries) if (this.#entries.get(name) !== value) return false;
    return true;
  }

  #known(differing: readonly Change<V>[]): SharedMap<V> | undefined {
    for (const { changes, map } of this.#successors) {
      const after = changes === differing.length ? map.deref() : undefined;
      if (after !== undefined && differing.every(([name, value]) => after.get(name) === value)) return after;
    }
    return undefined;
  }

  #made(differing: readonly Change<V>[]): SharedMap<V> {
    let print = this.#print;
    for (const [name, value] of differing)
      print ^= this.#maps.print(name, this.get(name)) ^ this.#maps.print(name, value);
    const made = this.#maps.of(changed(this.#entries, differing), print);
    const living = this.#successors.filter(({ map }) => map.deref() !== undefined);
    this.#successors = [{ changes: differing.length, map: made.reference }, ...living.slice(0, mostSuccessors - 1)];
    return made;
  }
}

const mostSuccessors = 16;
/** Smaller Maps are copied: those before them are not kept for what stayed the same. */
const leastPatched = 50;

function changed<V>(before: ReadonlyMap<string, V>, changes: readonly Change<V>[]): ReadonlyMap<string, V> {
  const values = new Map(changes.filter((change): change is [string, V] => change[1] !== undefined));
  if (values.size === changes.length && before.size >= leastPatched) return withValues(before, values);
  const after = new Map(before);
  for (const [name, value] of changes) {
    if (value === undefined) after.delete(name);
    else after.set(name, value);
  }
  return after;
}

/** FNV-1a: of what hashes alike it is looked whether it is. http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash(text: string, from: number): number {
  let value = from;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value;
}

const offset = 0x811c9dc5 | 0;
