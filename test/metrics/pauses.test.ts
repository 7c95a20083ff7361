// What kept the daemon from its work: every collection counts, and the time between two looks is no delay.
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Registry } from 'prom-client';
import { expect, test } from 'vitest';

import { processMetrics } from '../../src/metrics/pauses.ts';
import { seriesOf, sumBy } from '../support/servers/prometheus.ts';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('collections of one turn are all counted, the longest is told once', async () => {
  const registry = new Registry();
  processMetrics(registry);
  const series = async () => seriesOf(await registry.metrics());
  const majors = async () => sumBy(await series(), 'nodejs_gc_duration_seconds_count', 'kind')['major'] ?? 0;
  const before = await majors();
  for (let time = 0; time < 5; time++) collectGarbage();
  await delay(50);
  const told = await series();
  const value = (name: string) => told.find((each) => each.name === name)?.value ?? NaN;
  expect(sumBy(told, 'nodejs_gc_duration_seconds_count', 'kind')['major']).toBeGreaterThanOrEqual(before + 5);
  expect(value('nodejs_gc_duration_max_seconds')).toBeGreaterThan(0);
});

test('a loop that is on time has no delay, however seldom it is looked at', async () => {
  const registry = new Registry();
  processMetrics(registry);
  const least = async (): Promise<number> => {
    const series = seriesOf(await registry.metrics());
    return series.find(({ name }) => name === 'nodejs_eventloop_lag_min_seconds')?.value ?? NaN;
  };
  await delay(500);
  // Each reading begins anew. On a machine that is busy the loop is on time in one of them, and with the time between two looks in
  // none.
  await expect.poll(least, { interval: 500, timeout: 20_000 }).toBeLessThan(0.09);
});
