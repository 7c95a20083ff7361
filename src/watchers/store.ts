// All objects of all sources as immutable snapshots that share what did not change: an object that means the same
// stays the same object, a Map of which no object changed stays the same Map.
import type { ObjectKey } from '../model/object.ts';
import type { AnyObject, Kind } from '../model/schema/index.ts';
import type { Snapshot, SnapshotObjects } from '../model/snapshot.ts';
import { objectKey } from '../model/object.ts';
import { withValues } from '../model/patched-map.ts';
import { emptySnapshot, kinds } from '../model/snapshot.ts';
import { sameContent } from './files/same-content.ts';

type Listener = (snapshot: Snapshot) => void;
type Objects = ReadonlyMap<ObjectKey, AnyObject>;
type ObjectsByKind = Map<Kind, Map<ObjectKey, AnyObject>>;

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
    const before = this.#sources.get(source);
    const now = byKind(objects);
    this.#sources.set(source, now);
    const affected = kinds.filter((kind) => now.has(kind) || before?.has(kind));
    const sources = [...this.#sources.values()];
    return this.#publish(
      affected.map((kind) => [
        kind,
        nextMap(
          this.#snapshot.objects[kind],
          sources.flatMap((each) => each.get(kind) ?? []),
        ),
      ]),
    );
  }

  /** Of what `source` has, the objects of `kind` with these keys are now others, or gone. Costs as much as has changed. */
  change(source: string, kind: Kind, changes: Iterable<readonly [ObjectKey, AnyObject | undefined]>): Snapshot {
    const own = this.#ownMap(source, kind);
    const before: Objects = this.#snapshot.objects[kind];
    const sources = [...this.#sources.values()].flatMap((each) => each.get(kind) ?? []);
    const replaced = new Map<ObjectKey, AnyObject>();
    const gone = new Set<ObjectKey>();
    for (const [key, object] of changes) {
      if (object === undefined) own.delete(key);
      else own.set(key, object);
      const winner = sources.find((each) => each.has(key))?.get(key);
      const old = gone.has(key) ? undefined : (replaced.get(key) ?? before.get(key));
      if (winner === old) continue;
      if (winner !== undefined && old !== undefined && sameContent(old, winner)) {
        if (winner === object) own.set(key, old);
        continue;
      }
      if (winner === undefined) {
        replaced.delete(key);
        if (before.has(key)) gone.add(key);
      } else {
        gone.delete(key);
        replaced.set(key, winner);
      }
    }
    return this.#publish([[kind, withValues(before, replaced, gone)]]);
  }

  /** Calls `listener` with every new snapshot, until the function that is returned is called. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #ownMap(source: string, kind: Kind): Map<ObjectKey, AnyObject> {
    let own = this.#sources.get(source);
    if (own === undefined) this.#sources.set(source, (own = new Map()));
    return mapOf(own, kind);
  }

  #publish(maps: readonly (readonly [Kind, Objects])[]): Snapshot {
    const before = this.#snapshot.objects;
    const changed = maps.filter(([kind, map]) => map !== before[kind]);
    if (changed.length === 0) return this.#snapshot;
    const objects = { ...before, ...Object.fromEntries(changed) } as SnapshotObjects;
    this.#snapshot = { version: this.#snapshot.version + 1, objects };
    for (const listener of this.#listeners) listener(this.#snapshot);
    return this.#snapshot;
  }
}

function byKind(objects: Iterable<AnyObject>): ObjectsByKind {
  const sorted = new Map<Kind, Map<ObjectKey, AnyObject>>();
  for (const object of objects) {
    const map = mapOf(sorted, object.kind as Kind);
    const key = objectKey(object.metadata.namespace, object.metadata.name);
    if (!map.has(key)) map.set(key, object);
  }
  return sorted;
}

function mapOf(sorted: ObjectsByKind, kind: Kind): Map<ObjectKey, AnyObject> {
  let map = sorted.get(kind);
  if (map === undefined) sorted.set(kind, (map = new Map()));
  return map;
}

/** Where the object is the old one still, that stands for the new one in `maps`, too. */
function nextMap(before: Objects, maps: readonly Map<ObjectKey, AnyObject>[]): Objects {
  const next = new Map<ObjectKey, AnyObject>();
  let changed = false;
  for (const map of maps) {
    for (const [key, object] of map) {
      if (next.has(key)) continue;
      const old = before.get(key);
      const kept = old !== undefined && sameContent(old, object);
      changed ||= !kept;
      next.set(key, kept ? old : object);
      if (kept) map.set(key, old);
    }
  }
  return changed || next.size !== before.size ? next : before;
}
