// What a rule of a VirtualService does with a request: where it goes and how it is changed, seen in the traffic of a
// stock Envoy.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
import type { Lab } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startLab } from '../../support/mesh/lab.ts';
import { versions, virtualService } from '../../support/objects/rules.ts';
import { arrival, repeat, tally, whoOf } from '../../support/mesh/traffic.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({
    workloads: ['store-v1', 'store-v2', 'audit-v1'],
    files: { 'subsets.yaml': versions('store') },
  });
});
afterAll(() => lab?.stop());

const rules = (http: string) => lab.mesh.change('store.yaml', virtualService('store', http));
const to = (subset: string): string => `[{ destination: { host: store, subset: ${subset} } }]`;

describe('where a request goes', () => {
  test('without rules it goes to any workload of the service', async () => {
    const seen = tally((await repeat(40, () => lab.call('store'))).map(whoOf));
    expect(Object.keys(seen).toSorted()).toEqual(['store-v1', 'store-v2']);
  });

  test('to a subset', async () => {
    await rules(`http: [{ route: ${to('v2')} }]`);
    expect(tally((await repeat(20, () => lab.call('store'))).map(whoOf))).toEqual({ 'store-v2': 20 });
  });

  test('to another service', async () => {
    await rules('http: [{ route: [{ destination: { host: audit } }] }]');
    expect(whoOf(await lab.call('store'))).toBe('audit-v1');
  });

  test('by weights', async () => {
    await rules(`
http:
  - route:
      - { destination: { host: store, subset: v1 }, weight: 80 }
      - { destination: { host: store, subset: v2 }, weight: 20 }
`);
    const seen = tally((await repeat(500, () => lab.call('store'))).map(whoOf));
    // 100 are expected; a count outside of this has a probability below one in ten million.
    expect(seen['store-v2']).toBeGreaterThan(50);
    expect(seen['store-v2']).toBeLessThan(150);
    expect(seen['store-v1']).toBe(500 - (seen['store-v2'] ?? 0));
  });

  test('weight 0 has none', async () => {
    await rules(`
http:
  - route:
      - { destination: { host: store, subset: v1 }, weight: 0 }
      - { destination: { host: store, subset: v2 }, weight: 100 }
`);
    expect(tally((await repeat(30, () => lab.call('store'))).map(whoOf))).toEqual({ 'store-v2': 30 });
  });

  test('to a subset that is not defined: 503', async () => {
    await rules(`http: [{ route: ${to('v9')} }]`);
    expect(whoOf(await lab.call('store'))).toBe('503');
  });

  test('a removed VirtualService gives the default back', async () => {
    await rules(`http: [{ route: ${to('v2')} }]`);
    await lab.mesh.change('store.yaml', undefined);
    const seen = tally((await repeat(40, () => lab.call('store'))).map(whoOf));
    expect(Object.keys(seen).toSorted()).toEqual(['store-v1', 'store-v2']);
  });
});

describe('how it is changed', () => {
  const seenOf = async (path: string, headers = {}) => arrival(await lab.call('store', { path, headers }));

  test('rewrite uri replaces the prefix that matched', async () => {
    await rules(`
http:
  - match: [{ uri: { prefix: /catalog } }, { uri: { prefix: /listing } }]
    rewrite: { uri: /shop }
    route: ${to('v2')}
  - route: ${to('v1')}
`);
    expect(await seenOf('/catalog/7?x=1')).toMatchObject({ instance: 'store-v2', path: '/shop/7?x=1' });
    expect(await seenOf('/listing')).toMatchObject({ instance: 'store-v2', path: '/shop' });
    expect(await seenOf('/imprint')).toMatchObject({ instance: 'store-v1', path: '/imprint' });
  });

  test('rewrite uri replaces a whole path that matched exactly', async () => {
    await rules(`http: [{ match: [{ uri: { exact: /old } }], rewrite: { uri: /new }, route: ${to('v1')} }]`);
    expect(await seenOf('/old?x=1')).toMatchObject({ path: '/new?x=1' });
  });

  test('rewrite authority', async () => {
    await rules(`http: [{ rewrite: { authority: other.example }, route: ${to('v1')} }]`);
    expect((await seenOf('/')).headers.host).toBe('other.example');
  });

  test('rewrite by regular expression', async () => {
    await rules(`
http:
  - rewrite: { uriRegexRewrite: { match: '^/v[0-9]+/(.*)$', rewrite: '/api/\\1' } }
    route: ${to('v1')}
`);
    expect(await seenOf('/v3/items')).toMatchObject({ path: '/api/items' });
    expect(await seenOf('/items')).toMatchObject({ path: '/items' });
  });

  test('request and response headers are set, added and removed, by route and by destination', async () => {
    await rules(`
http:
  - headers:
      request: { set: { x-set: route }, add: { x-add: route }, remove: [x-gone] }
      response: { set: { x-seen: 'yes' }, remove: [x-instance] }
    route:
      - destination: { host: store, subset: v1 }
        headers:
          request: { add: { x-add: destination } }
          response: { add: { x-version: one } }
`);
    const headers = { 'x-set': 'caller', 'x-add': 'caller', 'x-gone': '1', 'x-kept': '1' };
    const answer = await lab.call('store', { headers });
    const seen = arrival(answer).headers;
    expect(seen).toMatchObject({ 'x-set': 'route', 'x-kept': '1' });
    expect(String(seen['x-add']).split(/, */).toSorted()).toEqual(['caller', 'destination', 'route']);
    expect(seen).not.toHaveProperty('x-gone');
    expect(answer.headers).toMatchObject({ 'x-seen': 'yes', 'x-version': 'one' });
    expect(answer.headers).not.toHaveProperty('x-instance');
  });

  test('a set host header is the new authority', async () => {
    await rules(`http: [{ headers: { request: { set: { Host: other.example } } }, route: ${to('v1')} }]`);
    expect((await seenOf('/')).headers.host).toBe('other.example');
  });
});

