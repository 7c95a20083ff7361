// What there is to know of a message of Envoy's to read, write or change it.
// https://protobuf.dev/programming-guides/proto3/
import type { Resource } from '../envoy/resource.ts';

export type ScalarType =
  | 'double'
  | 'float'
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'fixed32'
  | 'sfixed32'
  | 'int64'
  | 'uint64'
  | 'sint64'
  | 'fixed64'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes';

export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  | { readonly kind: 'enum'; readonly enum: EnumDescriptor }
  | { readonly kind: 'message'; readonly message: MessageDescriptor };

export interface EnumDescriptor {
  readonly name: string;
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

export interface FieldDescriptor {
  readonly name: string;
  readonly jsonName: string;
  readonly number: number;
  readonly type: FieldType;
  readonly cardinality: 'single' | 'repeated' | 'map';
  /** Of a map: how the two fields of an entry are. */
  readonly entry?: { readonly key: ScalarType; readonly value: FieldDescriptor };
  readonly packed: boolean;
  /** Absent and zero are told apart: members of a oneof and `optional` fields. Messages always are. */
  readonly presence: boolean;
  /** The oneof that at most one field may be set of. */
  readonly oneof?: string;
  /** Holds a secret: never printed. */
  readonly sensitive: boolean;
}

/** Messages that JSON writes in a form of their own. */
export type WellKnown = 'any' | 'struct' | 'value' | 'list' | 'duration' | 'timestamp' | 'field-mask' | 'wrapper';

export interface MessageDescriptor {
  readonly name: string;
  readonly wellKnown: WellKnown | undefined;
  readonly fields: readonly FieldDescriptor[];
  readonly byName: ReadonlyMap<string, FieldDescriptor>;
  readonly byNumber: ReadonlyMap<number, FieldDescriptor>;
}

/** Envoy's message types, for who has none of its own. */
export interface MessageTypes {
  /** By full name: `envoy.config.cluster.v3.Cluster`. */
  readonly find: (name: string) => MessageDescriptor | undefined;
  /** Why a resource cannot be sent; undefined if it can. */
  readonly fault: (resource: Resource) => string | undefined;
}
