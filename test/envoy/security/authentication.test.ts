// What a stock Envoy does with tokens, and with policies that have somebody else decide.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { AuthorizerServer } from '../../support/servers/authorizers.ts';
import type { CorpusRequest, Verdict } from '../../support/objects/corpus.ts';
import type { GuardedApp } from '../../support/mesh/guarded-app.ts';

import { startGrpcAuthorizer, startHttpAuthorizer } from '../../support/servers/authorizers.ts';
import { startGuardedApp } from '../../support/mesh/guarded-app.ts';
import { waitFor } from '../../support/mesh/live-mesh.ts';
import { tokenIssuer } from '../../support/servers/tokens.ts';
import { sendLine } from '../../support/mesh/traffic.ts';

const wren = tokenIssuer('https://wren.example');
const crow = tokenIssuer('https://crow.example', 'ES256');
const owl = tokenIssuer('https://owl.example');
const stranger = tokenIssuer('https://wren.example');
const past = Math.floor(Date.now() / 1000) - 7200;

const bearer = (token: string): CorpusRequest => ({ headers: { authorization: `Bearer ${token}` } });

const rules = {
  jwtRules: [
    {
      issuer: 'https://wren.example',
      jwks: wren.jwks,
      audiences: ['nest', 'tree'],
      fromHeaders: [{ name: 'authorization', prefix: 'Bearer ' }, { name: 'x-song' }],
      fromParams: ['song'],
      fromCookies: ['egg'],
      outputClaimToHeaders: [{ header: 'x-who', claim: 'sub' }],
    },
    { issuer: 'https://crow.example', jwks: crow.jwks, forwardOriginalToken: true },
    { issuer: 'https://lost.example', jwksUri: 'http://127.0.0.1:1/keys' },
  ],
};

const good = (claims: object = {}) => wren.token({ aud: 'nest', ...claims });

