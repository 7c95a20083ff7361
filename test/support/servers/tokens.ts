// An issuer of tokens of our own: keys, and JSON Web Tokens signed with them.
// https://www.rfc-editor.org/rfc/rfc7519
import { generateKeyPairSync, sign } from 'node:crypto';

export interface Issuer {
  /** The public key as a JSON Web Key Set. */
  readonly jwks: string;
  /** A token with these claims; it is good for an hour unless they say something else. */
  readonly token: (claims: Readonly<Record<string, unknown>>) => string;
}

export function tokenIssuer(issuer: string, algorithm: 'RS256' | 'ES256' = 'RS256'): Issuer {
  const { publicKey, privateKey } =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { ...publicKey.export({ format: 'jwk' }), kid: issuer, alg: algorithm, use: 'sig' };
  const now = Math.floor(Date.now() / 1000);
  return {
    jwks: JSON.stringify({ keys: [key] }),
    token: (claims) => {
      const body = { iss: issuer, sub: 'somebody', iat: now, exp: now + 3600, ...claims };
      const head = [{ alg: algorithm, kid: issuer, typ: 'JWT' }, body].map(encoded).join('.');
      const signature = sign('sha256', Buffer.from(head), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${head}.${signature.toString('base64url')}`;
    },
  };
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
