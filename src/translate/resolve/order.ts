// Istio's order of objects: the oldest first, so that a newcomer never takes something away from an older object.
import type { ObjectBase } from '../../model/object.ts';
import type { SourceRef } from '../../model/source.ts';

interface Aged {
  readonly created: string;
  readonly name: string;
  readonly namespace: string;
  readonly source: SourceRef;
}

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** By creation time, then name, then namespace, and at last the object's own name: several can make the same host. */
export const byAge = (a: Aged, b: Aged): number =>
  compareText(a.created, b.created) ||
  compareText(a.name, b.name) ||
  compareText(a.namespace, b.namespace) ||
  compareText(a.source.name, b.source.name);

/** The same order for objects as they are stored. */
export const byObjectAge = (a: ObjectBase, b: ObjectBase): number =>
  compareText(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
  compareText(a.metadata.name, b.metadata.name) ||
  compareText(a.metadata.namespace, b.metadata.namespace);
