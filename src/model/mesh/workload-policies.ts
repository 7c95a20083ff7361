// Which policies hold for one workload, and what they need of the mesh: authorizers to ask, keys to verify tokens with.
// https://istio.io/latest/docs/concepts/security/
import type {
  CircuitBreaker,
  EnvoyExternalAuthorizationGrpcProvider,
  EnvoyExternalAuthorizationHttpProvider,
  JWTRule,
  KindMap,
  RetryBudget,
} from '../schema/index.ts';
import type { SourceRef } from '../source.ts';

export type AuthorizationPolicy = KindMap['AuthorizationPolicy'];
export type RequestAuthentication = KindMap['RequestAuthentication'];
export type RateLimitPolicy = KindMap['RateLimitPolicy'];

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

/** A route that a limit is for. */
export interface LimitedRoute {
  readonly kind: 'HTTPRoute' | 'VirtualService';
  readonly namespace: string;
  readonly name: string;
}

/** A service that filters ask. */
export interface AskedService {
  readonly host: string;
  readonly port: number;
}

export interface WorkloadLimits {
  readonly policy: RateLimitPolicy;
  /** Only requests of these; absent: all. */
  readonly routes?: readonly LimitedRoute[];
  /** Who counts for all proxies; absent: nobody, or it is not in the mesh. */
  readonly service?: AskedService;
}

/** How much one proxy may have under way with a destination at a time, by one policy. */
export interface LoadLimit {
  /** The policy's `spec`. */
  readonly source: SourceRef;
  readonly circuitBreaker?: CircuitBreaker;
  readonly retryBudget?: RetryBudget;
}

export interface WorkloadPolicies {
  /** The mesh's, then those of its namespace; each the oldest first. */
  readonly authorization: readonly AuthorizationPolicy[];
  /** Those that policies of action CUSTOM name, each once. */
  readonly authorizers: readonly (Authorizer | UnusableAuthorizer)[];
  /** By issuer. */
  readonly tokens: readonly TokenRule[];
  /** The mesh's, then those of its namespace; each the oldest first. */
  readonly limits: readonly WorkloadLimits[];
}

export const noPolicies: WorkloadPolicies = { authorization: [], authorizers: [], tokens: [], limits: [] };
