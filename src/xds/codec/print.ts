// Reads wire bytes back into canonical protobuf JSON, keys sorted: what tests compare and people see, so that it
// shows what a proxy was given and not what was meant. What the definitions mark as sensitive is never shown.
// https://protobuf.dev/programming-guides/json/
import protobuf from 'protobufjs';
import type { FieldDescriptor, MessageDescriptor } from './descriptors.ts';
import { Bug, invariant } from '../../model/invariant.ts';
import { findMessage, lowerCamelCase, messageDescriptor } from './descriptors.ts';
import { durationText, timestampText } from './print-time.ts';
import { readScalar, wireTypes } from './scalars.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}
type Reader = protobuf.Reader;
/** What a message has on the wire, by the fields' own names. */
type Fields = Map<FieldDescriptor, Json>;

const typePrefix = 'type.googleapis.com/';
export const redacted = '[redacted]';

/** How to print: with which of their names fields appear, and whether strings and bytes are secret. */
interface Style {
  readonly names: 'name' | 'jsonName';
  readonly hidden: boolean;
}

const canonical: Style = { names: 'jsonName', hidden: false };
const byFieldName: Style = { names: 'name', hidden: false };

/** The message of this full name that `bytes` are. Throws a Bug if they are not. */
export function print(name: string, bytes: Uint8Array): Json {
  return decoded(name, () => readMessage(protobuf.Reader.create(bytes), messageDescriptor(name), canonical));
}

/** The message as an Any prints: with its '@type'. */
export function printAny(url: string, bytes: Uint8Array): JsonObject {
  return decoded(url, () => readAny(url, bytes, canonical));
}

/** The same with the names that fields have in their definition: `virtual_hosts`. */
export function printAnyByFieldName(url: string, bytes: Uint8Array): JsonObject {
  return decoded(url, () => readAny(url, bytes, byFieldName));
}

function decoded<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Bug ? error : new Bug(`not the bytes of a ${name}`, { cause: error });
  }
}

function readMessage(reader: Reader, message: MessageDescriptor, style: Style): Json {
  if (message.wellKnown !== undefined) return readWellKnown(reader, message, style);
  const printed: [string, Json][] = [...readFields(reader, message, style)].map(([field, json]) => [
    field[style.names],
    json,
  ]);
  return sorted(printed);
}

function readWellKnown(reader: Reader, message: MessageDescriptor, style: Style): Json {
  const fields = readFields(reader, message, message.wellKnown === 'any' ? { ...style, hidden: false } : style);
  const byName = new Map([...fields].map(([field, json]) => [field.name, json]));
  const number = (name: string): number => Number(byName.get(name) ?? 0);
  const text = (name: string): string => (byName.get(name) ?? '') as string;
  switch (message.wellKnown) {
    case 'any':
      if (fields.size === 0) return {};
      return readAny(text('type_url'), Buffer.from(text('value'), 'base64'), style);
    case 'struct':
      return byName.get('fields') ?? {};
    case 'list':
      return byName.get('values') ?? [];
    case 'duration':
      return style.hidden ? redacted : durationText(number('seconds'), number('nanos'));
    case 'timestamp':
      return style.hidden ? redacted : timestampText(number('seconds'), number('nanos'));
    case 'field-mask':
      return ((byName.get('paths') ?? []) as readonly string[]).map(lowerCamelCase).join();
    case 'wrapper':
      return byName.get('value') ?? zero(message.fields[0]);
    default:
      return [...fields.values()].at(-1) ?? null;
  }
}

function readAny(url: string, bytes: Uint8Array, style: Style): JsonObject {
  const message = url.startsWith(typePrefix) ? findMessage(url.slice(typePrefix.length)) : undefined;
  if (message === undefined) throw new Bug(`no message type ${url}`);
  const printed = readMessage(protobuf.Reader.create(bytes), message, style);
  const inline = message.wellKnown === undefined && message.name !== 'google.protobuf.Empty';
  return inline ? sorted([['@type', url], ...Object.entries(printed as JsonObject)]) : { '@type': url, value: printed };
}

function readFields(reader: Reader, message: MessageDescriptor, style: Style): Fields {
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = message.byNumber.get(tag >>> 3);
    if (field === undefined) reader.skipType(tag & 7);
    else readField(reader, field, tag & 7, fields, field.sensitive ? { ...style, hidden: true } : style);
  }
  for (const [field, json] of fields)
    if (field.entry !== undefined) fields.set(field, sorted(json as [string, Json][]));
  return fields;
}

function readField(reader: Reader, field: FieldDescriptor, wire: number, fields: Fields, style: Style): void {
  if (field.entry !== undefined) {
    const entries = (fields.get(field) ?? []) as (readonly [string, Json])[];
    entries.push(readEntry(reader, field.entry, style));
    fields.set(field, entries);
  } else if (field.cardinality === 'repeated') {
    const packed = wire === wireTypes.delimited && field.packed;
    const items = packed ? readPacked(reader, field, style) : [readSingle(reader, field, style)];
    const before = fields.get(field) as Json[] | undefined;
    if (before === undefined) fields.set(field, items);
    else before.push(...items);
  } else {
    const value = readSingle(reader, field, style);
    if (field.presence || field.type.kind === 'message' || value !== zero(field)) fields.set(field, value);
  }
}

function readSingle(reader: Reader, { type }: FieldDescriptor, style: Style): Json {
  if (type.kind === 'message') return readMessage(part(reader), type.message, style);
  if (type.kind === 'scalar') {
    const value = readScalar(reader, type.scalar);
    return style.hidden && typeof value === 'string' ? redacted : value;
  }
  const number = reader.int32();
  return type.enum.name === 'google.protobuf.NullValue' ? null : (type.enum.names.get(number) ?? number);
}

function readPacked(reader: Reader, field: FieldDescriptor, style: Style): Json[] {
  const items: Json[] = [];
  const packed = part(reader);
  while (packed.pos < packed.len) items.push(readSingle(packed, field, style));
  return items;
}

function readEntry(reader: Reader, entry: NonNullable<FieldDescriptor['entry']>, style: Style): [string, Json] {
  let key: string | number | boolean = '';
  let value: Json | undefined;
  const inside = part(reader);
  while (inside.pos < inside.len) {
    const tag = inside.uint32();
    if (tag >>> 3 === 1) key = readScalar(inside, entry.key);
    else if (tag >>> 3 === 2) value = readSingle(inside, entry.value, style);
    else inside.skipType(tag & 7);
  }
  return [String(key), value ?? emptyValue(entry.value, style)];
}

/** The next length-delimited value as a reader of its own. */
function part(reader: Reader): Reader {
  return protobuf.Reader.create(reader.bytes());
}

/** What an absent field of this type means. */
function zero(field: FieldDescriptor | undefined): Json {
  invariant(field !== undefined && field.type.kind !== 'message', 'zero is of scalars');
  if (field.type.kind === 'enum') return field.type.enum.names.get(0) ?? 0;
  const { scalar } = field.type;
  if (scalar === 'bool') return false;
  if (scalar === 'string' || scalar === 'bytes') return '';
  return scalar.endsWith('64') ? '0' : 0;
}

function emptyValue(field: FieldDescriptor, style: Style): Json {
  return field.type.kind === 'message'
    ? readMessage(protobuf.Reader.create(new Uint8Array()), field.type.message, style)
    : zero(field);
}

const sorted = (entries: readonly (readonly [string, Json])[]): JsonObject =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
