// The one place where messages become bytes: proto JSON with snake_case fields, as src/model/envoy/resource.ts describes
// it, to the protobuf wire format. Whatever does not fit is a Bug that names the path, never left out silently. The
// same content always gives the same bytes: fields by number, maps by key, no zero values where they mean nothing.
// https://protobuf.dev/programming-guides/encoding/
import { hash } from 'node:crypto';
import protobuf from 'protobufjs';
import type { Resource, TypeUrl } from '../../model/envoy/resource.ts';
import type { EnumDescriptor, FieldDescriptor, MessageDescriptor, ScalarType } from './descriptors.ts';
import { Bug, invariant } from '../../model/invariant.ts';
import { findMessage, messageDescriptor } from './descriptors.ts';
import * as json from './encode-json.ts';
import { Misfit } from './misfit.ts';
import { checkedScalar, isZero, text, wireType, wireTypes, writeScalar } from './scalars.ts';

type Writer = protobuf.Writer;

const typePrefix = 'type.googleapis.com/';

export interface Encoded {
  /** The message on the wire: the `value` of the Any that carries it. */
  readonly bytes: Uint8Array;
  /** Depends on nothing but the content. */
  readonly version: string;
}

/** `encodePart` gives the bytes of the resource's parts, so that a part that was encoded before need not be again. */
export function encode(resource: Resource, encodePart: (part: Resource) => Encoded = encode): Encoded {
  const message = messageOfType(resource.type);
  const own = encodeMessage(message.name, resource.message, `${message.name} ${resource.name}`);
  if (resource.parts === undefined) return { bytes: own, version: contentVersion(own) };
  const parts = resource.parts.resources.map(encodePart);
  const field = partsField(message, resource);
  return {
    bytes: spliced(own, field, parts),
    version: contentVersion([contentVersion(own), ...parts.map((part) => part.version)].join()),
  };
}

/** The wire bytes of any message by its full name. `what` names it in the Bug that is thrown if it does not fit. */
export function encodeMessage(name: string, value: object, what = name): Uint8Array {
  const writer = protobuf.Writer.create();
  try {
    writeMessage(writer, messageDescriptor(name), value, 1);
  } catch (error) {
    throw error instanceof Misfit ? error.toBug(what) : error;
  }
  return writer.finish();
}

export const contentVersion = (content: Uint8Array | string): string =>
  hash('sha256', content, 'base64url').slice(0, 22);

function messageOfType(url: TypeUrl): MessageDescriptor {
  const found = url.startsWith(typePrefix) ? findMessage(url.slice(typePrefix.length)) : undefined;
  if (found === undefined) throw new Bug(`no message type ${url}`);
  return found;
}

function partsField(message: MessageDescriptor, resource: Resource): FieldDescriptor {
  const parts = resource.parts;
  const field = message.byName.get(parts?.field ?? '');
  invariant(field?.cardinality === 'repeated' && field.type.kind === 'message', `${resource.name}: no field for parts`);
  invariant(!(field.name in resource.message), `${resource.name}: ${field.name} is given both in place and in parts`);
  for (const part of parts?.resources ?? [])
    invariant(part.type === typePrefix + field.type.message.name, `${resource.name}: ${part.name} is no ${field.name}`);
  return field;
}

function spliced(own: Uint8Array, field: FieldDescriptor, parts: readonly Encoded[]): Uint8Array {
  const chunks: Uint8Array[] = [own];
  for (const { bytes } of parts) {
    const head = protobuf.Writer.create().uint32(json.tag(field.number, wireTypes.delimited)).uint32(bytes.length);
    chunks.push(head.finish(), bytes);
  }
  return Buffer.concat(chunks);
}

function writeMessage(writer: Writer, message: MessageDescriptor, value: unknown, depth: number): void {
  if (depth > json.maxDepth) throw new Misfit(`is nested deeper than ${json.maxDepth} messages`);
  switch (message.wellKnown) {
    case undefined:
      if (!json.isPlainObject(value)) throw new Misfit('is no object', value);
      writeFields(writer, message, value, depth);
      return;
    case 'any':
      writeAny(writer, value);
      return;
    case 'struct':
      json.writeStruct(writer, value, depth);
      return;
    case 'value':
      json.writeValue(writer, value, depth);
      return;
    case 'list':
      json.writeList(writer, value, depth);
      return;
    case 'duration':
      json.writeDuration(writer, value);
      return;
    case 'timestamp':
      json.writeTimestamp(writer, value);
      return;
    case 'field-mask':
      json.writeFieldMask(writer, value);
      return;
    case 'wrapper':
      for (const field of message.fields) writeField(writer, field, value, depth);
  }
}

function writeFields(
  writer: Writer,
  message: MessageDescriptor,
  fields: Readonly<Record<string, unknown>>,
  depth: number,
): void {
  const oneofs: string[] = [];
  for (const field of fieldsSet(message, fields)) {
    if (field.oneof !== undefined) {
      if (oneofs.includes(field.oneof)) throw new Misfit(`sets more than one of ${field.oneof}`);
      oneofs.push(field.oneof);
    }
    json.within(`.${field.name}`, () => writeField(writer, field, fields[field.name], depth));
  }
}

