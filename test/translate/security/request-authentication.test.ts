import { describe, expect, it } from 'vitest';

import type { KeySets } from '../../../src/model/external/key-source.ts';
import { keySourceOf, noKeySets } from '../../../src/model/external/key-source.ts';
import type { Features } from '../../../src/model/mesh/mesh.ts';
import type { Service } from '../../../src/model/mesh/mesh.ts';
import { jwtFilters } from '../../../src/translate/envoy/jwt/jwt-filter.ts';
import { keysOfNobody } from '../../../src/translate/envoy/jwt/keys-of-nobody.ts';
import { tokenRules } from '../../../src/translate/resolve/security/request-authentication.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import { makePort, makeService, makeSettings } from '../../support/objects/make.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';

type JwtAuthentication = MessageOf['envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication'];

const onePublicKey = {
  kty: 'RSA',
  e: 'AQAB',
  n: '1QGVBhayWH4CceFxM1mlPf-RrVw4xuq4nTS6b9Qc-K2UZXTBHXXQqQXh9TZs2_Um3jWI2QDHVkNHImYWL5GJ28BTJ55xtPxO5oC7HE0JGe4VuLCXehEobJzbMIxApOAJnKtyanK-wTeK9EVFsajiZbUDA4VKw91_0GtfVehXFw0',
};
const jwks = JSON.stringify({ keys: [onePublicKey] });

const authentication = (name: string, ...rules: readonly object[]): string => `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: ${name}, namespace: garden}
spec: ${JSON.stringify({ jwtRules: rules })}
`;

interface Around {
  readonly keys?: KeySets;
  readonly remoteKeys?: Features['remoteKeys'];
  readonly services?: readonly Service[];
}

function rulesOf(yaml: string, { keys = noKeySets, remoteKeys = 'never', services = [] }: Around = {}) {
  const settings = makeSettings();
  const mesh = { settings: { ...settings, features: { ...settings.features, remoteKeys } }, services };
  return tokenRules(mesh, [...snapshotOf(yaml).objects.RequestAuthentication.values()], keys);
}

function jwt(yaml: string, around?: Around): JwtAuthentication {
  const [filter] = jwtFilters(rulesOf(yaml, around));
  return (filter as { typed_config: JwtAuthentication }).typed_config;
}

const provider = (rule: object, around?: Around) => jwt(authentication('one', rule), around).providers?.['origins-0'];

describe('the rules of all policies', () => {
  it('are sorted by issuer, and those of one issuer stay in order', () => {
    const yaml = [
      authentication('a', { issuer: 'wren', jwks, audiences: ['first'] }, { issuer: 'crow', jwks }),
      authentication('b', { issuer: 'wren', jwks, audiences: ['second'] }),
    ].join('');
    const providers = Object.values(jwt(yaml).providers ?? {});
    expect(providers.map(({ issuer, audiences }) => [issuer, audiences?.[0]])).toEqual([
      ['crow', undefined],
      ['wren', 'first'],
      ['wren', 'second'],
    ]);
  });

  it('make no filter when there are none', () => {
    expect(jwtFilters(rulesOf(authentication('none')))).toEqual([]);
  });
});

describe('what is required', () => {
  it('of one issuer: a good token or none', () => {
    expect(jwt(authentication('one', { issuer: 'wren', jwks })).rules?.[0]?.requires).toEqual({
      requires_any: { requirements: [{ provider_name: 'origins-0' }, { allow_missing: {} }] },
    });
  });

  it('of several: a good token of one of them, or no bad one of any', () => {
    const { rules } = jwt(authentication('two', { issuer: 'a', jwks }, { issuer: 'b', jwks }));
    const goodOrMissing = (name: string) => ({
      requires_any: { requirements: [{ provider_name: name }, { allow_missing: {} }] },
    });
    expect(rules?.[0]?.requires?.requires_any?.requirements).toEqual([
      { provider_name: 'origins-0' },
      { provider_name: 'origins-1' },
      { requires_all: { requirements: [goodOrMissing('origins-0'), goodOrMissing('origins-1')] } },
    ]);
  });

  it('has to be shown where a rule requires it, and no other one stands in for it', () => {
    const requires = (...rules: readonly object[]) => jwt(authentication('one', ...rules)).rules?.[0]?.requires;
    const required = (issuer: string) => ({ issuer, jwks, presence: 'REQUIRED' });
    expect(requires(required('wren'))).toEqual({ provider_name: 'origins-0' });
    expect(requires(required('finch'), required('wren'))).toEqual({
      requires_all: { requirements: [{ provider_name: 'origins-0' }, { provider_name: 'origins-1' }] },
    });
    expect(requires({ issuer: 'finch', jwks }, required('wren'))).toEqual({
      requires_all: {
        requirements: [
          { requires_any: { requirements: [{ provider_name: 'origins-0' }, { allow_missing: {} }] } },
          { provider_name: 'origins-1' },
        ],
      },
    });
  });

  it('is nothing of a preflight request', () => {
    expect(jwt(authentication('one', { issuer: 'a', jwks })).bypass_cors_preflight).toBe(true);
  });
});

