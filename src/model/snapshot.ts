// Everything Keelson knows at one moment: a Map per kind. A Map keeps its identity while none of its objects
// changed, and an object keeps its identity while its content did not.
import type { ObjectKey } from './object.ts';
import type { Kind, KindMap } from './schema/index.ts';
import { bodySchemas } from './schema/index.ts';

export type SnapshotObjects = { readonly [K in Kind]: ReadonlyMap<ObjectKey, KindMap[K]> };

export interface Snapshot {
  /** Counts up with every change. */
  readonly version: number;
  readonly objects: SnapshotObjects;
}

export const kinds = Object.keys(bodySchemas) as readonly Kind[];

export const emptySnapshot: Snapshot = {
  version: 0,
  objects: Object.fromEntries(kinds.map((kind) => [kind, new Map()])) as unknown as SnapshotObjects,
};
