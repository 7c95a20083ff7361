// Whatever admission lets through, a stock Envoy takes: no policy of a user's can make it refuse a listener, or end.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import type { AuthorizationPolicy, RequestAuthentication } from '../../../src/model/mesh/workload-policies.ts';

import { noKeySets } from '../../../src/model/external/key-source.ts';
import { jwtFilters } from '../../../src/translate/envoy/jwt/jwt-filter.ts';
import { authorizationFilters } from '../../../src/translate/envoy/rbac/rbac-filter.ts';
import { tokenRules } from '../../../src/translate/resolve/security/request-authentication.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { validateBootstrap } from '../../support/mesh/envoy.ts';
import { makeSettings } from '../../support/objects/make.ts';

const operation = (fields: object): object => ({ rules: [{ to: [{ operation: fields }] }] });
const source = (fields: object): object => ({ rules: [{ from: [{ source: fields }] }] });
const when = (key: string, value: string): object => ({ rules: [{ when: [{ key, values: [value] }] }] });
const jwt = (fields: object): object => ({ jwtRules: [{ issuer: 'odd', jwks: '{"keys":[]}', ...fields }] });

const paths = "a/{*}|{**}|//{*}|/{*}//|/a/%zz/{*}|/a/{**}/b|/-._~%20!$&'()+,;:@=/{*}|\n*|**|*a*|é| |/a\\b|/{a}".split(
  '|',
);

const authorization = [...paths, '/{*}'.repeat(12)].map((path) => operation({ paths: [path] }));

const others: readonly object[] = [
  operation({ hosts: ['a b', 'é', '*:80', '[::1]'], methods: ['', '*', 'get\r'] }),
  operation({ hosts: ['*é*'], ports: ['0', '65535'] }),
  source({ namespaces: ['é(', '*'.repeat(40), 'n'.repeat(1000)], principals: [`*${'y*'.repeat(500)}`] }),
  source({ serviceAccounts: [`${'n'.repeat(63)}/${'s'.repeat(253)}`], trustDomains: ['*', '*.x', 'a*'] }),
  source({ ipBlocks: ['::ffff:10.0.0.1/96', '10.0.0.1/0', '::/0'], requestPrincipals: ['/', '*/', 'a'] }),
  when('request.headers[x y]', '*'),
  when('request.headers[a\0]', 'b'),
  when('request.headers[é]', '*é'),
  when('request.auth.claims[ ]', 'b'),
  when('request.auth.claims[a][]]', 'b'),
  when('connection.sni', '*'),
  when('experimental.envoy.filters.[a]', '[b'),
  { rules: [] },
  {},
];

const authentication: readonly object[] = [
  jwt({}),
  jwt({ jwks: '{"kty":"RSA"}' }),
  jwt({ jwks: '{"keys":[{"kty":"EC","crv":"P-256","x":"eA","y":"eQ"}]}' }),
  jwt({ fromHeaders: [{ name: ':path' }, { name: 'a b', prefix: ' ' }] }),
  jwt({ fromHeaders: [{ name: 'x', prefix: '\n' }] }),
  jwt({ fromParams: ['a b&'], fromCookies: ['a;b', ' '] }),
  jwt({ outputPayloadToHeader: ':path' }),
  jwt({ outputPayloadToHeader: 'a\nb' }),
  jwt({ outputClaimToHeaders: [{ header: 'x', claim: '..' }], spaceDelimitedClaims: ['é', ''], audiences: ['', 'é'] }),
];

/** Undefined when admission refuses it. */
const admitted = (kind: string, spec: object): unknown =>
  parse({ apiVersion: 'security.istio.io/v1', kind, metadata: { name: 'odd', namespace: 'odd' }, spec }).object;

function filtersOf(kind: string, spec: object): readonly object[] {
  const object = admitted(kind, spec);
  if (object === undefined) return [];
  if (kind === 'AuthorizationPolicy')
    return authorizationFilters([object as AuthorizationPolicy], {
      trustDomains: ['cluster.local'],
      peer: 'connection',
    }).http;
  return jwtFilters(
    tokenRules({ settings: makeSettings(), services: [] }, [object as RequestAuthentication], noKeySets),
  );
}

test('odd policies are refused by admission or taken by Envoy', { timeout: 60_000 }, async () => {
  const filters = [
    ...[...authorization, ...others].flatMap((spec) => filtersOf('AuthorizationPolicy', spec)),
    ...authentication.flatMap((spec) => filtersOf('RequestAuthentication', spec)),
  ];
  expect(filters.length).toBeGreaterThan(20);
  const directory = await mkdtemp(join(tmpdir(), 'keelson-odd-'));
  const file = join(directory, 'envoy.json');
  await writeFile(file, JSON.stringify(bootstrapWith(filters)));
  expect(await validateBootstrap(file)).toBe('');
  await rm(directory, { recursive: true, force: true });
});

function bootstrapWith(filters: readonly object[]): object {
  const type = 'type.googleapis.com/envoy.extensions.filters';
  const router = { name: 'router', typed_config: { '@type': `${type}.http.router.v3.Router` } };
  const manager = {
    '@type': `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'odd',
    route_config: {},
    http_filters: [...filters, router],
  };
  const listener = {
    name: 'odd',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  return {
    layered_runtime: { layers: [{ name: 'static', static_layer: { 're2.max_program_size.error_level': 32768 } }] },
    static_resources: { listeners: [listener] },
  };
}
