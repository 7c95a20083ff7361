// A message as a user writes it in YAML, in the one form that is used here (see resource.ts): snake_case fields, enums by
// name, durations as text. What does not fit its type is told, and what has no meaning is left out.
// https://protobuf.dev/programming-guides/json/
import type { FieldDescriptor, MessageDescriptor } from './descriptor.ts';
import { canonicalEnum, canonicalScalar, MisfitValue } from './canonical-scalar.ts';

type Path = readonly (string | number)[];
type Find = (name: string) => MessageDescriptor | undefined;
type Fields = Readonly<Record<string, unknown>>;

export interface Fault {
  /** From the message down, in the names that the user gave. */
  readonly path: Path;
  readonly message: string;
  /** A field that is not known is left out; anything else makes the message useless. */
  readonly kind: 'unknown-field' | 'misfit';
}

export interface Canonical {
  readonly message: object;
  readonly faults: readonly Fault[];
}

/** Receivers give up on messages nested deeper than 100. */
const maxDepth = 50;
/** Of all fields and elements together. */
const maxValues = 20_000;

interface Reading {
  readonly find: Find;
  readonly faults: Fault[];
  values: number;
}

/** `value` as a message of this type. Never throws. */
export function canonicalMessage(find: Find, type: MessageDescriptor, value: unknown): Canonical {
  const reading: Reading = { find, faults: [], values: 0 };
  const message = readMessage(reading, type, value, [], 0);
  return { message: isFields(message) ? message : {}, faults: reading.faults };
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function misfit({ faults }: Reading, path: Path, message: string): undefined {
  faults.push({ path, message, kind: 'misfit' });
  return undefined;
}

function readMessage(reading: Reading, type: MessageDescriptor, value: unknown, path: Path, depth: number): unknown {
  if (depth > maxDepth) return misfit(reading, path, `is nested deeper than ${maxDepth} levels`);
  switch (type.wellKnown) {
    case undefined:
      return isFields(value) ? readFields(reading, type, value, path, depth) : misfit(reading, path, 'is no object');
    case 'any':
      return isFields(value) ? readAny(reading, value, path, depth) : misfit(reading, path, 'is no object');
    case 'wrapper':
      return type.fields[0] === undefined ? undefined : readSingle(reading, type.fields[0], value, path, depth);
    case 'struct':
      return isFields(value) ? plain(reading, value, path, depth) : misfit(reading, path, 'is no object');
    case 'list':
      return Array.isArray(value) ? plain(reading, value, path, depth) : misfit(reading, path, 'is no list');
    case 'value':
      return plain(reading, value, path, depth);
    case 'duration':
      return matching(reading, value, path, /^-?\d{1,12}(?:\.\d{1,9})?s$/, 'is no duration such as 5s or 0.25s');
    case 'timestamp':
    case 'field-mask':
      return matching(reading, value, path, /^[\w.,:+-]{1,1000}$/, 'is no text of this form');
  }
}

function matching(reading: Reading, value: unknown, path: Path, form: RegExp, complaint: string): unknown {
  return typeof value === 'string' && form.test(value) ? value : misfit(reading, path, complaint);
}

/** JSON that has no type; only its extent is limited. */
function plain(reading: Reading, value: unknown, path: Path, depth: number): unknown {
  if (depth > maxDepth) return misfit(reading, path, `is nested deeper than ${maxDepth} levels`);
  if (isExhausted(reading, path)) return undefined;
  if (Array.isArray(value)) return value.map((item, i) => plain(reading, item, [...path, i], depth + 1));
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, plain(reading, child, [...path, key], depth + 1)]),
  );
}

function isExhausted(reading: Reading, path: Path): boolean {
  if (++reading.values === maxValues) misfit(reading, path, `there are more than ${maxValues} values`);
  return reading.values >= maxValues;
}

/** `{ '@type': url, ...fields }`; `{ '@type': url, value }` for a message that is no object in JSON. */
function readAny(reading: Reading, value: Fields, path: Path, depth: number): unknown {
  const { '@type': url, ...fields } = value;
  if (url === undefined && Object.keys(fields).length === 0) return {};
  const name = typeof url === 'string' ? url.slice(url.lastIndexOf('/') + 1) : '';
  const type = reading.find(name);
  if (type === undefined)
    return misfit(
      reading,
      [...path, '@type'],
      name === '' ? 'the type of the message is required' : `Envoy has no message ${name}`,
    );
  const typed = { '@type': `type.googleapis.com/${name}` };
  if (type.wellKnown !== undefined)
    return { ...typed, value: readMessage(reading, type, fields['value'], [...path, 'value'], depth + 1) };
  return { ...typed, ...readFields(reading, type, fields, path, depth + 1) };
}

function readFields(reading: Reading, type: MessageDescriptor, fields: Fields, path: Path, depth: number): Fields {
  const read: Record<string, unknown> = {};
  const oneofs = new Map<string, string>();
  for (const [key, value] of Object.entries(fields)) {
    const at = [...path, key];
    const field = type.byName.get(key) ?? type.fields.find(({ jsonName }) => jsonName === key);
    if (field === undefined) {
      reading.faults.push({ path: at, message: `${type.name} has no field ${key}`, kind: 'unknown-field' });
      continue;
    }
    if (value === null || value === undefined || isExhausted(reading, at)) continue;
    const other = field.oneof === undefined ? undefined : oneofs.get(field.oneof);
    if (other !== undefined) misfit(reading, at, `excludes ${other}`);
    if (field.oneof !== undefined) oneofs.set(field.oneof, key);
    const result = readField(reading, field, value, at, depth + 1);
    if (result !== undefined) read[field.name] = result;
  }
  return read;
}

function readField(reading: Reading, field: FieldDescriptor, value: unknown, path: Path, depth: number): unknown {
  if (field.cardinality === 'repeated') {
    if (!Array.isArray(value)) return misfit(reading, path, 'is no list');
    return value.map((item, i) => readSingle(reading, field, item, [...path, i], depth));
  }
  const { entry } = field;
  if (entry === undefined) return readSingle(reading, field, value, path, depth);
  if (!isFields(value)) return misfit(reading, path, 'is no object');
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, readSingle(reading, entry.value, item, [...path, key], depth)]),
  );
}

function readSingle(reading: Reading, { type }: FieldDescriptor, value: unknown, path: Path, depth: number): unknown {
  if (isExhausted(reading, path)) return undefined;
  if (type.kind === 'message') return readMessage(reading, type.message, value, path, depth);
  const read = type.kind === 'enum' ? canonicalEnum(type.enum, value) : canonicalScalar(type.scalar, value);
  return read instanceof MisfitValue ? misfit(reading, path, read.complaint) : read;
}
