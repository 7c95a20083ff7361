// Values by name that never change: what differs in a few values from another one shares all the rest with it, and nothing that
// is not in it any more is kept for that. The names stand once for all tables that have the same, as they do of all
// proxies that see the same, whatever of it is their own.
import { Known } from './known.ts';

/** Names, each once, and what they lead to now. Undefined: it is gone. */
export type Change<V> = readonly [name: string, value: V | undefined];

/** How many values are copied to change one: a power of two. */
const rowBits = 4;
const rowLength = 1 << rowBits;
const rowOf = (place: number): number => place >> rowBits;
const inRow = (place: number): number => place & (rowLength - 1);

export class Table<V> {
  readonly #names: Names;
  readonly #rows: readonly (readonly V[])[];

  constructor(names: Names = new Names(new Map(), 0, 0), rows: readonly (readonly V[])[] = []) {
    this.#names = names;
    this.#rows = rows;
  }

  get size(): number {
    return this.#names.size;
  }

  get(name: string): V | undefined {
    const place = this.#names.placeOf(name);
    return place === undefined ? undefined : this.#rows[rowOf(place)]?.[inRow(place)];
  }

  has(name: string): boolean {
    return this.#names.placeOf(name) !== undefined;
  }

  keys(): Generator<string, undefined> {
    return this.#names.all();
  }

  *values(): Generator<V, undefined> {
    for (const row of this.#rows) yield* row;
  }

  with(changes: readonly Change<V>[]): Table<V> {
    const isSame = changes.every(([name, value]) => this.has(name) === (value !== undefined));
    const names = isSame ? this.#names : namesAfter(this.#names, new Map(changes));
    const stay = names.isFrom(this.#names);
    return new Table(names, stay ? this.#changed(names, changes) : this.#moved(names, new Map(changes)));
  }

  equals(other: Table<V>): boolean {
    if (!this.#names.equals(other.#names)) return false;
    return this.#rows.every((row, i) => {
      const others = other.#rows[i];
      return row === others || row.every((value, at) => value === others?.[at]);
    });
  }

  /** Every name of ours stands where it stood. */
  #changed(names: Names, changes: readonly Change<V>[]): readonly (readonly V[])[] {
    const rows = this.#rows.slice() as V[][];
    for (const [name, value] of changes) {
      const place = names.placeOf(name) ?? 0;
      const at = rowOf(place);
      if (rows[at] === this.#rows[at]) rows[at] = rows[at]?.slice() ?? [];
      (rows[at] as V[])[inRow(place)] = value as V;
    }
    return rows;
  }

  #moved(names: Names, changes: ReadonlyMap<string, V | undefined>): readonly (readonly V[])[] {
    const values = Array.from(names.all(), (name) => (changes.get(name) ?? this.get(name)) as V);
    const starts = Array.from({ length: Math.ceil(values.length / rowLength) }, (_row, i) => i * rowLength);
    return starts.map((start) => values.slice(start, start + rowLength));
  }
}

/** The first of a Map to which others append, so that one name more costs no copy of the others. */
class Names {
  readonly size: number;
  /** Follows from the names, whatever their order. */
  readonly print: number;
  readonly #places: Map<string, number>;

  constructor(places: Map<string, number>, size: number, print: number) {
    this.#places = places;
    this.size = size;
    this.print = print;
  }

  placeOf(name: string): number | undefined {
    const place = this.#places.get(name);
    return place !== undefined && place < this.size ? place : undefined;
  }

  *all(): Generator<string, undefined> {
    let left = this.size;
    for (const name of this.#places.keys())
      if (left-- > 0) yield name;
      else return;
  }

  equals(other: Names): boolean {
    return this.#places === other.#places && this.size === other.size;
  }

  /** Whether it has all of the other's, at their places. */
  isFrom(before: Names): boolean {
    return this.#places === before.#places && this.size >= before.size;
  }

  /** With these at the end. */
  and(added: readonly string[], print: number): Names {
    // Otherwise somebody else has appended other names.
    const isLast = this.#places.size === this.size;
    const places = isLast ? this.#places : new Map([...this.all()].map((name, place) => [name, place]));
    for (const name of added) places.set(name, places.size);
    return new Names(places, places.size, print);
  }
}

const knownNames = new Known<Names>();

/** The names that there are then: the same for the same, whatever the order in which they came. */
function namesAfter(before: Names, changes: ReadonlyMap<string, unknown>): Names {
  const all = [...changes.keys()];
  const added = all.filter((name) => changes.get(name) !== undefined && before.placeOf(name) === undefined);
  const gone = new Set(all.filter((name) => changes.get(name) === undefined && before.placeOf(name) !== undefined));
  const print = [...added, ...gone].reduce((sum, name) => sum ^ hash(name), before.print);
  const left = function* (): Generator<string> {
    for (const name of before.all()) if (!gone.has(name)) yield name;
  };
  const known = knownNames.at(print);
  const hasAll = (names: Iterable<string>): boolean => {
    for (const name of names) if (known?.placeOf(name) === undefined) return false;
    return true;
  };
  const isSame = known?.size === before.size + added.length - gone.size && hasAll(added);
  if (isSame && (known.isFrom(before) || hasAll(left()))) return known;
  const made =
    gone.size === 0 ? before.and(added, print) : new Names(new Map(), 0, 0).and([...left(), ...added], print);
  knownNames.note(print, new WeakRef(made));
  return made;
}

const offset = 0x811c9dc5 | 0;

/** FNV-1a: of what hashes alike it is looked whether it is. http://www.isthe.com/chongo/tech/comp/fnv/ */
export function hash(text: string, from: number = offset): number {
  let value = from;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value;
}
