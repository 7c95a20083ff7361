import { createHash, createPublicKey } from 'node:crypto';

import { expect, it } from 'vitest';

import { keysOfNobody, sentenceOfNobody } from '../../../src/translate/envoy/jwt/keys-of-nobody.ts';

// The curve P-256: y² = x³ - 3x + b over the field of p elements (SEC 2, section 2.4.2).
const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base % p];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % p;
    square = (square * square) % p;
  }
  return result;
}

/** The first hash of the sentence and a count that is the x of a point, with the even one of its two y. */
function hashedPoint(): { readonly x: bigint; readonly y: bigint } {
  for (let count = 0; ; count++) {
    const x = BigInt(`0x${createHash('sha256').update(`${sentenceOfNobody}, ${count}`).digest('hex')}`);
    const right = (power(x, 3n) + 3n * (p - (x % p)) + b) % p;
    const y = power(right, (p + 1n) / 4n);
    if (x < p && (y * y) % p === right) return { x, y: y % 2n === 0n ? y : p - y };
  }
}

it('the key of nobody is the point that its sentence hashes to, and a key that verifiers take', () => {
  const [key] = (JSON.parse(keysOfNobody) as { keys: { x: string; y: string; kty: string; crv: string }[] }).keys;
  const number = (text = ''): bigint => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);
  expect({ x: number(key?.x), y: number(key?.y) }).toEqual(hashedPoint());
  expect(createPublicKey({ key: { ...key }, format: 'jwk' }).asymmetricKeyType).toBe('ec');
});