describe('what is answered at once', () => {
  test('a redirect: path, host and code', async () => {
    await rules(`
http:
  - match: [{ uri: { prefix: /old } }]
    redirect: { uri: /new, authority: other.example, redirectCode: 308 }
  - match: [{ uri: { prefix: /plain } }]
    redirect: { authority: other.example }
  - match: [{ uri: { prefix: /secure } }]
    redirect: { scheme: https, port: 8443 }
  - route: ${to('v1')}
`);
    const before = lab.app('store-v1').arrivals.length;
    const old = await lab.call('store', { path: '/old/7' });
    expect([old.status, old.headers.location]).toEqual([308, 'http://other.example/new']);
    const plain = await lab.call('store', { path: '/plain?x=1' });
    expect([plain.status, plain.headers.location]).toEqual([301, 'http://other.example/plain?x=1']);
    const secure = await lab.call('store', { path: '/secure' });
    expect([secure.status, secure.headers.location]).toEqual([301, 'https://store:8443/secure']);
    expect(lab.app('store-v1').arrivals.length).toBe(before);
  });

  test('a direct response: status and body', async () => {
    await rules('http: [{ directResponse: { status: 418, body: { string: short and stout } } }]');
    expect(await lab.call('store')).toMatchObject({ status: 418, body: 'short and stout' });
  });

  test('a direct response without a body', async () => {
    await rules('http: [{ directResponse: { status: 204 } }]');
    expect(await lab.call('store')).toMatchObject({ status: 204, body: '' });
  });
});

describe('delegation', () => {
  const delegate = (name: string, http: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: lab }
spec:
${http}
`;

  test('a delegate gets the requests of its root rule, narrowed by its own', async () => {
    const root = virtualService('store', `
http:
  - match: [{ uri: { prefix: /reviews } }]
    delegate: { name: of-reviews, namespace: lab }
  - route: ${to('v1')}
`); // prettier-ignore
    const of = delegate('of-reviews', `
  http:
    - match: [{ uri: { prefix: /reviews/new } }]
      route: ${to('v2')}
    - directResponse: { status: 410 }
`); // prettier-ignore
    await lab.mesh.change('store.yaml', `${root}---${of}`);
    expect(whoOf(await lab.call('store', { path: '/reviews/new' }))).toBe('store-v2');
    expect(whoOf(await lab.call('store', { path: '/reviews/old' }))).toBe('410');
    expect(whoOf(await lab.call('store', { path: '/' }))).toBe('store-v1');
  });
});

describe('cross-origin requests', () => {
  const preflight = (origin: string) =>
    lab.call('store', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } });

  test('a preflight of an allowed origin is answered by the proxy, another one says nothing of permission', async () => {
    await rules(`
http:
  - corsPolicy:
      allowOrigins: [{ exact: https://front.example }, { regex: 'https://.*\\.trusted\\.example' }]
      allowMethods: [GET, PUT]
      allowHeaders: [x-user]
      exposeHeaders: [x-instance]
      maxAge: 10m
      allowCredentials: true
    route: ${to('v1')}
`);
    const before = lab.app('store-v1').arrivals.length;
    const allowed = await preflight('https://front.example');
    expect(allowed.status).toBe(200);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': 'https://front.example',
      'access-control-allow-methods': 'GET,PUT',
      'access-control-allow-headers': 'x-user',
      'access-control-max-age': '600',
      'access-control-allow-credentials': 'true',
    });
    expect((await preflight('https://a.trusted.example')).headers['access-control-allow-origin']).toBe(
      'https://a.trusted.example',
    );
    expect(lab.app('store-v1').arrivals.length).toBe(before);
    expect((await preflight('https://evil.example')).headers).not.toHaveProperty('access-control-allow-origin');
    const actual = await lab.call('store', { headers: { origin: 'https://front.example' } });
    expect(whoOf(actual)).toBe('store-v1');
    expect(actual.headers).toMatchObject({
      'access-control-allow-origin': 'https://front.example',
      'access-control-expose-headers': 'x-instance',
    });
  });
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
