// A Kubernetes object as Keelson keeps it: parsed, validated, never mutated afterwards.
// https://kubernetes.io/docs/reference/using-api/api-concepts/
import type { FilePosition } from './problem.ts';
import type { SourceRef } from './source.ts';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  /** '' for objects that live in no namespace. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339; '' when unknown, which sorts as oldest. */
  readonly creationTimestamp: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly uid?: string;
  readonly generateName?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly OwnerReference[];
}

/** What every parsed object has; a kind adds `spec`, `status`, `data`, ... of its own schema. */
export interface ObjectBase {
  readonly apiVersion: string;
  /** As in the table of kinds: a Gateway of Gateway API is a KubernetesGateway, whatever it calls itself. */
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly source: SourceRef;
  readonly position?: FilePosition;
}

/** `namespace/name`, or `/name` without a namespace: unique within a kind. */
export type ObjectKey = string;
export const objectKey = (namespace: string, name: string): ObjectKey => `${namespace}/${name}`;
