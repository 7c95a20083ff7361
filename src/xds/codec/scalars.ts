// Single values on the wire: the range and form that each scalar type allows, and how it is written and read.
// https://protobuf.dev/programming-guides/encoding/ and https://protobuf.dev/programming-guides/json/
import type { PbfWriter } from 'pbf';
import type protobuf from 'protobufjs';
import type { ScalarType } from './descriptors.ts';
import { Misfit } from './misfit.ts';

type Reader = protobuf.Reader;

export const wireTypes = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

export function wireType(scalar: ScalarType): number {
  if (scalar === 'string' || scalar === 'bytes') return wireTypes.delimited;
  if (scalar === 'double' || scalar === 'fixed64' || scalar === 'sfixed64') return wireTypes.fixed64;
  if (scalar === 'float' || scalar === 'fixed32' || scalar === 'sfixed32') return wireTypes.fixed32;
  return wireTypes.varint;
}

export type Scalar = string | number | boolean | Uint8Array;

/** The value as it is to be written: bytes decoded, everything else as it is. Throws a Misfit if it does not fit. */
export function checkedScalar(scalar: ScalarType, value: unknown): Scalar {
  if (scalar === 'string') return text(value);
  if (scalar === 'bytes') return bytes(value);
  if (scalar === 'double' || scalar === 'float') return float(value);
  if (scalar !== 'bool') return scalar.endsWith('64') ? wideInteger(scalar, value) : integer(scalar, value);
  if (typeof value !== 'boolean') throw new Misfit('is no boolean', value);
  return value;
}

/** Zero, '', false, no bytes: what a field without presence does not put on the wire. */
export function isZero(scalar: ScalarType, value: Scalar): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === '' || value === false || (value === '0' && scalar !== 'string') || Object.is(value, 0);
}

/** Writes a checked value without its tag. */
export function writeScalar(writer: PbfWriter, scalar: ScalarType, value: Scalar): void {
  if (typeof value === 'string')
    return scalar === 'string' ? writeText(writer, value) : writeWide(writer, scalar, BigInt(value));
  if (typeof value === 'boolean') return writer.writeBoolean(value);
  if (typeof value === 'object') return writer.writeBytes(value);
  switch (scalar) {
    case 'double':
      return writer.writeDouble(value);
    case 'float':
      return writer.writeFloat(value);
    case 'fixed32':
      return writer.writeFixed32(value);
    case 'sfixed32':
      return writer.writeSFixed32(value);
    case 'fixed64':
    case 'sfixed64':
      return writeWide(writer, scalar, BigInt(value));
    case 'sint32':
    case 'sint64':
      return writer.writeSVarint(value);
    default:
      return writer.writeVarint(value);
  }
}

const pairs = /[\uD800-\uDFFF]/;

/** The library has code points from U+20000 on wrong: whatever takes two units is made UTF-8 elsewhere. */
function writeText(writer: PbfWriter, value: string): void {
  if (pairs.test(value)) writer.writeBytes(Buffer.from(value));
  else writer.writeString(value);
}

/** A field of text with its tag. */
export function writeTextField(writer: PbfWriter, number: number, value: unknown): void {
  writer.writeTag(number, wireTypes.delimited);
  writeText(writer, text(value));
}

/** 64 bits, which may be more than a number holds. Negative ones are written as their two's complement, or zigzag. */
function writeWide(writer: PbfWriter, scalar: ScalarType, value: bigint): void {
  const zigzag = scalar === 'sint64' ? (value << 1n) ^ (value >> 63n) : value;
  const bits = BigInt.asUintN(64, zigzag);
  if (scalar.endsWith('fixed64')) {
    writer.writeFixed32(Number(bits & 0xffff_ffffn));
    writer.writeFixed32(Number(bits >> 32n));
    return;
  }
  const septets: number[] = [];
  for (let rest = bits; septets.length === 0 || rest > 0n; rest >>= 7n) septets.push(Number(rest & 0x7fn));
  // A varint of one byte is that byte: so each is written with the bit that says that more follow.
  writer.realloc(septets.length);
  for (const [index, septet] of septets.entries())
    writer.buf[writer.pos++] = index < septets.length - 1 ? septet | 0x80 : septet;
}

/** The value as canonical JSON has it: 64 bits as a string, bytes as base64. */
export function readScalar(reader: Reader, scalar: ScalarType): string | number | boolean {
  switch (scalar) {
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'double':
      return jsonNumber(reader.double());
    case 'float':
      return jsonNumber(shortestFloat(reader.float()));
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return wideText(reader[scalar]());
    default:
      return reader[scalar]();
  }
}

/** A string; a surrogate without its partner has no UTF-8 form, and a receiver would refuse the whole message. */
export function text(value: unknown): string {
  if (typeof value !== 'string') throw new Misfit('is no string', value);
  if (!value.isWellFormed()) throw new Misfit('is not well-formed Unicode', value);
  return value;
}

function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0)
    throw new Misfit('is neither bytes nor base64', typeof value);
  return Buffer.from(value, 'base64');
}

function float(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  throw new Misfit('is no number', value);
}

function integer(scalar: ScalarType, value: unknown): number {
  const unsigned = scalar === 'uint32' || scalar === 'fixed32';
  const [lowest, highest] = unsigned ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  if (!Number.isInteger(value) || (value as number) < lowest || (value as number) > highest)
    throw new Misfit(`is no ${scalar}`, value);
  return value as number;
}

function wideInteger(scalar: ScalarType, value: unknown): number | string {
  if (typeof value === 'number' && Number.isSafeInteger(value) && (value >= 0 || !isUnsigned(scalar))) return value;
  if (typeof value === 'string' && /^(0|-?[1-9]\d{0,19})$/.test(value)) {
    const fits = isUnsigned(scalar) ? BigInt.asUintN(64, BigInt(value)) : BigInt.asIntN(64, BigInt(value));
    if (fits === BigInt(value)) return value;
  }
  throw new Misfit(`is no ${scalar}`, value);
}

const isUnsigned = (scalar: ScalarType): boolean => scalar === 'uint64' || scalar === 'fixed64';

/** In decimal; the reader's own 64 bit number type prints itself so. */
const wideText = (value: { toString(radix?: number): string }): string => value.toString(10);

const jsonNumber = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

/** The shortest decimal that is this 32 bit number: 0.1, not 0.10000000149011612. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}
