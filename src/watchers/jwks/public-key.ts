// Keys of a JSON Web Key Set that a proxy can verify tokens with. Envoy refuses a whole listener for a set that it cannot
// read, so such a set must not get that far.
// https://www.rfc-editor.org/rfc/rfc7518#section-6
import type { JsonWebKey } from 'node:crypto';

import { createPublicKey } from 'node:crypto';

/** Whether `key` is an RSA, elliptic curve, Ed25519 or symmetric key with all that belongs to it. */
export function isUsableKey(key: unknown): boolean {
  if (typeof key !== 'object' || key === null) return false;
  const { kty, k, kid, alg } = key as Readonly<Record<string, unknown>>;
  if ([kid, alg].some((field) => field !== undefined && typeof field !== 'string')) return false;
  if (!suits(kty, alg)) return false;
  if (kty === 'oct') return typeof k === 'string' && /^[-\w]+$/.test(k);
  try {
    createPublicKey({ key: key as JsonWebKey, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

const algorithms: Readonly<Record<string, RegExp>> = {
  RSA: /^[RP]S(256|384|512)$/,
  EC: /^ES(256|384|512)$/,
  OKP: /^EdDSA$/,
  oct: /^HS(256|384|512)$/,
};

const suits = (kty: unknown, alg: unknown): boolean => {
  const known = typeof kty === 'string' && Object.hasOwn(algorithms, kty) ? algorithms[kty] : undefined;
  return known !== undefined && (alg === undefined || known.test(alg as string));
};

/** The set as it was written if all keys are usable, else those that are; undefined when none is. */
export function usableKeySet(text: string): string | undefined {
  const parsed = parseJson(text);
  const keys: unknown = typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : undefined;
  if (!Array.isArray(keys)) return undefined;
  const usable = keys.filter(isUsableKey);
  if (usable.length === 0) return undefined;
  return usable.length === keys.length ? text : JSON.stringify({ keys: usable });
}

/** Undefined for what is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
