// Single values on the wire: the range and form that each scalar type allows, and how it is written and read.
// https://protobuf.dev/programming-guides/encoding/ and https://protobuf.dev/programming-guides/json/
import type protobuf from 'protobufjs';
import type { ScalarType } from './descriptors.ts';
import { Misfit } from './misfit.ts';

type Writer = protobuf.Writer;
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
export function writeScalar(writer: Writer, scalar: ScalarType, value: Scalar): void {
  (writer[scalar] as (this: Writer, value: Scalar) => Writer).call(writer, value);
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
  if (/\p{Surrogate}/u.test(value)) throw new Misfit('is not well-formed Unicode', value);
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