/** In the order of their numbers. */
function fieldsSet(message: MessageDescriptor, fields: Readonly<Record<string, unknown>>): FieldDescriptor[] {
  const found: FieldDescriptor[] = [];
  for (const key of Object.keys(fields)) {
    if (fields[key] === undefined) continue;
    const field = message.byName.get(key);
    if (field === undefined) throw new Misfit(`has no field ${key} (${message.name})`);
    found.push(field);
  }
  return found.length < 2 ? found : found.sort((a, b) => a.number - b.number);
}

function writeField(writer: Writer, field: FieldDescriptor, value: unknown, depth: number): void {
  if (field.cardinality === 'map') writeMap(writer, field, value, depth);
  else if (field.cardinality === 'repeated') writeRepeated(writer, field, value, depth);
  else writeSingle(writer, field, value, depth, field.presence);
}

/** One value with its tag; a zero only if it is to be told apart from no value. */
function writeSingle(writer: Writer, field: FieldDescriptor, value: unknown, depth: number, presence: boolean): void {
  const { type, number } = field;
  if (type.kind === 'message') {
    writer.uint32(json.tag(number, wireTypes.delimited)).fork();
    writeMessage(writer, type.message, value, depth + 1);
    writer.ldelim();
  } else {
    const scalar = type.kind === 'enum' ? 'int32' : type.scalar;
    const checked = type.kind === 'enum' ? enumNumber(type.enum, value) : checkedScalar(type.scalar, value);
    if (!presence && isZero(scalar, checked)) return;
    writer.uint32(json.tag(number, wireType(scalar)));
    writeScalar(writer, scalar, checked);
  }
}

function writeRepeated(writer: Writer, field: FieldDescriptor, value: unknown, depth: number): void {
  if (!Array.isArray(value)) throw new Misfit('is no list', value);
  if (field.packed) {
    writePacked(writer, field, value);
    return;
  }
  for (const [index, item] of value.entries())
    json.within(`[${index}]`, () => writeSingle(writer, field, item, depth, true));
}

function writePacked(writer: Writer, { number, type }: FieldDescriptor, items: readonly unknown[]): void {
  if (items.length === 0 || type.kind === 'message') return;
  writer.uint32(json.tag(number, wireTypes.delimited)).fork();
  for (const [index, item] of items.entries()) {
    json.within(`[${index}]`, () => {
      if (type.kind === 'enum') writer.int32(enumNumber(type.enum, item));
      else writeScalar(writer, type.scalar, checkedScalar(type.scalar, item));
    });
  }
  writer.ldelim();
}

/** Each entry is a message of its own: 1 the key, 2 the value. */
function writeMap(writer: Writer, field: FieldDescriptor, value: unknown, depth: number): void {
  if (!json.isPlainObject(value)) throw new Misfit('is no object', value);
  const entry = field.entry;
  invariant(entry !== undefined, `${field.name} is no map`);
  for (const name of Object.keys(value).sort()) {
    if (value[name] === undefined) continue;
    json.within(`[${JSON.stringify(name)}]`, () => {
      writer.uint32(json.tag(field.number, wireTypes.delimited)).fork();
      writer.uint32(json.tag(1, wireType(entry.key)));
      writeScalar(writer, entry.key, checkedScalar(entry.key, mapKey(entry.key, name)));
      writeSingle(writer, entry.value, value[name], depth + 1, true);
      writer.ldelim();
    });
  }
}

/** Keys are strings in JSON, whatever they are in the message. */
function mapKey(key: ScalarType, name: string): unknown {
  if (key === 'string') return name;
  return key === 'bool' ? name === 'true' : Number(name);
}

function enumNumber(type: EnumDescriptor, value: unknown): number {
  if (value === null && type.name === 'google.protobuf.NullValue') return 0;
  const number = typeof value === 'string' ? type.numbers.get(value) : undefined;
  if (number === undefined) throw new Misfit(`is no ${type.name}`, value);
  return number;
}

/** `{ '@type': url, ...fields }`; `{ '@type': url, value }` for a message that is no object in JSON; `{}` for none. */
function writeAny(writer: Writer, value: unknown): void {
  if (!json.isPlainObject(value)) throw new Misfit('is no object', value);
  if (Object.keys(value).length === 0) return;
  const { '@type': url, ...fields } = value;
  const message = anyMessage(url);
  writer.uint32(json.tag(1, wireTypes.delimited)).string(text(url));
  writer.uint32(json.tag(2, wireTypes.delimited)).fork();
  if (message.wellKnown === undefined) writeFields(writer, message, fields, 1);
  else json.within('.value', () => writeMessage(writer, message, fields['value'], 1));
  writer.ldelim();
}

function anyMessage(url: unknown): MessageDescriptor {
  const known = typeof url === 'string' && url.startsWith(typePrefix);
  const message = known ? findMessage(url.slice(typePrefix.length)) : undefined;
  if (message === undefined) throw new Misfit('has no @type that is known', url);
  return message;
}
