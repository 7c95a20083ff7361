// PeerAuthentication, RequestAuthentication and AuthorizationPolicy: who may talk, and how it is proven.
// https://istio.io/latest/docs/reference/config/security/
import type { Static } from './fields.ts';
import { boolean, duration, list, map, message, oneOf, string, text } from './fields.ts';
import { PolicyTargetReference, PolicyWorkloadSelector, targetReferences } from './common.ts';

const nonEmpty = text({ minLength: 1 });

export const MutualTLS = message({ mode: oneOf('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT') });
export type MutualTLS = Static<typeof MutualTLS>;

/** Keys of portLevelMtls are port numbers. */
export const PeerAuthenticationSpec = message({
  selector: PolicyWorkloadSelector,
  mtls: MutualTLS,
  portLevelMtls: map(MutualTLS, { minProperties: 1 }),
});
export type PeerAuthenticationSpec = Static<typeof PeerAuthenticationSpec>;

export const JWTHeader = message({ name: nonEmpty, prefix: string }, ['name']);
export type JWTHeader = Static<typeof JWTHeader>;

export const ClaimToHeader = message({ header: text({ minLength: 1, pattern: '^[-_A-Za-z0-9]+$' }), claim: nonEmpty }, [
  'header',
  'claim',
]);
export type ClaimToHeader = Static<typeof ClaimToHeader>;

const uri = text({ minLength: 1, maxLength: 2048 });

/** At most one of jwksUri (also spelt jwks_uri) and jwks. */
export const JWTRule = message({
  issuer: nonEmpty,
  audiences: list(nonEmpty),
  jwksUri: uri,
  jwks_uri: uri,
  jwks: string,
  fromHeaders: list(JWTHeader),
  fromParams: list(nonEmpty),
  fromCookies: list(nonEmpty),
  outputPayloadToHeader: string,
  forwardOriginalToken: boolean,
  outputClaimToHeaders: list(ClaimToHeader),
  spaceDelimitedClaims: list(nonEmpty, { maxItems: 64 }),
  timeout: duration,
  presence: oneOf('OPTIONAL', 'REQUIRED'),
});
export type JWTRule = Static<typeof JWTRule>;

export const RequestAuthenticationSpec = message({
  selector: PolicyWorkloadSelector,
  targetRef: PolicyTargetReference,
  targetRefs: targetReferences,
  jwtRules: list(JWTRule, { maxItems: 4096 }),
});
export type RequestAuthenticationSpec = Static<typeof RequestAuthenticationSpec>;

const strings = list(string);
const serviceAccounts = list(text({ maxLength: 320 }), { maxItems: 16 });

/** AuthorizationPolicy's Source. */
export const Source = message({
  principals: strings,
  notPrincipals: strings,
  requestPrincipals: strings,
  notRequestPrincipals: strings,
  namespaces: strings,
  notNamespaces: strings,
  trustDomains: strings,
  notTrustDomains: strings,
  serviceAccounts,
  notServiceAccounts: serviceAccounts,
  ipBlocks: strings,
  notIpBlocks: strings,
  remoteIpBlocks: strings,
  notRemoteIpBlocks: strings,
});
export type Source = Static<typeof Source>;

export const Operation = message({
  hosts: strings,
  notHosts: strings,
  ports: strings,
  notPorts: strings,
  methods: strings,
  notMethods: strings,
  paths: strings,
  notPaths: strings,
});
export type Operation = Static<typeof Operation>;

export const Condition = message({ key: string, values: strings, notValues: strings }, ['key']);
export type Condition = Static<typeof Condition>;

export const Rule = message({
  from: list(message({ source: Source }), { maxItems: 512 }),
  to: list(message({ operation: Operation })),
  when: list(Condition),
});
export type Rule = Static<typeof Rule>;

export const AuthorizationPolicySpec = message({
  selector: PolicyWorkloadSelector,
  targetRef: PolicyTargetReference,
  targetRefs: targetReferences,
  rules: list(Rule, { maxItems: 512 }),
  action: oneOf('ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
  provider: message({ name: string }),
});
export type AuthorizationPolicySpec = Static<typeof AuthorizationPolicySpec>;
