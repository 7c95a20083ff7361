// Where the endpoints of a service are, and which of them a caller prefers, counted at the servers behind a stock Envoy.
// https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/
import type { Lab } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startLab } from '../../support/mesh/lab.ts';
import { waitFor } from '../../support/mesh/live-mesh.ts';
import { destinationRule } from '../../support/objects/rules.ts';
import { repeat, tally, whoOf } from '../../support/mesh/traffic.ts';

const here = { 'istio-locality': 'north.n1.a' };
const workloads = [
  { name: 'store-v1', labels: here },
  { name: 'store-v2', labels: { 'istio-locality': 'north.n2.a' } },
  { name: 'store-v3', labels: { 'istio-locality': 'east.e1.a' } },
  { name: 'store-v4', labels: { 'istio-locality': 'south.s1.a', tier: 'gold' } },
];
let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ workloads, caller: { labels: { ...here, tier: 'gold' } } });
});
afterAll(() => lab?.stop());
beforeEach(() => {
  for (const { name } of workloads) lab.app(name).behaviors.length = 0;
});

const ejecting = 'outlierDetection: { consecutive5xxErrors: 1, baseEjectionTime: 300s, maxEjectionPercent: 100 }';
const policy = (setting: string, more = ejecting) =>
  lab.mesh.change(
    'policy.yaml',
    destinationRule(
      'store',
      `trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN, localityLbSetting: ${setting} }, ${more} }`,
    ),
  );
const seen = async (count: number) => tally((await repeat(count, () => lab.call('store'), 1)).map(whoOf));

describe('failover', () => {
  test('without outlier detection or a setting all localities are used', async () => {
    await lab.mesh.change('policy.yaml', destinationRule('store', 'trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }')); // prettier-ignore
    expect(await seen(40)).toEqual({ 'store-v1': 10, 'store-v2': 10, 'store-v3': 10, 'store-v4': 10 });
  });

  test('the own zone comes first, then the region, then the region that takes over, then the rest', async () => {
    await policy('{ enabled: true, failover: [{ from: north, to: south }] }');
    expect(await seen(20)).toEqual({ 'store-v1': 20 });
    for (const [failing, next] of [
      ['store-v1', 'store-v2'],
      ['store-v2', 'store-v4'],
      ['store-v4', 'store-v3'],
    ] as const) {
      // prettier-ignore
      lab.app(failing).behaviors.push(...Array.from({ length: 1000 }, () => 500));
      // Envoy applies changes of health at most once a second.
      await waitFor(`${next} to take over`, async () => whoOf(await lab.call('store')) === next);
      expect(await seen(20)).toEqual({ [next]: 20 });
    }
  });

  test('by labels that caller and endpoint have in common', async () => {
    await policy('{ enabled: true, failoverPriority: [tier] }', ejecting.replace('300s', '301s'));
    expect(await seen(20)).toEqual({ 'store-v4': 20 });
  });
});

describe('distribute', () => {
  test('gives each locality its share', async () => {
    const to = '{ north/n1/*: 20, east/*: 80 }';
    await policy(`{ enabled: true, distribute: [{ from: north/*, to: ${to} }] }`, ejecting.replace('300s', '302s'));
    const { 'store-v1': own = 0, 'store-v3': east = 0, ...others } = await seen(200);
    expect(others).toEqual({});
    expect(own + east).toBe(200);
    expect(own).toBeGreaterThan(12);
    expect(own).toBeLessThan(80);
  });

  test('is not for callers elsewhere', async () => {
    await policy(
      '{ enabled: true, distribute: [{ from: south/*, to: { east/*: 100 } }] }',
      'connectionPool: { tcp: { maxConnections: 100 } }',
    );
    expect(Object.keys(await seen(40))).toHaveLength(4);
  });
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
