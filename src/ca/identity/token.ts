// Bearer tokens for a mesh without Kubernetes: `keelson bootstrap` issues one for a workload, `keelson serve` checks
// it. A JSON Web Token, authenticated with a secret that both find in the state directory.
// https://www.rfc-editor.org/rfc/rfc7519
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { spiffeId } from '../../model/proxy/identity.ts';
import { parseSpiffeId } from './spiffe-id.ts';

export interface TokenTerms {
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface Claims {
  readonly sub: string;
  readonly aud: string;
  /** Seconds since 1970. */
  readonly iat: number;
  readonly exp: number;
}

const header = encode({ alg: 'HS256', typ: 'JWT' });
const longestToken = 4096;

export interface TokenAuthority {
  /** `ttl` in milliseconds. */
  issue(identity: WorkloadIdentity, ttl: number, terms: TokenTerms): string;
  /** Whom the token speaks for; undefined if it is not ours, not for this audience, or not valid now. */
  verify(token: string, terms: TokenTerms): WorkloadIdentity | undefined;
}

/** `secret`: of at least 128 random bits, in any form. */
export function tokenAuthority(secret: string): TokenAuthority {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'keelson workload token', 32));
  const signature = (content: string): Buffer => createHmac('sha256', key).update(content).digest();
  return {
    issue(identity, ttl, { audience, now }) {
      const seconds = Math.floor(now / 1000);
      const claims: Claims = {
        sub: spiffeId(identity),
        aud: audience,
        iat: seconds,
        exp: seconds + Math.floor(ttl / 1000),
      };
      const content = `${header}.${encode(claims)}`;
      return `${content}.${signature(content).toString('base64url')}`;
    },
    verify(token, { audience, now }) {
      const [head, body, mark, ...more] = token.length > longestToken ? [] : token.split('.');
      if (head !== header || body === undefined || mark === undefined || more.length > 0) return undefined;
      const given = Buffer.from(mark, 'base64url');
      const right = signature(`${head}.${body}`);
      if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
      const { sub, aud, iat, exp } = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
      const isValid = aud === audience && now >= (iat - skewSeconds) * 1000 && now < exp * 1000;
      return isValid ? parseSpiffeId(sub) : undefined;
    },
  };
}

/** How far the clocks of issuer and server may differ. */
const skewSeconds = 120;

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
