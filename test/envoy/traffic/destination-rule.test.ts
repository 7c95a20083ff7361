// What a DestinationRule does to connections and requests, counted at the servers behind a stock Envoy.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/
import type { Lab } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startLab } from '../../support/mesh/lab.ts';
import { destinationRule, virtualService } from '../../support/objects/rules.ts';
import { repeat, tally, whoOf } from '../../support/mesh/traffic.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ workloads: ['store-v1', 'store-v2', 'audit-v1'] });
});
afterAll(() => lab?.stop());
beforeEach(() => {
  for (const app of [lab.app('store-v1'), lab.app('store-v2'), lab.app('audit-v1')]) {
    app.arrivals.length = 0;
    app.behaviors.length = 0;
  }
});

const policy = (fields: string) => lab.mesh.change('policy.yaml', destinationRule('store', `trafficPolicy: ${fields}`));
const arrived = (name: string): number => lab.app(name).arrivals.length;
const oneByOne = async (count: number, headers = {}) =>
  tally((await repeat(count, () => lab.call('store', { headers }), 1)).map(whoOf));

describe('load balancing', () => {
  test('ROUND_ROBIN takes turns', async () => {
    await policy('{ loadBalancer: { simple: ROUND_ROBIN } }');
    expect(await oneByOne(40)).toEqual({ 'store-v1': 20, 'store-v2': 20 });
  });

  test('RANDOM spreads without taking turns', async () => {
    await policy('{ loadBalancer: { simple: RANDOM } }');
    const seen = (await repeat(100, () => lab.call('store'), 1)).map(whoOf);
    const { 'store-v1': first = 0, 'store-v2': other = 0 } = tally(seen);
    expect(first + other).toBe(100);
    expect(Math.min(first, other)).toBeGreaterThan(20);
    expect(seen.some((who, index) => who === seen[index - 1])).toBe(true);
  });

  test('a consistent hash of a header sticks, and different values spread', async () => {
    await policy('{ loadBalancer: { consistentHash: { httpHeaderName: x-user } } }');
    const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const instances = await repeat(users.length, async (index) => {
      const seen = await oneByOne(4, { 'x-user': users[index] });
      expect(Object.values(seen), users[index]).toEqual([4]);
      return Object.keys(seen)[0] ?? '';
    });
    expect(new Set(instances).size).toBe(2);
  });

  test('a consistent hash of a cookie that the proxy hands out', async () => {
    await policy('{ loadBalancer: { consistentHash: { httpCookie: { name: cart, ttl: 60s } } } }');
    const first = await lab.call('store');
    const [cookie = ''] = String(first.headers['set-cookie']).split(';');
    expect(cookie).toMatch(/^cart=/);
    expect(await oneByOne(10, { cookie })).toEqual({ [whoOf(first)]: 10 });
  });

  test('a consistent hash of a query parameter', async () => {
    await policy('{ loadBalancer: { consistentHash: { httpQueryParameterName: cart } } }');
    const seen = (await repeat(10, () => lab.call('store', { path: '/?cart=7' }))).map(whoOf);
    expect(new Set(seen).size).toBe(1);
  });
});

describe('subsets', () => {
  test('have a policy of their own', async () => {
    const spec = `
trafficPolicy: { loadBalancer: { simple: RANDOM } }
subsets:
  - name: all
    trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }
  - { name: second, labels: { version: v2 } }
`;
    await lab.mesh.change('policy.yaml', destinationRule('store', spec));
    const route = (subset: string) =>
      virtualService('store', `http: [{ route: [{ destination: { host: store, subset: ${subset} } }] }]`);
    await lab.mesh.change('routes.yaml', route('second'));
    expect(await oneByOne(10)).toEqual({ 'store-v2': 10 });
    await lab.mesh.change('routes.yaml', route('all'));
    expect(await oneByOne(20)).toEqual({ 'store-v1': 10, 'store-v2': 10 });
    await lab.mesh.change('routes.yaml', undefined);
  });
});

describe('the connection pool', () => {
  test('what neither has a connection nor may wait is refused at once', async () => {
    await policy('{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }');
    const answers = await repeat(10, () => lab.call('store', { path: '/?delay=500' }), 10);
    const refused = answers.filter(({ status }) => status === 503);
    // One or two are served at a time, one for each workload, and one more may wait.
    expect(refused.length).toBeGreaterThanOrEqual(6);
    for (const { headers } of refused) expect(headers['x-envoy-overloaded']).toBe('true');
    expect(arrived('store-v1') + arrived('store-v2')).toBe(10 - refused.length);
    expect(refused.length).toBeLessThan(10);
  });

  test('maxRequestsPerConnection 1 has every request on a connection of its own', async () => {
    await policy('{ connectionPool: { http: { maxRequestsPerConnection: 1 } } }');
    await oneByOne(6);
    const arrivals = ['store-v1', 'store-v2'].flatMap((name) => lab.app(name).arrivals);
    expect(new Set(arrivals.map(({ connection }) => connection)).size).toBe(6);
  });
});

describe('outlier detection', () => {
  test('a host that fails three times in a row is left out', async () => {
    await policy(
      '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { consecutive5xxErrors: 3, baseEjectionTime: 300s, maxEjectionPercent: 100 } }',
    );
    lab.app('store-v2').behaviors.push(...Array.from({ length: 100 }, () => 500));
    const { 500: failed = 0, ...others } = await oneByOne(40);
    // Envoy's main thread is told, and tells the others: until then it is still in turn.
    expect([3, 4, 5]).toContain(failed);
    expect(others).toEqual({ 'store-v1': 40 - failed });
    expect(arrived('store-v2')).toBe(failed);
  });
});

test('a rule for one service is not for another', async () => {
  await policy('{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }');
  const answers = await repeat(10, () => lab.call('audit', { path: '/?delay=100' }), 10);
  expect(tally(answers.map(whoOf))).toEqual({ 'audit-v1': 10 });
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
