// Where the keys of a token's issuer are published, for rules that do not have them inside.
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
import type { JWTRule } from '../schema/index.ts';

export interface KeySource {
  readonly uri: string;
  /** The document at `uri` does not have the keys but says, in `jwks_uri`, where they are. */
  readonly discovery: boolean;
  /** How long a fetch may take, as the rule has it: `5s`. */
  readonly timeout?: string;
}

/** JSON Web Key Sets by the `uri` of their source. */
export type KeySets = ReadonlyMap<string, string>;

export const noKeySets: KeySets = new Map();

/** Undefined when the rule has its keys inside, or nothing says where they are. */
export function keySourceOf({ jwks, jwksUri, jwks_uri, issuer, timeout }: JWTRule): KeySource | undefined {
  if (jwks !== undefined && jwks !== '') return undefined;
  const written = jwksUri ?? jwks_uri;
  const limit = timeout === undefined ? {} : { timeout };
  if (written !== undefined) return { uri: written, discovery: false, ...limit };
  if (issuer === undefined || !/^https?:\/\//.test(issuer)) return undefined;
  return { uri: `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, discovery: true, ...limit };
}