describe('one provider', () => {
  it('has the places of the token and the outputs of the rule', () => {
    const rule = {
      issuer: 'wren',
      jwks,
      audiences: ['nest'],
      forwardOriginalToken: true,
      fromHeaders: [{ name: 'x-song', prefix: 'Tweet ' }, { name: 'x-bare' }],
      fromParams: ['song'],
      fromCookies: ['egg'],
      outputPayloadToHeader: 'x-payload',
      outputClaimToHeaders: [{ header: 'x-who', claim: 'sub' }],
      spaceDelimitedClaims: ['wings', 'scope'],
    };
    expect(provider(rule)).toMatchObject({
      issuer: 'wren',
      audiences: ['nest'],
      forward: true,
      from_headers: [{ name: 'x-song', value_prefix: 'Tweet ' }, { name: 'x-bare' }],
      from_params: ['song'],
      from_cookies: ['egg'],
      forward_payload_header: 'x-payload',
      claim_to_headers: [{ header_name: 'x-who', claim_name: 'sub' }],
      payload_in_metadata: 'payload',
      normalize_payload_in_metadata: { space_delimited_claims: ['permission', 'scope', 'wings'] },
      local_jwks: { inline_string: jwks },
    });
  });

  it('has nothing that the rule does not say', () => {
    expect(Object.keys(provider({ issuer: 'wren', jwks }) ?? {})).toEqual([
      'issuer',
      'local_jwks',
      'payload_in_metadata',
      'normalize_payload_in_metadata',
    ]);
  });
});

describe('keys', () => {
  const uri = 'https://wren.example/keys';

  it('that were fetched are used', () => {
    expect(provider({ issuer: 'wren', jwksUri: uri }, { keys: new Map([[uri, jwks]]) })?.local_jwks).toEqual({
      inline_string: jwks,
    });
  });

  it('are found through the issuer when the rule does not say where they are', () => {
    const keys = new Map([['https://wren.example/.well-known/openid-configuration', jwks]]);
    expect(provider({ issuer: 'https://wren.example/' }, { keys })?.local_jwks).toEqual({ inline_string: jwks });
    expect(keySourceOf({ issuer: 'somebody@wren.example' })).toBeUndefined();
  });

  it('that could not be had are those of nobody: every token is refused', () => {
    expect(provider({ issuer: 'wren', jwksUri: uri })?.local_jwks).toEqual({ inline_string: keysOfNobody });
    expect(JSON.parse(keysOfNobody)).toMatchObject({ keys: [{ kty: 'EC', crv: 'P-256' }] });
  });

  it('that are written as one key are a set, and an empty set is none', () => {
    const key = JSON.stringify(onePublicKey);
    const inline = (text: string) => provider({ issuer: 'wren', jwks: text })?.local_jwks?.inline_string;
    const [alone, empty] = [inline(key), inline('{"keys":[]}')];
    expect(alone).toBe(`{"keys":[${key}]}`);
    expect(empty).toBe(keysOfNobody);
  });

  it('that others fetched change nothing here', () => {
    const yaml = authentication('one', { issuer: 'wren', jwksUri: uri });
    const policies = [...snapshotOf(yaml).objects.RequestAuthentication.values()];
    const mesh = { settings: makeSettings(), services: [] };
    const keys: KeySets = new Map([[uri, jwks]]);
    const before = tokenRules(mesh, policies, keys);
    const after = tokenRules(mesh, policies, new Map([...keys, ['https://crow.example/keys', '{}']]));
    // One list of policies is one argument.
    expect(after[0]?.keys).toBe(before[0]?.keys);
  });

  describe('that proxies fetch themselves', () => {
    const services = [makeService({ name: 'keys', ports: [makePort(8888)] })];
    const known = 'http://keys.bakery.svc.cluster.local:8888/set.json';

    it('come through the cluster of the service that has them', () => {
      expect(
        provider({ issuer: 'wren', jwksUri: known, timeout: '3s' }, { services, remoteKeys: 'known-hosts' })
          ?.remote_jwks,
      ).toEqual({
        http_uri: { uri: known, cluster: 'outbound|8888||keys.bakery.svc.cluster.local', timeout: '3s' },
        cache_duration: '300s',
      });
    });

    it('of unknown hosts are fetched here, unless proxies fetch all', () => {
      const rule = { issuer: 'wren', jwksUri: uri };
      expect(provider(rule, { remoteKeys: 'known-hosts' })?.remote_jwks).toBeUndefined();
      expect(provider(rule, { remoteKeys: 'always' })?.remote_jwks?.http_uri?.cluster).toBe(
        'outbound|443||wren.example',
      );
    });
  });
});