describe('a stock Envoy', { timeout: 180_000 }, () => {
  let gate: GuardedApp;
  let http: AuthorizerServer;
  let grpc: AuthorizerServer;
  let keysUri: string;
  let stopKeys = (): void => {};

  async function startKeyServer(): Promise<string> {
    const server = createServer((_, response) => response.end(owl.jwks)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    stopKeys = () => server.close();
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  }

  beforeAll(async () => {
    [http, grpc] = await Promise.all([startHttpAuthorizer(), startGrpcAuthorizer()]);
    const extensionProviders = [
      {
        name: 'door-http',
        envoyExtAuthzHttp: {
          service: 'door-http.example',
          port: http.port,
          pathPrefix: '/ask',
          includeRequestHeadersInCheck: ['x-badge'],
          headersToUpstreamOnAllow: ['x-user'],
          headersToDownstreamOnDeny: ['x-reason'],
        },
      },
      { name: 'door-grpc', envoyExtAuthzGrpc: { service: 'door-grpc.example', port: grpc.port } },
    ];
    keysUri = await startKeyServer();
    gate = await startGuardedApp({
      settings: { extensionProviders },
      outside: [
        { host: 'door-http.example', port: http.port, protocol: 'HTTP' },
        { host: 'door-grpc.example', port: grpc.port, protocol: 'GRPC' },
      ],
      keys: { isAllowed: () => true },
    });
  }, 120_000);
  afterAll(async () => {
    await gate?.stop();
    stopKeys();
    await http?.close();
    await grpc?.close();
  });

  const check = async (cases: Readonly<Record<string, readonly [CorpusRequest, Verdict]>>): Promise<void> => {
    const answered: Record<string, number> = {};
    for (const [name, [request]] of Object.entries(cases)) answered[name] = (await gate.call(request)).status;
    expect(answered).toEqual(Object.fromEntries(Object.entries(cases).map(([name, [, verdict]]) => [name, verdict])));
  };

  test('verifies tokens, and lets requests without one pass', async () => {
    await gate.apply('RequestAuthentication', [rules]);
    await gate.apply('AuthorizationPolicy', []);
    await check({
      'no token': [{}, 200],
      good: [bearer(good()), 200],
      'good, the other audience': [bearer(wren.token({ aud: ['x', 'tree'] })), 200],
      'good, of the other issuer': [bearer(crow.token({})), 200],
      'in a header of its own': [{ headers: { 'x-song': good() } }, 200],
      'in the query': [{ path: `/?song=${good()}` }, 200],
      'in a cookie': [{ headers: { cookie: `a=b; egg=${good()}` } }, 200],
      expired: [bearer(good({ exp: past })), 401],
      'not yet valid': [bearer(good({ nbf: Math.floor(Date.now() / 1000) + 3600 })), 401],
      'of another audience': [bearer(wren.token({ aud: 'cave' })), 403],
      'without an audience': [bearer(wren.token({})), 403],
      'of another issuer': [bearer(good({ iss: 'https://owl.example' })), 401],
      'signed by somebody else': [bearer(stranger.token({ aud: 'nest' })), 401],
      'of an issuer whose keys could not be had': [bearer(wren.token({ iss: 'https://lost.example' })), 401],
      'expired, in the query': [{ path: `/?song=${good({ exp: past })}` }, 401],
      nonsense: [bearer('a.b.c'), 401],
      'no token at all after the word': [bearer(''), 200],
      'of another kind': [{ headers: { authorization: 'Basic YTpi' } }, 200],
      'changed after signing': [bearer(good().replace(/\.[^.]*\./, `.${Buffer.from('{"iss":"https://wren.example","aud":"nest","sub":"root"}').toString('base64url')}.`)), 401], // prettier-ignore
      unsigned: [bearer(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${good().split('.')[1]}.`), 401],
    });
  });

  test('verifies tokens with keys that were fetched', async () => {
    await gate.apply('RequestAuthentication', [{ jwtRules: [{ issuer: 'https://owl.example', jwksUri: keysUri }] }]);
    await waitFor('the keys', async () => (await gate.call(bearer(owl.token({})))).status === 200);
    await check({
      expired: [bearer(owl.token({ exp: past })), 401],
      'signed by somebody else': [bearer(stranger.token({ iss: 'https://owl.example' })), 401],
    });
  });

  test('tells the app what the token says, and keeps the token to itself unless told', async () => {
    await gate.apply('RequestAuthentication', [rules]);
    await gate.call(bearer(good({ sub: 'chick' })));
    await gate.call(bearer(crow.token({})));
    const [first, second] = gate.app.arrivals.slice(-2);
    expect([first?.headers['x-who'], first?.headers.authorization]).toEqual(['chick', undefined]);
    expect(second?.headers.authorization).toMatch(/^Bearer /);
  });

  test('lets in whom policies allow by what their tokens say', async () => {
    await gate.apply('RequestAuthentication', [rules]);
    await gate.apply('AuthorizationPolicy', [
      {
        rules: [
          { from: [{ source: { requestPrincipals: ['https://crow.example/*'] } }] },
          {
            from: [{ source: { requestPrincipals: ['https://wren.example/chick'] } }],
            when: [{ key: 'request.auth.claims[nests]', values: ['north*'] }],
          },
          { when: [{ key: 'request.auth.claims[scope]', values: ['all'] }] },
          { when: [{ key: 'request.auth.claims[tree][branch]', values: ['top'] }] },
          { when: [{ key: 'request.auth.audiences', values: ['tree'] }] },
        ],
      },
    ]);
    await check({
      'no token': [{}, 403],
      'another issuer': [bearer(crow.token({})), 200],
      'no claim': [bearer(good({ sub: 'chick' })), 403],
      'a claim': [bearer(good({ sub: 'chick', nests: 'north-3' })), 200],
      'a claim in a list': [bearer(good({ sub: 'chick', nests: ['south', 'north'] })), 200],
      'another claim': [bearer(good({ sub: 'chick', nests: ['south'] })), 403],
      'another subject': [bearer(good({ sub: 'cuckoo', nests: 'north' })), 403],
      'one word of a scope': [bearer(good({ scope: 'some all' })), 200],
      'no word of a scope': [bearer(good({ scope: 'small' })), 403],
      'a nested claim': [bearer(good({ tree: { branch: 'top' } })), 200],
      'an audience': [bearer(wren.token({ aud: 'tree' })), 200],
      'a bad token': [bearer(good({ nests: 'north', exp: past })), 401],
    });
  });

  describe.each(['door-http', 'door-grpc'])('asks %s', (provider) => {
    const server = (): AuthorizerServer => (provider === 'door-http' ? http : grpc);

    test('about what the rules match, and about nothing else', async () => {
      await gate.apply('RequestAuthentication', []);
      await gate.apply('AuthorizationPolicy', [
        {
          action: 'CUSTOM',
          provider: { name: provider },
          rules: [{ to: [{ operation: { paths: ['/private*'], ports: ['18080'] } }] }],
        },
      ]);
      await check({
        'not asked about': [{ path: '/forbidden' }, 200],
        allowed: [{ path: '/private/yes', headers: { 'x-badge': '7' } }, 200],
        refused: [{ path: '/private/forbidden' }, 403],
        'refused, by another spelling': [{ path: '/x/../private/forbidden' }, 403],
      });
      expect(
        server()
          .asked.slice(-3)
          .every(({ path }) => path.includes('/private/')),
      ).toBe(true);
    });

    test('as well as the other policies', async () => {
      await gate.apply('AuthorizationPolicy', [
        { action: 'CUSTOM', provider: { name: provider }, rules: [{ to: [{ operation: { ports: ['18080'] } }] }] },
        { action: 'DENY', rules: [{ to: [{ operation: { methods: ['DELETE'] } }] }] },
      ]);
      await check({
        allowed: [{ path: '/yes' }, 200],
        refused: [{ path: '/forbidden' }, 403],
        'denied anyway': [{ path: '/yes', method: 'DELETE' }, 403],
      });
    });
  });

  test('passes headers to and from an HTTP authorizer as its provider says', async () => {
    await gate.apply('AuthorizationPolicy', [{ action: 'CUSTOM', provider: { name: 'door-http' }, rules: [{}] }]);
    await gate.call({ path: '/yes', headers: { 'x-badge': '7', 'x-other': '8' } });
    const asked = http.asked.at(-1);
    expect([asked?.path, asked?.headers['x-badge'], asked?.headers['x-other']]).toEqual(['/ask/yes', '7', undefined]);
    expect(gate.app.arrivals.at(-1)?.headers['x-user']).toBe('known');
  });

  test('asks a gRPC authorizer about TCP connections', async () => {
    await gate.apply('AuthorizationPolicy', [{ action: 'CUSTOM', provider: { name: 'door-grpc' }, rules: [{}] }]);
    const before = grpc.asked.length;
    expect(await sendLine(gate.tcp, 'hello\n')).toContain('hello');
    expect(grpc.asked.length).toBe(before + 1);
  });

  test('refuses what an authorizer that is not there would be asked about', async () => {
    await gate.apply('AuthorizationPolicy', [
      { action: 'CUSTOM', provider: { name: 'nobody' }, rules: [{ to: [{ operation: { paths: ['/private*'] } }] }] },
    ]);
    await check({ matched: [{ path: '/private' }, 403], 'not matched': [{ path: '/' }, 200] });
  });

  test('refused nothing of its configuration', () => {
    expect([...gate.mesh.envoys.values()].flatMap((envoy) => envoy.nacks())).toEqual([]);
  });
});
