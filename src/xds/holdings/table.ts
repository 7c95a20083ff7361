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

  constructor(names: Names = noNames, rows: readonly (readonly V[])[] = []) {
    this.#names = names;
    this.#rows = rows;
  }

  get size(): number {
    return this.#names.places.size;
  }

  get(name: string): V | undefined {
    const place = this.#names.places.get(name);
    return place === undefined ? undefined : this.#rows[rowOf(place)]?.[inRow(place)];
  }

  has(name: string): boolean {
    return this.#names.places.has(name);
  }

  keys(): MapIterator<string> {
    return this.#names.places.keys();
  }

  *values(): Generator<V, void> {
    for (const row of this.#rows) yield* row;
  }

  with(changes: readonly Change<V>[]): Table<V> {
    const isMoved = changes.some(([name, value]) => this.has(name) !== (value !== undefined));
    return isMoved ? this.#renamed(new Map(changes)) : new Table(this.#names, this.#changed(changes));
  }

  equals(other: Table<V>): boolean {
    if (this.#names !== other.#names) return false;
    return this.#rows.every((row, i) => {
      const others = other.#rows[i];
      return row === others || row.every((value, at) => value === others?.[at]);
    });
  }

  #changed(changes: readonly Change<V>[]): readonly (readonly V[])[] {
    const rows = this.#rows.slice() as V[][];
    for (const [name, value] of changes) {
      const place = this.#names.places.get(name) ?? 0;
      const at = rowOf(place);
      if (rows[at] === this.#rows[at]) rows[at] = rows[at]?.slice() ?? [];
      (rows[at] as V[])[inRow(place)] = value as V;
    }
    return rows;
  }

  /** There are other names now. */
  #renamed(changes: ReadonlyMap<string, V | undefined>): Table<V> {
    const names = namesAfter(this.#names, changes);
    const values = Array.from(names.places.keys(), (name) => (changes.get(name) ?? this.get(name)) as V);
    const starts = Array.from({ length: Math.ceil(values.length / rowLength) }, (_row, i) => i * rowLength);
    const rows = starts.map((start) => values.slice(start, start + rowLength));
    return new Table(names, rows);
  }
}

interface Names {
  /** Numbered as they come. */
  readonly places: ReadonlyMap<string, number>;
  /** Follows from them, whatever their order. */
  readonly print: number;
}

const noNames: Names = { places: new Map(), print: 0 };
const knownNames = new Known<Names>();

/** The one object for the names that there are then. */
function namesAfter({ places, print: before }: Names, changes: ReadonlyMap<string, unknown>): Names {
  const added = [...changes.keys()].filter((name) => changes.get(name) !== undefined && !places.has(name));
  const gone = new Set([...changes.keys()].filter((name) => changes.get(name) === undefined && places.has(name)));
  const names = [...places.keys(), ...added].filter((name) => !gone.has(name));
  const print = [...added, ...gone].reduce((all, name) => all ^ hash(name), before);
  const known = knownNames.at(print);
  if (known?.places.size === names.length && names.every((name) => known.places.has(name))) return known;
  const made = { places: new Map(names.map((name, place) => [name, place])), print };
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
