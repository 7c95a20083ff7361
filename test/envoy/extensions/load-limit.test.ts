// What may be under way at a time, in real Envoys: at the workload, at its callers, and what a DestinationRule says besides;
// retries within their budget; fewer requests when answers come late or are failures.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import type { Lab } from '../../support/mesh/lab.ts';
import { namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import { tally } from '../../support/mesh/traffic.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ workloads: [{ name: 'store-v1', sidecar: true }] });
}, 120_000);

afterAll(() => lab?.stop());

afterEach(() => {
  lab.app('store-v1').behaviors.length = 0;
  lab.app('store-v1').arrivals.length = 0;
});

const atWorkload = { selector: { matchLabels: { app: 'store' } } };
const atCallers = { targetRefs: [{ group: '', kind: 'Service', name: 'store' }] };

/** `http` is the DestinationRule's. Connections keep the limits that they were opened under: so each has one request. */
async function limitTo(spec: object, http: object = {}, retries: object = {}): Promise<void> {
  const trafficPolicy = { connectionPool: { http: { maxRequestsPerConnection: 1, ...http } } };
  const metadata = { name: 'store', namespace };
  const objects = [
    { apiVersion: 'policy.keelson.io/v1alpha1', kind: 'RateLimitPolicy', metadata, spec },
    { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec: { host: 'store', trafficPolicy } },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata,
      spec: { hosts: ['store'], http: [{ route: [{ destination: { host: 'store' } }], retries }] },
    },
  ];
  await lab.mesh.change('limits.yaml', yaml(...objects));
  expect(lab.mesh.daemon.rejections().map(({ error }) => error)).toEqual([]);
}

/** How often each status came of calls that are all under way together. */
const together = async (count: number, path = '/?delay=700') => {
  const answers = await Promise.all(Array.from({ length: count }, () => lab.call('store', { path })));
  return tally(answers.map(({ status }) => String(status)));
};

async function oneAfterTheOther(count: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push((await lab.call('store')).status);
  return found;
}

it.each([
  ['the workload', atWorkload, {}, 2],
  ['its callers', atCallers, {}, 2],
  ['its callers, where a DestinationRule allows less', atCallers, { http2MaxRequests: 1 }, 1],
  ['its callers, where a DestinationRule allows more', atCallers, { http2MaxRequests: 50 }, 2],
])('at %s no more requests are under way than allowed', async (_where, attached, http, passing) => {
  await limitTo({ ...attached, circuitBreaker: { maxRequests: 2 } }, http, { attempts: 0 });
  expect(await together(6)).toEqual({ 200: passing, 503: 6 - passing });
  expect(lab.app('store-v1').arrivals).toHaveLength(passing);
  expect(await together(passing)).toEqual({ 200: passing });
}); // prettier-ignore

it('retries are a share of what is under way', async () => {
  const failing = async (spec: object): Promise<number> => {
    await limitTo(spec, {}, { attempts: 1, retryOn: '5xx' });
    const { arrivals, behaviors } = lab.app('store-v1');
    arrivals.length = 0;
    behaviors.push(...Array.from({ length: 40 }, () => 500));
    expect(await together(10)).toEqual({ 500: 10 });
    behaviors.length = 0;
    return arrivals.length;
  };
  expect(await failing({ ...atCallers, circuitBreaker: { maxConnections: 100 } })).toBe(20);
  expect(await failing({ ...atCallers, retryBudget: { percent: 0, minRetryConcurrency: 0 } })).toBe(10);
  const some = await failing({ ...atCallers, retryBudget: { percent: 20, minRetryConcurrency: 1 } });
  expect(some).toBeGreaterThan(10);
  expect(some).toBeLessThanOrEqual(12);
});

it('concurrency adapts: few at a time until the latency is known, and then more', async () => {
  await limitTo({ ...atWorkload, adaptiveConcurrency: { maxConcurrency: 100, minLatencyRequests: 20 } });
  // While it is being measured, three at a time.
  expect(await together(8)).toEqual({ 200: 3, 503: 5 });
  await lab.mesh.envoys.get('store-v1')?.eventually('more at a time', async () => {
    await oneAfterTheOther(50);
    return (await together(8))[200] === 8;
  });
});

it('admission is refused the more requests fail', async () => {
  await limitTo(
    { ...atWorkload, admissionControl: { minRequestsPerSecond: 0, maxRejection: 100 } },
    {},
    { attempts: 0 },
  );
  expect(tally((await oneAfterTheOther(5)).map(String))).toEqual({ 200: 5 });
  const { arrivals, behaviors } = lab.app('store-v1');
  arrivals.length = 0;
  behaviors.push(...Array.from({ length: 200 }, () => 500));
  const statuses = tally((await oneAfterTheOther(100)).map(String));
  expect(arrivals).toHaveLength(statuses['500'] ?? 0);
  expect(statuses['503'] ?? 0).toBe(100 - arrivals.length);
  expect(statuses['503']).toBeGreaterThan(30);
});
