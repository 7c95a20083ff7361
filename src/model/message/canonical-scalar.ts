// Numbers, texts and enums of messages, as JSON may have them: numbers also as text, enums also by number.
// https://protobuf.dev/programming-guides/json/
import type { EnumDescriptor, ScalarType } from './descriptor.ts';

/** A value that does not fit, told apart from any that does. */
export class MisfitValue {
  readonly complaint: string;
  constructor(complaint: string) {
    this.complaint = complaint;
  }
}

export function canonicalEnum({ name, numbers, names }: EnumDescriptor, value: unknown): unknown {
  const known = typeof value === 'number' ? names.get(value) : value;
  if (typeof known === 'string' && numbers.has(known)) return known;
  return new MisfitValue(`is no ${name}`);
}

/** In the form that the encoder takes. */
export function canonicalScalar(scalar: ScalarType, value: unknown): unknown {
  switch (scalar) {
    case 'bool':
      return typeof value === 'boolean' ? value : new MisfitValue('is neither true nor false');
    case 'string':
      return typeof value === 'string' && value.isWellFormed() ? value : new MisfitValue('is no text');
    case 'bytes':
      return bytes(value);
    case 'float':
    case 'double':
      return real(value);
    default:
      return scalar.includes('64') ? wideInteger(scalar, value) : integer(scalar, value);
  }
}

/** With or without padding, in either of the two alphabets. */
function bytes(value: unknown): unknown {
  if (typeof value !== 'string' || !/^[\w+/-]*={0,2}$/.test(value)) return new MisfitValue('is no base64');
  const digits = value.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (digits.length % 4 === 1) return new MisfitValue('is no base64');
  return digits + '='.repeat((4 - (digits.length % 4)) % 4);
}

const decimal = /^-?(?:0|[1-9]\d{0,19})(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?$/;

function real(value: unknown): unknown {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return new MisfitValue('is no number');
  if (['NaN', 'Infinity', '-Infinity'].includes(value)) return value;
  return decimal.test(value) ? Number(value) : new MisfitValue('is no number');
}

function integer(scalar: ScalarType, value: unknown): unknown {
  const number = typeof value === 'string' && decimal.test(value) ? Number(value) : value;
  const unsigned = scalar === 'uint32' || scalar === 'fixed32';
  const [lowest, highest] = unsigned ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  const fits = typeof number === 'number' && Number.isInteger(number) && number >= lowest && number <= highest;
  return fits ? number : new MisfitValue(`is no whole number from ${lowest} to ${highest}`);
}

function wideInteger(scalar: ScalarType, value: unknown): unknown {
  const unsigned = scalar === 'uint64' || scalar === 'fixed64';
  const complaint = new MisfitValue(`is no ${unsigned ? 'positive ' : ''}whole number of 64 bits`);
  if (typeof value === 'number') return Number.isSafeInteger(value) && (value >= 0 || !unsigned) ? value : complaint;
  if (typeof value !== 'string' || !/^(?:0|-?[1-9]\d{0,19})$/.test(value)) return complaint;
  const fits = unsigned ? BigInt.asUintN(64, BigInt(value)) : BigInt.asIntN(64, BigInt(value));
  return fits === BigInt(value) ? value : complaint;
}
