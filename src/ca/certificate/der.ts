// Writes DER: the few types that a certificate is made of. Nothing here reads; what others wrote is read by libraries.
// https://www.itu.int/rec/T-REC-X.690

/** A complete element: tag, length and content. */
export type Der = Buffer;

export const sequence = (...items: readonly Der[]): Der => element(0x30, ...items);
export const set = (...items: readonly Der[]): Der => element(0x31, ...items);
export const octetString = (content: Buffer): Der => element(0x04, content);
export const utf8String = (text: string): Der => element(0x0c, Buffer.from(text));
export const boolean = (value: boolean): Der => element(0x01, Buffer.from([value ? 0xff : 0]));
export const nothing: Der = Buffer.from([0x05, 0]);

/** Of whole bytes; `unused` bits at the end do not count. */
export const bitString = (content: Buffer, unused = 0): Der => element(0x03, Buffer.from([unused]), content);

/** `bytes`: a number without sign, as bytes. */
export function integer(bytes: Buffer): Der {
  const first = bytes.findIndex((byte) => byte !== 0);
  const shortest = first < 0 ? Buffer.from([0]) : bytes.subarray(first);
  return (shortest[0] ?? 0) >= 0x80 ? element(0x02, Buffer.from([0]), shortest) : element(0x02, shortest);
}

/** `[number]` with other elements inside. */
export const tagged = (number: number, ...items: readonly Der[]): Der => element(0xa0 | number, ...items);

/** `[number]` in the place of a primitive type's own tag. */
export const implicit = (number: number, content: Buffer): Der => element(0x80 | number, content);

/** `text`: numbers with dots. */
export function objectIdentifier(text: string): Der {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** `milliseconds` since 1970. The years that two digits can tell are to be written with two. */
export function time(milliseconds: number): Der {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050 ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}

function element(tag: number, ...contents: readonly Buffer[]): Der {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(length)]), ...contents]);
}

function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

function base128(value: number): readonly number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}
