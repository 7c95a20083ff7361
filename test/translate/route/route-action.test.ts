import { describe, expect, test } from 'vitest';

import type { HTTPRoute, TrafficPolicy } from '../../../src/model/schema/index.ts';
import { makeSettings } from '../../support/objects/make.ts';
import type { routesOf } from '../../support/objects/make-routes.ts';
import { routeOf, shop, sidecar, toBoth, toOven, withPolicy } from '../../support/objects/make-routes.ts';

describe('destinations', () => {
  const cluster = (
    destination: { host: string; subset?: string; port?: { number: number } },
    options?: Parameters<typeof routesOf>[1],
  ) => routeOf({ route: [{ destination }] }, options).route?.cluster;

  test('port and subset are written out; unknown ones are no error', () => {
    expect(cluster({ host: 'shop', port: { number: 9000 }, subset: 'v2' })).toBe(
      'outbound|9000|v2|shop.bakery.svc.cluster.local',
    );
    expect(cluster({ host: 'nowhere' })).toBe('outbound|80||nowhere.bakery.svc.cluster.local');
    expect(cluster({ host: 'api.example', port: { number: 7 } })).toBe('outbound|7||api.example');
  });

  test('without a port it is the one of the request; at gateways the only one of the service', () => {
    expect(cluster({ host: 'shop' })).toBe('outbound|80||shop.bakery.svc.cluster.local');
    expect(cluster({ host: 'oven' }, { port: 8080 })).toBe('outbound|8080||oven.bakery.svc.cluster.local');
    const gateway = { ...sidecar, gateways: ['edge/public'] };
    expect(cluster({ host: 'shop' }, { caller: gateway })).toBe('outbound|9000||shop.bakery.svc.cluster.local');
  });

  test('several share by weight, in order; those without weight get nothing', () => {
    const none = { destination: { host: 'attic' }, weight: 0 };
    const route = routeOf({ name: 'r', match: [{ uri: { prefix: '/x' } }], route: [none, ...toBoth.route] });
    expect(route.route?.weighted_clusters).toEqual({
      clusters: [
        { name: 'outbound|80||oven.bakery.svc.cluster.local', weight: 1 },
        { name: 'outbound|80||shop.bakery.svc.cluster.local', weight: 3 },
      ],
    });
    expect(route.decorator).toEqual({ operation: 'routes:80/x*' });
  });

  test('a single destination needs no weight', () => {
    expect(routeOf({ route: [{ destination: { host: 'oven' }, weight: 0 }] }).route?.cluster).toMatch(/oven/);
  });

  test.each([
    { why: 'no destination', route: {} },
    {
      why: 'no weight anywhere',
      route: { route: [{ destination: { host: 'oven' } }, { destination: { host: 'shop' } }] },
    },
    {
      why: 'a body longer than Envoy takes',
      route: { directResponse: { status: 200, body: { string: 'é'.repeat(524_289) } } },
    },
    { why: 'a redirect code that Envoy does not have', route: { redirect: { uri: '/x', redirectCode: 305 } } },
  ])('$why is answered with 500, so that the other routes live', ({ route }) => {
    expect(routeOf(route)).toMatchObject({ direct_response: { status: 500 } });
    expect(routeOf(route)).not.toHaveProperty('route');
  });
});

