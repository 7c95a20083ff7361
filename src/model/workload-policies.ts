// Which policies hold for one workload, and what they need of the mesh: authorizers to ask, keys to verify tokens with.
// https://istio.io/latest/docs/concepts/security/
import type {
  EnvoyExternalAuthorizationGrpcProvider,
  EnvoyExternalAuthorizationHttpProvider,
  JWTRule,
  KindMap,
} from './schema/index.ts';
import type { SourceRef } from './source.ts';

export type AuthorizationPolicy = KindMap['AuthorizationPolicy'];
export type RequestAuthentication = KindMap['RequestAuthentication'];

interface Reached {
  readonly name: string;
  readonly source: SourceRef;
  readonly host: string;
  readonly port: number;
}

/** A service that is asked whether requests may pass. */
export type Authorizer =
  | (Reached & { readonly protocol: 'http'; readonly settings: EnvoyExternalAuthorizationHttpProvider })
  | (Reached & { readonly protocol: 'grpc'; readonly settings: EnvoyExternalAuthorizationGrpcProvider });

/** Why nobody can be asked: then nothing passes. */
export interface UnusableAuthorizer {
  readonly name: string;
  readonly fault: string;
}

/** One issuer whose tokens are verified, with its keys. */
export interface TokenRule {
  readonly source: SourceRef;
  readonly rule: JWTRule;
  readonly keys: TokenKeys;
}

/** A JSON Web Key Set, a place where the proxy itself fetches one, or none: then every token of the issuer is refused. */
export type TokenKeys =
  | { readonly kind: 'set'; readonly text: string }
  | { readonly kind: 'remote'; readonly uri: string; readonly cluster: string }
  | { readonly kind: 'none' };

export interface WorkloadPolicies {
  /** The mesh's, then those of its namespace; each the oldest first. */
  readonly authorization: readonly AuthorizationPolicy[];
  /** Those that policies of action CUSTOM name, each once. */
  readonly authorizers: readonly (Authorizer | UnusableAuthorizer)[];
  /** By issuer. */
  readonly tokens: readonly TokenRule[];
}

export const noPolicies: WorkloadPolicies = { authorization: [], authorizers: [], tokens: [] };
