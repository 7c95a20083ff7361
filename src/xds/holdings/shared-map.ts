// Maps that many hold and each changes for itself, without ever changing one that somebody else holds: those with the same
// content are one object, however each proxy came to it. What is noted of a proxy is then one reference, and what changes
// for all of them alike is noted once.
import type { Change } from './table.ts';
import { Known } from './known.ts';
import { hash, Table } from './table.ts';

export type Changes<V> = Iterable<Change<V>>;

/** Maps of one kind of value; `textOf` tells two values apart, most of the time. */
export class SharedMaps<V> {
  readonly empty: SharedMap<V>;
  readonly #textOf: (value: V) => string;
  readonly #known = new Known<SharedMap<V>>();

  constructor(textOf: (value: V) => string) {
    this.#textOf = textOf;
    this.empty = new SharedMap(this, new Table<V>(), 0);
  }

  /** The one Map that has these entries. `print` follows from them, whatever their order. */
  of(entries: Table<V>, print: number): SharedMap<V> {
    if (entries.size === 0) return this.empty;
    const known = this.#known.at(print);
    if (known?.holds(entries) === true) return known;
    const made = new SharedMap(this, entries, print);
    this.#known.note(print, made.reference);
    return made;
  }

  print(name: string, value: V | undefined): number {
    return value === undefined ? 0 : hash(this.#textOf(value), hash(name));
  }
}

/** One that nobody has any more is forgotten. */
interface Successor<V> {
  /** How many entries differ. */
  readonly changes: number;
  readonly map: WeakRef<SharedMap<V>>;
}

const mostSuccessors = 16;

export class SharedMap<V> {
  readonly reference: WeakRef<SharedMap<V>> = new WeakRef(this);
  readonly #maps: SharedMaps<V>;
  readonly #entries: Table<V>;
  readonly #print: number;
  #successors: readonly Successor<V>[] = [];

  constructor(maps: SharedMaps<V>, entries: Table<V>, print: number) {
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

  keys(): Generator<string, undefined> {
    return this.#entries.keys();
  }

  values(): Iterable<V> {
    return this.#entries.values();
  }

  /** Costs what has changed, if it is what another proxy with the same Map went on to. */
  with(changes: Changes<V>): SharedMap<V> {
    const differing: Change<V>[] = [];
    for (const change of changes) if (this.get(change[0]) !== change[1]) differing.push(change);
    if (differing.length === 0) return this;
    return this.#known(differing) ?? this.#made(differing);
  }

  withAll(names: Iterable<string>, value: V | undefined): SharedMap<V> {
    return this.with(Array.from(new Set(names), (name) => [name, value]));
  }

  holds(entries: Table<V>): boolean {
    return this.#entries.equals(entries);
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
    const made = this.#maps.of(this.#entries.with(differing), print);
    const living = this.#successors.filter(({ map }) => map.deref() !== undefined);
    this.#successors = [{ changes: differing.length, map: made.reference }, ...living.slice(0, mostSuccessors - 1)];
    return made;
  }
}
