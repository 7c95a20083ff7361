// What there is to know of a message to read and write it: a small view of protobufjs's reflection that the encoder,
// the printer and the generator of types share.
// https://protobuf.dev/programming-guides/proto3/
import protobuf from 'protobufjs';
import type {
  EnumDescriptor,
  FieldDescriptor,
  FieldType,
  MessageDescriptor,
  ScalarType,
  WellKnown,
} from '../../model/message/descriptor.ts';
import { Bug } from '../../model/invariant.ts';
import { protoRoot } from './protos.ts';

export type {
  EnumDescriptor,
  FieldDescriptor,
  FieldType,
  MessageDescriptor,
  ScalarType,
} from '../../model/message/descriptor.ts';

const wellKnown: Readonly<Record<string, WellKnown>> = {
  'google.protobuf.Any': 'any',
  'google.protobuf.Struct': 'struct',
  'google.protobuf.Value': 'value',
  'google.protobuf.ListValue': 'list',
  'google.protobuf.Duration': 'duration',
  'google.protobuf.Timestamp': 'timestamp',
  'google.protobuf.FieldMask': 'field-mask',
  'google.protobuf.BoolValue': 'wrapper',
  'google.protobuf.StringValue': 'wrapper',
  'google.protobuf.BytesValue': 'wrapper',
  'google.protobuf.Int32Value': 'wrapper',
  'google.protobuf.UInt32Value': 'wrapper',
  'google.protobuf.Int64Value': 'wrapper',
  'google.protobuf.UInt64Value': 'wrapper',
  'google.protobuf.FloatValue': 'wrapper',
  'google.protobuf.DoubleValue': 'wrapper',
};

/** By full name; filled on first use. */
const messages = new Map<string, MessageDescriptor>();

/** Else the first who asks for a message waits for half a second. What the definitions were read into is let go. */
export function readDefinitions(): void {
  if (messages.size === 0) describeAll(protoRoot(), new Map());
}

/** The message of this full name, or undefined if there is none. */
export function findMessage(name: string): MessageDescriptor | undefined {
  readDefinitions();
  return messages.get(name);
}

/** The message of this full name, which the program relies on. */
export function messageDescriptor(name: string): MessageDescriptor {
  const found = findMessage(name);
  if (found === undefined) throw new Bug(`no message type ${name}`);
  return found;
}

/** The names of all message types but the entries of maps, sorted. */
export function messageNames(): readonly string[] {
  readDefinitions();
  return [...messages.keys()].sort();
}

type Enums = Map<string, EnumDescriptor>;

function describeAll(space: protobuf.NamespaceBase, enums: Enums): void {
  if (space instanceof protobuf.Type) describeMessage(space, enums);
  for (const nested of space.nestedArray) if (nested instanceof protobuf.Namespace) describeAll(nested, enums);
}

function describeMessage(type: protobuf.Type, enums: Enums): MessageDescriptor {
  const name = fullName(type);
  const known = messages.get(name);
  if (known !== undefined) return known;
  const fields: FieldDescriptor[] = [];
  const byName = new Map<string, FieldDescriptor>();
  const byNumber = new Map<number, FieldDescriptor>();
  const message = { name, wellKnown: wellKnown[name], fields, byName, byNumber };
  messages.set(name, message);
  for (const field of type.fieldsArray.toSorted((a, b) => a.id - b.id)) {
    const described = describeField(field.resolve(), enums);
    fields.push(described);
    byName.set(described.name, described);
    byNumber.set(described.number, described);
  }
  return message;
}

function describeField(field: protobuf.Field, enums: Enums): FieldDescriptor {
  const optional = field.options?.['proto3_optional'] === true;
  const oneof = optional ? undefined : field.partOf?.name;
  const described: FieldDescriptor = {
    name: field.name,
    jsonName: lowerCamelCase(field.name),
    number: field.id,
    type: describeType(field, enums),
    cardinality: field.map ? 'map' : field.repeated ? 'repeated' : 'single',
    packed: field.packed && isPackable(field),
    presence: optional || oneof !== undefined,
    ...(oneof !== undefined && { oneof }),
    sensitive: field.options?.['(udpa.annotations.sensitive)'] === true,
  };
  if (!(field instanceof protobuf.MapField)) return described;
  const value: FieldDescriptor = { ...described, number: 2, cardinality: 'single', presence: true };
  return { ...described, entry: { key: field.keyType as ScalarType, value } };
}

/** Numbers, booleans and enums: what is not length-delimited itself. */
function isPackable(field: protobuf.Field): boolean {
  return !(field.resolvedType instanceof protobuf.Type) && field.type !== 'string' && field.type !== 'bytes';
}

function describeType(field: protobuf.Field, enums: Enums): FieldType {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Type) return { kind: 'message', message: describeMessage(resolved, enums) };
  if (resolved instanceof protobuf.Enum) return { kind: 'enum', enum: describeEnum(resolved, enums) };
  return { kind: 'scalar', scalar: field.type as ScalarType };
}

function describeEnum(type: protobuf.Enum, enums: Enums): EnumDescriptor {
  const name = fullName(type);
  let described = enums.get(name);
  if (described === undefined) {
    const entries = Object.entries(type.values);
    const names = new Map<number, string>();
    for (const [key, value] of entries) if (!names.has(value)) names.set(value, key);
    enums.set(name, (described = { name, numbers: new Map(entries), names }));
  }
  return described;
}

const fullName = (object: protobuf.ReflectionObject): string => object.fullName.slice(1);

/** `filter_chain_match` to `filterChainMatch`, as the protobuf compiler derives JSON names. */
export const lowerCamelCase = (name: string): string =>
  name.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase());
