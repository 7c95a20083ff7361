import { describe, expect, test } from 'vitest';
import type { Kind } from '../../../src/model/schema/index.ts';
import type { Case } from './checking.ts';
import { specVerdict } from './checking.ts';

function run(kind: Kind, cases: readonly Case[]): void {
  test.each(cases)('%s', (_title, spec, expected) => {
    expect(specVerdict(kind, spec)).toEqual(expected);
  });
}
const selector = { matchLabels: { app: 'cart' } };

describe('PeerAuthentication', () =>
  run('PeerAuthentication', [
    ['nothing at all', undefined, []],
    ['ports of everybody', { portLevelMtls: { 80: { mode: 'DISABLE' } } }, ['error required-field spec.selector']],
    ['ports of some', { selector, portLevelMtls: { 80: { mode: 'DISABLE' } } }, []],
    ['a port by name', { selector, portLevelMtls: { http: { mode: 'DISABLE' } } }, ['error invalid-value spec.portLevelMtls.http']],
    ['no ports', { selector, portLevelMtls: {} }, ['error invalid-value spec.portLevelMtls']],
    ['an unknown mode', { mtls: { mode: 'STRICTER' } }, ['error unsupported-value spec.mtls.mode']],
  ])); // prettier-ignore

const jwt = (rule: object) => ({ jwtRules: [{ issuer: 'me', ...rule }] });

describe('RequestAuthentication', () =>
  run('RequestAuthentication', [
    ['keys by address', jwt({ jwksUri: 'https://keys.example.com/set' }), []],
    ['keys from a file', jwt({ jwksUri: 'file:///keys' }), ['error invalid-value spec.jwtRules[0].jwksUri']],
    ['keys twice', jwt({ jwksUri: 'https://a/', jwks: '{"keys":[]}' }), ['error conflicting-fields spec.jwtRules[0]']],
    ['neither issuer nor keys', { jwtRules: [{}] }, ['error required-field spec.jwtRules[0]']],
    ['keys that are none', jwt({ jwks: 'secret' }), ['error invalid-value spec.jwtRules[0].jwks']],
    ['a private key', jwt({ jwks: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}' }), ['warning doubtful-value spec.jwtRules[0].jwks']],
    ['a key without its parts', jwt({ jwks: '{"keys":[{"kty":"RSA","e":"AQAB"}]}' }), ['error invalid-value spec.jwtRules[0].jwks']],
    ['a header with a line break', jwt({ fromHeaders: [{ name: 'a', prefix: 'b\n' }] }), ['error invalid-value spec.jwtRules[0].fromHeaders[0]']],
    ['an empty audience', jwt({ audiences: [''] }), ['error invalid-value spec.jwtRules[0].audiences[0]']],
    ['a claim into a bad header', jwt({ outputClaimToHeaders: [{ header: 'a b', claim: 'c' }] }), ['error invalid-value spec.jwtRules[0].outputClaimToHeaders[0].header']],
    ['a selector and a target', { selector, targetRef: { kind: 'Service', name: 'a' } }, ['error conflicting-fields spec']],
    ['a target elsewhere', { targetRefs: [{ kind: 'Service', name: 'a', namespace: 'b' }] }, ['error unsupported-value spec.targetRefs[0].namespace']],
    ['a target that cannot be one', { targetRefs: [{ kind: 'Pod', name: 'a' }] }, ['error unsupported-value spec.targetRefs[0]']],
  ])); // prettier-ignore

const rule = (content: object, action = 'ALLOW') => ({ action, rules: [content] });
const source = (content: object) => rule({ from: [{ source: content }] });
const operation = (content: object) => rule({ to: [{ operation: content }] });
const when = (key: string, ...values: string[]) => rule({ when: [{ key, values }] });

describe('AuthorizationPolicy', () => {
  run('AuthorizationPolicy', [
    ['allow nothing', {}, []],
    ['deny by no rule', { action: 'DENY' }, ['error required-field spec.rules']],
    ['deny everything', { action: 'DENY', rules: [{}] }, []],
    ['CUSTOM by nobody', { action: 'CUSTOM', rules: [{}] }, ['error required-field spec.provider.name']],
    ['a provider for ALLOW', { rules: [{}], provider: { name: 'p' } }, ['error conflicting-fields spec.provider']],
    ['CUSTOM by principal', { action: 'CUSTOM', provider: { name: 'p' }, rules: [{ from: [{ source: { principals: ['a'] } }] }] }, ['error unsupported-value spec.rules[0].from[0].source.principals']],
    ['an empty source', source({}), ['error required-field spec.rules[0].from[0].source']],
    ['an empty operation', operation({}), ['error required-field spec.rules[0].to[0].operation']],
    ['an empty from', rule({ from: [] }), ['error required-field spec.rules[0].from']],
    ['accounts and namespaces', source({ serviceAccounts: ['a'], namespaces: ['b'] }), ['error conflicting-fields spec.rules[0].from[0].source']],
    ['an account with a wildcard', source({ serviceAccounts: ['a/*'] }), ['error invalid-value spec.rules[0].from[0].source.serviceAccounts[0]']],
    ['a block too narrow', source({ ipBlocks: ['10.0.0.0/33'] }), ['error invalid-value spec.rules[0].from[0].source.ipBlocks[0]']],
    ['an empty principal', source({ principals: [''] }), ['error invalid-value spec.rules[0].from[0].source.principals[0]']],
    ['a port by name', operation({ ports: ['http'] }), ['error invalid-value spec.rules[0].to[0].operation.ports[0]']],
    ['path templates', operation({ paths: ['/a/{*}/b/{**}', '/plain*'] }), []],
    ['{**} before the end', operation({ paths: ['/{**}/{*}'] }), ['error invalid-value spec.rules[0].to[0].operation.paths[0]']],
    ['a brace in a segment', operation({ paths: ['/a{*}'] }), ['error invalid-value spec.rules[0].to[0].operation.paths[0]']],
    ['a known condition', when('request.headers[x-user]', 'a'), []],
    ['an unknown condition', when('request.colour', 'a'), ['error invalid-value spec.rules[0].when[0].key']],
    ['a header of no name', when('request.headers', 'a'), ['error invalid-value spec.rules[0].when[0].key']],
    ['a condition without values', when('source.ip'), ['error required-field spec.rules[0].when[0]']],
    ['a condition on a bad address', when('source.ip', 'here'), ['error invalid-value spec.rules[0].when[0].values[0]']],
    ['deny by path alone', rule({ to: [{ operation: { paths: ['/a'] } }] }, 'DENY'), ['warning doubtful-value spec.rules[0]']],
    ['deny by path and port', rule({ to: [{ operation: { paths: ['/a'], ports: ['80'] } }] }, 'DENY'), []],
  ]); // prettier-ignore

  test.each([
    ['ALLOW', 'true', []],
    ['ALLOW', 'maybe', ['error invalid-value metadata.annotations["istio.io/dry-run"]']],
    ['AUDIT', 'true', ['error unsupported-value metadata.annotations["istio.io/dry-run"]']],
  ])('a dry run of %s: %s', (action, value, expected) => {
    const metadata = { annotations: { 'istio.io/dry-run': value } };
    expect(specVerdict('AuthorizationPolicy', { action, rules: [{}] }, metadata)).toEqual(expected);
  });

  test('no other kind has a dry run', () => {
    const metadata = { annotations: { 'istio.io/dry-run': 'true' } };
    expect(specVerdict('PeerAuthentication', {}, metadata)).toEqual([
      'error unsupported-value metadata.annotations["istio.io/dry-run"]',
    ]);
  });
});
