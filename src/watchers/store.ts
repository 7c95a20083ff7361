// All objects of all sources as immutable snapshots that share what did not change: an object that means the same
// stays the same object, a Map of which no object changed stays the same Map.
import type { ObjectKey } from '../model/object.ts';
import type { AnyObject, Kind } from '../model/schema/index.ts';
import type { Snapshot, SnapshotObjects } from '../model/snapshot.ts';
import { objectKey } from '../model/object.ts';
import { emptySnapshot, kinds } from '../model/snapshot.ts';
import { sameContent } from './files/same-content.ts';

type Listener = (snapshot: Snapshot) => void;
type ObjectsByKind = ReadonlyMap<Kind, ReadonlyMap<ObjectKey, AnyObject>>;

export class Store {
  #snapshot: Snapshot = emptySnapshot;
  readonly #sources = new Map<string, ObjectsByKind>();
  readonly #listeners = new Set<Listener>();

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /**
   * `objects` is now everything that `source` has: a directory, or one kind of one API server. Where two sources have
   * the same object, the one that came first counts. Listeners are told only if something changed.
   */
  apply(source: string, objects: Iterable<AnyObject>): Snapshot {
    this.#sources.set(source, byKind(objects));
    const next = nextObjects(this.#snapshot.objects, [...this.#sources.values()]);
    if (next === this.#snapshot.objects) return this.#snapshot;
    this.#snapshot = { version: this.#snapshot.version + 1, objects: next };
    for (const listener of this.#listeners) listener(this.#snapshot);
    return this.#snapshot;
  }

  /** Calls `listener` with every new snapshot, until the function that is returned is called. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function byKind(objects: Iterable<AnyObject>): ObjectsByKind {
  const sorted = new Map<Kind, Map<ObjectKey, AnyObject>>();
  for (const object of objects) {
    const kind = object.kind as Kind;
    let map = sorted.get(kind);
    if (map === undefined) sorted.set(kind, (map = new Map()));
    const key = objectKey(object.metadata.namespace, object.metadata.name);
    if (!map.has(key)) map.set(key, object);
  }
  return sorted;
}

function nextObjects(before: SnapshotObjects, sources: readonly ObjectsByKind[]): SnapshotObjects {
  const next = kinds.map(
    (kind) =>
      [
        kind,
        nextMap(
          before[kind],
          sources.flatMap((source) => source.get(kind) ?? []),
        ),
      ] as const,
  );
  return next.every(([kind, map]) => map === before[kind])
    ? before
    : (Object.fromEntries(next) as unknown as SnapshotObjects);
}

type Objects = ReadonlyMap<ObjectKey, AnyObject>;

function nextMap(before: Objects, maps: readonly Objects[]): Objects {
  const next = new Map<ObjectKey, AnyObject>();
  let changed = false;
  for (const map of maps) {
    for (const [key, object] of map) {
      if (next.has(key)) continue;
      const old = before.get(key);
      const kept = old !== undefined && sameContent(old, object);
      changed ||= !kept;
      next.set(key, kept ? old : object);
    }
  }
  return changed || next.size !== before.size ? next : before;
}