describe('headers', () => {
  const set = (key: string, value: string) => ({ header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' });
  const add = (key: string, value: string) => ({ header: { key, value } });

  test('replaced before added, each by name; what Envoy keeps for itself is left out', () => {
    const headers = {
      request: { set: { b: '1', a: '2', ':path': '/x' }, add: { d: '3', c: '4' }, remove: ['e', 'Host', ':method'] },
      response: { set: { f: '5' }, add: { ':status': '1' }, remove: ['g'] },
    };
    expect(routeOf({ headers, ...toOven })).toMatchObject({
      request_headers_to_add: [set('a', '2'), set('b', '1'), add('c', '4'), add('d', '3')],
      request_headers_to_remove: ['e'],
      response_headers_to_add: [set('f', '5')],
      response_headers_to_remove: ['g'],
    });
  });

  test('those of a single destination follow those of the route', () => {
    const headers = { request: { set: { x: 'own' } }, response: { remove: ['y'] } };
    const route = routeOf({
      headers: { request: { add: { a: 'route' } } },
      route: [{ destination: { host: 'oven' }, headers }],
    });
    expect(route.request_headers_to_add).toEqual([add('a', 'route'), set('x', 'own')]);
    expect(route.response_headers_to_remove).toEqual(['y']);
    expect(route).not.toHaveProperty('request_headers_to_remove');
  });

  test('those of several destinations stay theirs', () => {
    const headers = { request: { set: { x: 'own', Host: 'a.example' } } };
    const [oven, shop] = toBoth.route;
    const route = routeOf({
      route: [
        { ...oven, destination: { host: 'oven' }, headers },
        { weight: 3, destination: shop!.destination },
      ],
    });
    expect(route.route?.weighted_clusters?.clusters?.[0]).toMatchObject({
      request_headers_to_add: [set('x', 'own')],
      host_rewrite_literal: 'a.example',
    });
    expect(route).not.toHaveProperty('request_headers_to_add');
  });

  test('the host: the rewrite goes before the headers of the route, those before the destination’s', () => {
    const authority = (name: string) => ({ request: { set: { ':authority': name } } });
    const own = { route: [{ destination: { host: 'oven' }, headers: authority('dest') }] };
    const literal = (route: HTTPRoute) => routeOf(route).route?.host_rewrite_literal;
    expect(literal({ ...own, headers: authority('route'), rewrite: { authority: 'rewrite' } })).toBe('rewrite');
    expect(literal({ ...own, headers: authority('route') })).toBe('route');
    expect(literal(own)).toBe('dest');
    expect(literal({ ...toOven, headers: { request: { add: { host: 'added' } } } })).toBe('added');
  });
});

describe('rewrite, timeout, retries', () => {
  test('the path', () => {
    expect(routeOf({ rewrite: { uri: '/new' }, ...toOven }).route).toMatchObject({ prefix_rewrite: '/new' });
    const uriRegexRewrite = { match: '^/a/(.*)', rewrite: '/b/\\1' };
    expect(routeOf({ rewrite: { uri: '/new', uriRegexRewrite }, ...toOven }).route).toMatchObject({
      regex_rewrite: { pattern: { regex: '^/a/(.*)' }, substitution: '/b/\\1' },
    });
  });

  test('a timeout holds for gRPC, too', () => {
    expect(routeOf({ timeout: '1m30.5s', ...toOven }).route).toMatchObject({
      timeout: '90.5s',
      max_grpc_timeout: '90.5s',
    });
  });

  const retry = (retries: HTTPRoute['retries'], options?: Parameters<typeof routesOf>[1]) =>
    routeOf({ ...(retries !== undefined && { retries }), ...toOven }, options).route?.retry_policy;

  test('everything that can be said about retries', () => {
    const policy = retry({
      attempts: 4,
      perTryTimeout: '250ms',
      retryOn: '503, gateway-error,404',
      retryRemoteLocalities: true,
      retryIgnorePreviousHosts: false,
      backoff: '20ms',
    });
    expect(policy).toEqual({
      num_retries: 4,
      retry_on: 'gateway-error,retriable-status-codes',
      retriable_status_codes: [503, 404],
      host_selection_retry_max_attempts: 5,
      per_try_timeout: '0.25s',
      retry_priority: {
        name: 'envoy.retry_priorities.previous_priorities',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
          update_frequency: 2,
        },
      },
      retry_back_off: { base_interval: '0.02s' },
    });
  });

  test('status codes need a condition of their own, once', () => {
    expect(retry({ attempts: 1, retryOn: 'retriable-status-codes,429' })).toMatchObject({
      retry_on: 'retriable-status-codes',
      retriable_status_codes: [429],
    });
  });

  test('none at all for no attempts; the mesh’s policy only where the route has none', () => {
    const mesh = makeSettings({ defaultHttpRetryPolicy: { attempts: 7, retryOn: '5xx' } });
    expect(retry({ attempts: 0 })).toBeUndefined();
    expect(retry(undefined, { mesh })).toMatchObject({ num_retries: 7, retry_on: '5xx' });
    expect(retry({ attempts: 1 }, { mesh })).toMatchObject({
      num_retries: 1,
      retry_on: expect.stringContaining('refused-stream'),
    });
  });
});

describe('hashing', () => {
  const hash = (consistentHash: NonNullable<NonNullable<TrafficPolicy['loadBalancer']>['consistentHash']>) => ({
    loadBalancer: { consistentHash },
  });
  const policies = (policy: TrafficPolicy, route: HTTPRoute = toOven) =>
    routeOf(route, { services: [withPolicy(policy), shop] }).route?.hash_policy;

  test.each([
    { key: { httpHeaderName: 'x-user' }, expected: { header: { header_name: 'x-user' } } },
    { key: { httpCookie: { name: 'sid', path: '/', ttl: '30m' } }, expected: { cookie: { name: 'sid', path: '/', ttl: '1800s' } } }, // prettier-ignore
    { key: { httpCookie: { name: 'sid', ttl: '0s' } }, expected: { cookie: { name: 'sid', ttl: '0s' } } },
    { key: { useSourceIp: true }, expected: { connection_properties: { source_ip: true } } },
    { key: { httpQueryParameterName: 'q' }, expected: { query_parameter: { name: 'q' } } },
  ])('by $key', ({ key, expected }) => {
    expect(policies(hash(key))).toEqual([expected]);
  });

  test('as the policy for the port says', () => {
    const policy = {
      ...hash({ httpHeaderName: 'any' }),
      portLevelSettings: [{ port: { number: 80 }, ...hash({ httpHeaderName: 'eighty' }) }, { port: { number: 81 } }],
    };
    expect(policies(policy)).toEqual([{ header: { header_name: 'eighty' } }]);
    expect(policies(policy, { route: [{ destination: { host: 'oven', port: { number: 81 } } }] })).toBeUndefined();
  });

  test('a single destination that hashes may be tried again where it failed; several may not', () => {
    const services = [withPolicy(hash({ httpHeaderName: 'x-user' })), shop];
    expect(routeOf(toOven, { services }).route?.retry_policy).not.toHaveProperty('retry_host_predicate');
    const several = routeOf(toBoth, { services }).route;
    expect(several?.hash_policy).toEqual([{ header: { header_name: 'x-user' } }]);
    expect(several?.retry_policy).toHaveProperty('retry_host_predicate');
  });
});

describe('answers of Envoy itself', () => {
  test.each([
    {
      redirect: { uri: '/new', authority: 'a.example' },
      expected: { path_redirect: '/new', host_redirect: 'a.example' },
    },
    { redirect: { redirectCode: 308 }, expected: { path_redirect: '', response_code: 'PERMANENT_REDIRECT' } },
    { redirect: { port: 8443, scheme: 'https' }, expected: { path_redirect: '', port_redirect: 8443, scheme_redirect: 'https' } }, // prettier-ignore
    { redirect: { port: 443, scheme: 'https' }, expected: { path_redirect: '', scheme_redirect: 'https' } },
    { redirect: { port: 80 }, expected: { path_redirect: '' } },
    { redirect: { derivePort: 'FROM_REQUEST_PORT' as const, uri: '%PREFIX()%/x' }, expected: { path_redirect: '%PREFIX()%/x', port_redirect: 8080 } }, // prettier-ignore
    { redirect: { derivePort: 'FROM_PROTOCOL_DEFAULT' as const }, expected: { path_redirect: '' } },
  ])('redirect $redirect', ({ redirect, expected }) => {
    expect(routeOf({ redirect }, { port: 8080 })).toMatchObject({ decorator: { operation: 'routes:8080/*' } });
    expect(routeOf({ redirect }, { port: 8080 }).redirect).toEqual(expected);
  });

  test('fixed responses keep their headers', () => {
    const headers = { response: { remove: ['x'] } };
    expect(routeOf({ headers, directResponse: { status: 418, body: { string: 'short' } } })).toMatchObject({
      direct_response: { status: 418, body: { inline_string: 'short' } },
      response_headers_to_remove: ['x'],
      decorator: { operation: 'routes:80/*' },
    });
    expect(routeOf({ directResponse: { status: 200, body: { bytes: 'b2s=' } } }).direct_response).toEqual({
      status: 200,
      body: { inline_bytes: 'b2s=' },
    });
  });
});
