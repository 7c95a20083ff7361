import { describe, expect, test } from 'vitest';

import type { HTTPRoute } from '../../../src/model/schema/index.ts';
import { hasRoutes } from '../../../src/translate/envoy/route/route.ts';
import { makeVirtualService } from '../../support/objects/make.ts';
import { routeOf, routesOf, sidecar, toOven } from '../../support/objects/make-routes.ts';

test('a plain route, whole', () => {
  expect(routeOf({ name: 'bread', ...toOven })).toEqual({
    name: 'bread',
    match: { prefix: '/' },
    metadata: {
      filter_metadata: { istio: { config: '/apis/networking.istio.io/v1/namespaces/bakery/virtual-service/routes' } },
    },
    decorator: { operation: 'oven.bakery.svc.cluster.local:80/*' },
    route: {
      cluster: 'outbound|80||oven.bakery.svc.cluster.local',
      timeout: '0s',
      max_grpc_timeout: '0s',
      retry_policy: expect.objectContaining({ num_retries: 2 }),
    },
  });
});

describe('which routes there are', () => {
  const names = (...args: Parameters<typeof routesOf>) => routesOf(...args).map((route) => route.name);

  test('one for each match block, in order, named after both', () => {
    const match = [{ name: 'a', uri: { exact: '/a' } }, { uri: { exact: '/b' } }];
    expect(names([{ name: 'r', match, ...toOven }, { match: [{ name: 'c', uri: { exact: '/c' } }], ...toOven }])).toEqual(['r.a', 'r', '.c']); // prettier-ignore
    expect(routesOf([toOven])[0]).not.toHaveProperty('name');
  });

  test.each([
    { why: 'no match', match: undefined },
    { why: 'prefix /', match: { uri: { prefix: '/' } } },
    { why: 'an empty match', match: {} },
    { why: 'regex .*', match: { uri: { regex: '.*' } } },
    { why: 'only what is decided here', match: { sourceNamespace: 'bakery', port: 80 } },
  ])('nothing follows $why', ({ match }) => {
    const first = { name: 'all', ...(match !== undefined && { match: [match, { uri: { exact: '/b' } }] }), ...toOven };
    expect(names([first, { name: 'never', ...toOven }])).toEqual(['all']);
  });

  test.each([
    { why: 'headers', match: { uri: { prefix: '/' }, headers: { a: { exact: 'b' } } } },
    { why: 'absent headers', match: { withoutHeaders: { a: {} } } },
    { why: 'query parameters', match: { uri: { regex: '.*' }, queryParams: { a: { exact: 'b' } } } },
    { why: 'claims', match: { headers: { '@request.auth.claims.group': { exact: 'b' } } } },
    { why: 'another path', match: { uri: { prefix: '/x' } } },
  ])('others follow a match with $why', ({ match }) => {
    expect(
      names([
        { name: 'some', match: [match], ...toOven },
        { name: 'rest', ...toOven },
      ]),
    ).toEqual(['some', 'rest']);
  });

  test.each([
    { match: { sourceLabels: { app: 'till' } }, applies: true },
    { match: { sourceLabels: { app: 'till', version: 'v1' } }, applies: false },
    { match: { sourceNamespace: 'bakery' }, applies: true },
    { match: { sourceNamespace: 'farm' }, applies: false },
    { match: { port: 80 }, applies: true },
    { match: { port: 81 }, applies: false },
    { match: { gateways: ['mesh'], sourceNamespace: 'farm' }, applies: true },
    { match: { gateways: ['edge/public'] }, applies: false },
  ])('$match applies: $applies', ({ match, applies }) => {
    const http = [{ match: [match], ...toOven }];
    expect(routesOf(http)).toHaveLength(applies ? 1 : 0);
    expect(hasRoutes(makeVirtualService({ hosts: ['oven'], http }), sidecar, 80)).toBe(applies);
  });
});

describe('match', () => {
  const matchOf = (match: NonNullable<HTTPRoute['match']>[number]) => routeOf({ match: [match], ...toOven }).match;

  test.each([
    { uri: { exact: '/a' }, expected: { path: '/a' } },
    { uri: { prefix: '/a' }, expected: { prefix: '/a' } },
    { uri: { regex: '/a.*' }, expected: { safe_regex: { regex: '/a.*' } } },
    { uri: {}, expected: { prefix: '/' } },
  ])('path $uri', ({ uri, expected }) => {
    expect(matchOf({ uri })).toEqual({ ...expected, case_sensitive: true });
    expect(matchOf({ uri, ignoreUriCase: true })).toEqual({ ...expected, case_sensitive: false });
  });

  test('headers by name, then the request line', () => {
    const match = {
      scheme: { exact: 'http' },
      authority: { prefix: 'oven.' },
      method: { regex: 'GET|HEAD' },
      headers: { zebra: { exact: '' }, beta: { regex: '*' }, alpha: {} },
      withoutHeaders: { mid: { prefix: 'x' }, aside: {} },
    };
    expect(matchOf(match)?.headers).toEqual([
      { name: 'alpha', present_match: true },
      { name: 'aside', present_match: true, invert_match: true },
      { name: 'beta', present_match: true },
      { name: 'mid', string_match: { prefix: 'x' }, invert_match: true, treat_missing_header_as_empty: true },
      { name: 'zebra', string_match: { exact: '' } },
      { name: ':method', string_match: { safe_regex: { regex: 'GET|HEAD' } } },
      { name: ':authority', string_match: { prefix: 'oven.' } },
      { name: ':scheme', string_match: { exact: 'http' } },
    ]);
  });

  test('query parameters by name', () => {
    expect(matchOf({ queryParams: { size: { regex: '[0-9]+' }, kind: {} } })?.query_parameters).toEqual([
      { name: 'kind', present_match: true },
      { name: 'size', string_match: { safe_regex: { regex: '[0-9]+' } } },
    ]);
  });

  test('claims of a verified token, in both notations', () => {
    const text = { string_match: { exact: 'bakers' } };
    const value = { or_match: { value_matchers: [{ list_match: { one_of: text } }, text] } };
    const path = (...keys: string[]) => ['payload', ...keys].map((key) => ({ key }));
    const filter = 'envoy.filters.http.jwt_authn';
    const match = matchOf({
      headers: { '@request.auth.claims.groups': { exact: 'bakers' } },
      withoutHeaders: { '@request.auth.claims[realm][groups]': { exact: 'bakers' } },
    });
    expect(match).not.toHaveProperty('headers');
    expect(match?.dynamic_metadata).toEqual([
      { filter, path: path('groups'), value },
      { filter, path: path('realm', 'groups'), value, invert: true },
    ]);
  });

  test('a statistics prefix belongs to the route', () => {
    expect(routeOf({ match: [{ statPrefix: 'loaves' }], ...toOven }).stat_prefix).toBe('loaves');
  });
});
