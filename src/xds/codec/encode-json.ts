// The messages that JSON writes in a form of their own, to the wire: Struct, Value and ListValue from plain JSON,
// Duration, Timestamp and FieldMask from strings. Fields are numbered as google/protobuf/*.proto has them.
// https://protobuf.dev/programming-guides/json/
import type protobuf from 'protobufjs';
import { Misfit } from './misfit.ts';
import { text } from './scalars.ts';

type Writer = protobuf.Writer;

/** Receivers give up on messages nested deeper than 100; each level of JSON takes up to three. */
export const maxDepth = 100;

export function writeStruct(writer: Writer, value: unknown, depth: number): void {
  if (!isPlainObject(value)) throw new Misfit('is no object', value);
  for (const key of Object.keys(value).sort()) {
    if (value[key] === undefined) continue;
    writer.uint32(tag(1, 2)).fork().uint32(tag(1, 2));
    writer.string(text(key));
    writer.uint32(tag(2, 2)).fork();
    within(`.${key}`, () => writeValue(writer, value[key], depth + 2));
    writer.ldelim().ldelim();
  }
}

export function writeList(writer: Writer, value: unknown, depth: number): void {
  if (!Array.isArray(value)) throw new Misfit('is no list', value);
  for (const [index, item] of value.entries()) {
    writer.uint32(tag(1, 2)).fork();
    within(`[${index}]`, () => writeValue(writer, item, depth + 1));
    writer.ldelim();
  }
}

export function writeValue(writer: Writer, value: unknown, depth: number): void {
  if (depth > maxDepth) throw new Misfit(`is nested deeper than ${maxDepth} messages`);
  if (value === null) writer.uint32(tag(1, 0)).int32(0);
  else if (typeof value === 'number' && Number.isFinite(value)) writer.uint32(tag(2, 1)).double(value);
  else if (typeof value === 'string') writer.uint32(tag(3, 2)).string(text(value));
  else if (typeof value === 'boolean') writer.uint32(tag(4, 0)).bool(value);
  else if (Array.isArray(value)) {
    writer.uint32(tag(6, 2)).fork();
    writeList(writer, value, depth + 1);
    writer.ldelim();
  } else {
    writer.uint32(tag(5, 2)).fork();
    writeStruct(writer, value, depth + 1);
    writer.ldelim();
  }
}

/** From '5s' or '-0.25s'. */
export function writeDuration(writer: Writer, value: unknown): void {
  const match = typeof value === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value) : null;
  const seconds = Number(match?.[2]);
  if (match === null || seconds > 315_576_000_000) throw new Misfit('is no duration such as 5s or 0.25s', value);
  const sign = match[1] === '-' ? -1 : 1;
  writeSecondsAndNanos(writer, sign * seconds, sign * nanoseconds(match[3]));
}

/** From RFC 3339. */
export function writeTimestamp(writer: Writer, value: unknown): void {
  const form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;
  const match = typeof value === 'string' ? form.exec(value) : null;
  const milliseconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(milliseconds)) throw new Misfit('is no RFC 3339 time', value);
  writeSecondsAndNanos(writer, milliseconds / 1000, nanoseconds(match?.[2]));
}

/** From 'a,bC.d' to the paths a and b_c.d. */
export function writeFieldMask(writer: Writer, value: unknown): void {
  if (typeof value !== 'string') throw new Misfit('is no field mask', value);
  for (const path of value === '' ? [] : value.split(',')) {
    writer.uint32(tag(1, 2)).string(text(path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)));
  }
}

/** Runs `write`; a misfit found below is told to be at `segment`. */
export function within(segment: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw error instanceof Misfit ? error.within(segment) : error;
  }
}

export const tag = (number: number, wire: number): number => (number << 3) | wire;

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function writeSecondsAndNanos(writer: Writer, seconds: number, nanos: number): void {
  if (seconds !== 0) writer.uint32(tag(1, 0)).int64(seconds);
  if (nanos !== 0) writer.uint32(tag(2, 0)).int32(nanos);
}

const nanoseconds = (fraction: string | undefined): number => Number((fraction ?? '').padEnd(9, '0'));
