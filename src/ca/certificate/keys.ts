// Keys: how they are made, which of them are good enough, and how they sign.
// https://www.rfc-editor.org/rfc/rfc5758 and https://www.rfc-editor.org/rfc/rfc4055
import type { KeyObject } from 'node:crypto';
import type { Der } from './der.ts';
import { generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { nothing, objectIdentifier, sequence } from './der.ts';

export const keyAlgorithms = ['ecdsa-p256', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
export type KeyAlgorithm = (typeof keyAlgorithms)[number];

export interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const leastRsaBits = 2048;
const mostRsaBits = 8192;
const make = promisify(generateKeyPair);

/** Off the main thread. */
export function generateKeys(algorithm: KeyAlgorithm): Promise<Keys> {
  return algorithm === 'ecdsa-p256'
    ? make('ec', { namedCurve: 'P-256' })
    : make('rsa', { modulusLength: Number(algorithm.slice('rsa-'.length)) });
}

/** Why a key is not to be certified or to sign; undefined if it is good. */
export function weakness(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = '', publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec')
    return namedCurve in ecdsa ? undefined : `keys on the curve ${namedCurve} are not accepted: P-256 or P-384 is`;
  if (key.asymmetricKeyType !== 'rsa') return `keys of the type ${key.asymmetricKeyType} are not accepted`;
  if (modulusLength < leastRsaBits) return `an RSA key of ${modulusLength} bits is too weak: ${leastRsaBits} at least`;
  if (modulusLength > mostRsaBits) return `an RSA key of ${modulusLength} bits is too long: ${mostRsaBits} at most`;
  if (publicExponent < 65_537n) return 'an RSA key with a small public exponent is too weak';
  return undefined;
}

export interface SignatureScheme {
  /** The AlgorithmIdentifier that stands in what is signed. */
  readonly identifier: Der;
  readonly sign: (content: Buffer) => Buffer;
}

const ecdsa: Readonly<Record<string, { readonly hash: string; readonly identifier: string }>> = {
  prime256v1: { hash: 'sha256', identifier: '1.2.840.10045.4.3.2' },
  secp384r1: { hash: 'sha384', identifier: '1.2.840.10045.4.3.3' },
};

/** Of a private key that has no weakness. */
export function signatureScheme(key: KeyObject): SignatureScheme {
  const curve = ecdsa[key.asymmetricKeyDetails?.namedCurve ?? ''];
  const hash = curve?.hash ?? 'sha256';
  const identifier =
    curve === undefined
      ? sequence(objectIdentifier('1.2.840.113549.1.1.11'), nothing)
      : sequence(objectIdentifier(curve.identifier));
  return { identifier, sign: (content) => sign(hash, content, key) };
}
