// The one place where messages become bytes: proto JSON with snake_case fields, as src/model/envoy/resource.ts describes
// it, to the protobuf wire format. Whatever does not fit is a Bug that names the path, never left out silently. The
// same content always gives the same bytes: fields by number, maps by key, no zero values where they mean nothing.
// https://protobuf.dev/programming-guides/encoding/
import { hash } from 'node:crypto';
import type { PbfWriter } from 'pbf';
import type { Resource, TypeUrl } from '../../model/envoy/resource.ts';
import type { EnumDescriptor, FieldDescriptor, MessageDescriptor, ScalarType } from './descriptors.ts';
import { Bug, invariant } from '../../model/invariant.ts';
import { Topic } from '../../model/notes.ts';
import { findMessage, messageDescriptor } from './descriptors.ts';
import * as json from './encode-json.ts';
import { atEach, Misfit } from './misfit.ts';
import { checkedScalar, isZero, wireType, wireTypes, writeScalar, writeTextField } from './scalars.ts';
import { written } from './written.ts';

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
  const whole: Nested = { message: messageDescriptor(name), value, depth: 1 };
  try {
    return written(writeMessage, whole);
  } catch (error) {
    throw error instanceof Misfit ? error.toBug(what) : error;
  }
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
    const head = written((length: number, writer) => {
      writer.writeTag(field.number, wireTypes.delimited);
      writer.writeVarint(length);
    }, bytes.length);
    chunks.push(head, bytes);
  }
  return Buffer.concat(chunks);
}

/** A value, the message that it is to be, and how many messages it is inside of. */
interface Nested {
  readonly message: MessageDescriptor;
  readonly value: unknown;
  readonly depth: number;
}

