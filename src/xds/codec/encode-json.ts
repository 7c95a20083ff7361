// The messages that JSON writes in a form of their own, to the wire: Struct, Value and ListValue from plain JSON,
// Duration, Timestamp and FieldMask from strings. Fields are numbered as google/protobuf/*.proto has them.
// https://protobuf.dev/programming-guides/json/
import type { PbfWriter } from 'pbf';
import { atEach, Misfit } from './misfit.ts';
import { writeTextField } from './scalars.ts';

/** Receivers give up on messages nested deeper than 100; each level of JSON takes up to three. */
export const maxDepth = 100;

/** Plain JSON, inside of so many messages. */
interface Nested {
  readonly value: unknown;
  readonly depth: number;
}

export function writeStruct({ value, depth }: Nested, writer: PbfWriter): void {
  const fields = plainObject(value);
  const writeEntry = (key: string): void => {
    writeTextField(writer, 1, key);
    writer.writeMessage<Nested>(2, writeValue, { value: fields[key], depth: depth + 2 });
  };
  atEach(
    Object.keys(fields).sort(),
    (key) => `.${key}`,
    (key) => {
      if (fields[key] !== undefined) writer.writeMessage(1, writeEntry, key);
    },
  );
}

export function writeList({ value, depth }: Nested, writer: PbfWriter): void {
  if (!Array.isArray(value)) throw new Misfit('is no list', value);
  atEach(
    value,
    (_item, index) => `[${index}]`,
    (item: unknown) => writer.writeMessage<Nested>(1, writeValue, { value: item, depth: depth + 1 }),
  );
}

export function writeValue({ value, depth }: Nested, writer: PbfWriter): void {
  if (depth > maxDepth) throw new Misfit(`is nested deeper than ${maxDepth} messages`);
  if (value === null) writer.writeVarintField(1, 0);
  else if (typeof value === 'number' && Number.isFinite(value)) writer.writeDoubleField(2, value);
  else if (typeof value === 'string') writeTextField(writer, 3, value);
  else if (typeof value === 'boolean') writer.writeBooleanField(4, value);
  else if (Array.isArray(value)) writer.writeMessage<Nested>(6, writeList, { value, depth: depth + 1 });
  else writer.writeMessage<Nested>(5, writeStruct, { value, depth: depth + 1 });
}

/** From '5s' or '-0.25s'. */
export function writeDuration(writer: PbfWriter, value: unknown): void {
  const match = typeof value === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value) : null;
  const seconds = Number(match?.[2]);
  if (match === null || seconds > 315_576_000_000) throw new Misfit('is no duration such as 5s or 0.25s', value);
  const sign = match[1] === '-' ? -1 : 1;
  writeSecondsAndNanos(writer, sign * seconds, sign * nanoseconds(match[3]));
}

/** From RFC 3339. */
export function writeTimestamp(writer: PbfWriter, value: unknown): void {
  const form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;
  const match = typeof value === 'string' ? form.exec(value) : null;
  const milliseconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(milliseconds)) throw new Misfit('is no RFC 3339 time', value);
  writeSecondsAndNanos(writer, milliseconds / 1000, nanoseconds(match?.[2]));
}

/** From 'a,bC.d' to the paths a and b_c.d. */
export function writeFieldMask(writer: PbfWriter, value: unknown): void {
  if (typeof value !== 'string') throw new Misfit('is no field mask', value);
  for (const path of value === '' ? [] : value.split(',')) {
    writeTextField(
      writer,
      1,
      path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    );
  }
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

export function plainObject(value: unknown): Readonly<Record<string, unknown>> {
  if (!isPlainObject(value)) throw new Misfit('is no object', value);
  return value;
}

function writeSecondsAndNanos(writer: PbfWriter, seconds: number, nanos: number): void {
  if (seconds !== 0) writer.writeVarintField(1, seconds);
  if (nanos !== 0) writer.writeVarintField(2, nanos);
}

const nanoseconds = (fraction: string | undefined): number => Number((fraction ?? '').padEnd(9, '0'));
