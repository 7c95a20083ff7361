// Timeouts, retries, injected faults and mirrored traffic of a VirtualService, counted at the servers behind a stock
// Envoy.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
import type { Backend, Behavior } from '../../support/servers/backend.ts';
import type { Lab } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startLab } from '../../support/mesh/lab.ts';
import { waitFor } from '../../support/mesh/live-mesh.ts';
import { virtualService } from '../../support/objects/rules.ts';
import { repeat, tally, whoOf } from '../../support/mesh/traffic.ts';

let lab: Lab;
let store: Backend;
let audit: Backend;

beforeAll(async () => {
  lab = await startLab({ workloads: ['store-v1', 'audit-v1'] });
  store = lab.app('store-v1');
  audit = lab.app('audit-v1');
});
afterAll(() => lab?.stop());
beforeEach(() => {
  for (const app of [store, audit]) {
    app.arrivals.length = 0;
    app.behaviors.length = 0;
  }
});

const rules = (fields: string) =>
  lab.mesh.change(
    'store.yaml',
    virtualService('store', `http: [{ ${fields}, route: [{ destination: { host: store } }] }]`),
  );

/** The status of one call, and how often it was tried, when the server does this with the first attempts. */
async function attempts(...behaviors: readonly Behavior[]): Promise<readonly [number, number]> {
  store.behaviors.splice(0, store.behaviors.length, ...behaviors);
  store.arrivals.length = 0;
  const { status } = await lab.call('store');
  return [status, store.arrivals.length];
}

describe('timeout', () => {
  test('a slow answer is 504, a quick one is not', async () => {
    await rules('timeout: 0.3s');
    expect(whoOf(await lab.call('store', { path: '/?delay=5000' }))).toBe('504');
    expect(whoOf(await lab.call('store', { path: '/?delay=1' }))).toBe('store-v1');
  });
});

describe('retries', () => {
  test('without a policy a failure that never reached the server is tried three times, an answer once', async () => {
    await rules('name: plain');
    expect(await attempts(500, 500, 500)).toEqual([500, 1]);
    expect(await attempts('reset', 'reset', 'reset')).toEqual([503, 1]);
  });

  test('attempts are the tries after the first', async () => {
    await rules('retries: { attempts: 2, retryOn: 5xx, backoff: 1ms }');
    expect(await attempts(500)).toEqual([200, 2]);
    expect(await attempts(503, 500)).toEqual([200, 3]);
    expect(await attempts(500, 500, 500, 500)).toEqual([500, 3]);
  });

  test('retryOn names what is tried again', async () => {
    await rules('retries: { attempts: 2, retryOn: gateway-error, backoff: 1ms }');
    expect(await attempts(502)).toEqual([200, 2]);
    expect(await attempts(500)).toEqual([500, 1]);
  });

  test('a number in retryOn is a status', async () => {
    await rules("retries: { attempts: 2, retryOn: '418', backoff: 1ms }");
    expect(await attempts(418)).toEqual([200, 2]);
    expect(await attempts(503)).toEqual([503, 1]);
  });

  test('a broken connection', async () => {
    await rules('retries: { attempts: 2, retryOn: reset, backoff: 1ms }');
    expect(await attempts('reset')).toEqual([200, 2]);
  });

  test('perTryTimeout bounds each try', async () => {
    await rules('timeout: 10s, retries: { attempts: 2, retryOn: 5xx, perTryTimeout: 0.2s, backoff: 1ms }');
    expect(await attempts('hang')).toEqual([200, 2]);
    expect(await attempts('hang', 'hang', 'hang', 'hang')).toEqual([504, 3]);
  });

  test('attempts 0 is none', async () => {
    await rules('retries: { attempts: 0 }');
    expect(await attempts(503)).toEqual([503, 1]);
  });
});

describe('faults', () => {
  const many = async (count: number) => tally((await repeat(count, () => lab.call('store'))).map(whoOf));

  test('abort for all: no request reaches the server', async () => {
    await rules('fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }');
    expect(await many(20)).toEqual({ 418: 20 });
    expect(store.arrivals.length).toBe(0);
  });

  test('abort for none', async () => {
    await rules('fault: { abort: { httpStatus: 418, percentage: { value: 0 } } }');
    expect(await many(20)).toEqual({ 'store-v1': 20 });
  });

  test('abort for half', async () => {
    await rules('fault: { abort: { httpStatus: 418, percentage: { value: 50 } } }');
    const { 418: aborted = 0 } = await many(200);
    expect(aborted).toBeGreaterThan(60);
    expect(aborted).toBeLessThan(140);
  });

  test('delay for all, and for none', async () => {
    await rules('fault: { delay: { fixedDelay: 0.3s, percentage: { value: 100 } } }');
    expect((await lab.call('store')).milliseconds).toBeGreaterThan(250);
    await rules('fault: { delay: { fixedDelay: 600s, percentage: { value: 0 } } }');
    expect(whoOf(await lab.call('store'))).toBe('store-v1');
  });

  test('delay and abort together', async () => {
    await rules(
      'fault: { delay: { fixedDelay: 0.3s, percentage: { value: 100 } }, abort: { httpStatus: 418, percentage: { value: 100 } } }',
    );
    const { status, milliseconds } = await lab.call('store');
    expect(status).toBe(418);
    expect(milliseconds).toBeGreaterThan(250);
  });
});

describe('mirrors', () => {
  test('every request is copied, and only the answer of the destination counts', async () => {
    await rules('mirror: { host: audit }');
    audit.behaviors.push(...Array.from({ length: 20 }, () => 500));
    expect(tally((await repeat(20, () => lab.call('store', { path: '/copied' }))).map(whoOf))).toEqual({
      'store-v1': 20,
    });
    await waitFor('all copies', () => audit.arrivals.length >= 20);
    expect(audit.arrivals.length).toBe(20);
    expect(audit.arrivals[0]).toMatchObject({ path: '/copied' });
    expect(audit.arrivals[0]?.headers.host).toBe('store');
  });

  test('by percentage', async () => {
    await rules('mirrors: [{ destination: { host: audit }, percentage: { value: 50 } }]');
    await repeat(200, () => lab.call('store'));
    await rules('name: plain');
    expect(audit.arrivals.length).toBeGreaterThan(60);
    expect(audit.arrivals.length).toBeLessThan(140);
  });
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