function writeMessage({ message, value, depth }: Nested, writer: PbfWriter): void {
  if (depth > json.maxDepth) throw new Misfit(`is nested deeper than ${json.maxDepth} messages`);
  switch (message.wellKnown) {
    case undefined:
      writeFields(writer, fieldsSet(message, json.plainObject(value)), value as Fields, depth);
      return;
    case 'any':
      writeAny(writer, json.plainObject(value));
      return;
    case 'struct':
      json.writeStruct({ value, depth }, writer);
      return;
    case 'value':
      json.writeValue({ value, depth }, writer);
      return;
    case 'list':
      json.writeList({ value, depth }, writer);
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

type Fields = Readonly<Record<string, unknown>>;

function writeFields(writer: PbfWriter, set: readonly FieldDescriptor[], fields: Fields, depth: number): void {
  const oneofs: string[] = [];
  atEach(
    set,
    ({ name }) => `.${name}`,
    (field) => {
      if (field.oneof !== undefined) {
        if (oneofs.includes(field.oneof)) throw new Misfit(`sets more than one of ${field.oneof}`);
        oneofs.push(field.oneof);
      }
      writeField(writer, field, fields[field.name], depth);
    },
  );
}

/** In the order of their numbers. `beside` is a key that is no field. */
function fieldsSet(message: MessageDescriptor, fields: Fields, beside?: string): FieldDescriptor[] {
  const found: FieldDescriptor[] = [];
  for (const key of Object.keys(fields)) {
    if (fields[key] === undefined || key === beside) continue;
    const field = message.byName.get(key);
    if (field === undefined) throw new Misfit(`has no field ${key} (${message.name})`);
    // They are few, and mostly in order.
    let at = found.length;
    for (let before = found[at - 1]; before !== undefined && before.number > field.number; before = found[at - 1])
      found[at--] = before;
    found[at] = field;
  }
  return found;
}

function writeField(writer: PbfWriter, field: FieldDescriptor, value: unknown, depth: number): void {
  if (field.cardinality === 'map') writeMap(writer, field, json.plainObject(value), depth);
  else if (field.cardinality === 'repeated') writeRepeated(writer, field, value, depth);
  else writeSingle(writer, field, value, depth, field.presence);
}

/** One value with its tag; a zero only if it is to be told apart from no value. */
function writeSingle(
  writer: PbfWriter,
  { type, number }: FieldDescriptor,
  value: unknown,
  depth: number,
  presence: boolean,
): void {
  if (type.kind === 'message') {
    writer.writeMessage<Nested>(number, writeMessage, { message: type.message, value, depth: depth + 1 });
    return;
  }
  const scalar = type.kind === 'enum' ? 'int32' : type.scalar;
  const checked = type.kind === 'enum' ? enumNumber(type.enum, value) : checkedScalar(type.scalar, value);
  if (!presence && isZero(scalar, checked)) return;
  writer.writeTag(number, wireType(scalar));
  writeScalar(writer, scalar, checked);
}

const place = (_item: unknown, index: number): string => `[${index}]`;

function writeRepeated(writer: PbfWriter, field: FieldDescriptor, value: unknown, depth: number): void {
  if (!Array.isArray(value)) throw new Misfit('is no list', value);
  if (!field.packed) atEach(value, place, (item) => writeSingle(writer, field, item, depth, true));
  else if (value.length > 0)
    writer.writeMessage<unknown[]>(field.number, (items) => writePacked(writer, field, items), value);
}

function writePacked(writer: PbfWriter, { type }: FieldDescriptor, items: readonly unknown[]): void {
  atEach(items, place, (item) => {
    if (type.kind === 'enum') writeScalar(writer, 'int32', enumNumber(type.enum, item));
    else if (type.kind === 'scalar') writeScalar(writer, type.scalar, checkedScalar(type.scalar, item));
  });
}

/** Each entry is a message of its own: 1 the key, 2 the value. */
function writeMap(writer: PbfWriter, field: FieldDescriptor, value: Fields, depth: number): void {
  const entry = field.entry;
  invariant(entry !== undefined, `${field.name} is no map`);
  const writeEntry = (name: string): void => {
    writer.writeTag(1, wireType(entry.key));
    writeScalar(writer, entry.key, checkedScalar(entry.key, mapKey(entry.key, name)));
    writeSingle(writer, entry.value, value[name], depth + 1, true);
  };
  atEach(
    Object.keys(value).sort(),
    (name) => `[${JSON.stringify(name)}]`,
    (name) => {
      if (value[name] !== undefined) writer.writeMessage(field.number, writeEntry, name);
    },
  );
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

/** Filters and policies are the very same objects in many messages: what comes again is written once more, not made. */
const contentOf = new Topic<Uint8Array | 'met once'>();

/** `{ '@type': url, ...fields }`; `{ '@type': url, value }` for a message that is no object in JSON; `{}` for none. */
function writeAny(writer: PbfWriter, any: Fields): void {
  const known = contentOf.of(any);
  if (typeof known === 'object') return writeAsIs(writer, known);
  const start = writer.pos;
  if (Object.keys(any).length > 0) {
    const url = any['@type'];
    const message = anyMessage(url);
    writeTextField(writer, 1, url);
    writer.writeMessage(2, writeContent, { message, any });
  }
  contentOf.note(any, known === undefined ? 'met once' : writer.buf.slice(start, writer.pos));
}

function writeAsIs(writer: PbfWriter, bytes: Uint8Array): void {
  writer.realloc(bytes.length);
  writer.buf.set(bytes, writer.pos);
  writer.pos += bytes.length;
}

function writeContent({ message, any }: { message: MessageDescriptor; any: Fields }, writer: PbfWriter): void {
  if (message.wellKnown === undefined) writeFields(writer, fieldsSet(message, any, '@type'), any, 1);
  else
    atEach(
      [any['value']],
      () => '.value',
      (value) => writeMessage({ message, value, depth: 1 }, writer),
    );
}

function anyMessage(url: unknown): MessageDescriptor {
  const known = typeof url === 'string' && url.startsWith(typePrefix);
  const message = known ? findMessage(url.slice(typePrefix.length)) : undefined;
  if (message === undefined) throw new Misfit('has no @type that is known', url);
  return message;
}
