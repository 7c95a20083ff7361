// The alerts ask for metrics that there are.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';
import { expect, test } from 'vitest';

import { daemonMetrics } from '../../src/metrics/daemon-metrics.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { seriesOf } from '../support/prometheus.ts';

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}

test('every metric and label of an alert is one of the daemon’s', async () => {
  const metrics = daemonMetrics('1.0', () => ({
    startedAt: 0,
    now: 0,
    proxies: [],
    services: 0,
    virtualServices: 0,
    problems: { error: 0, warning: 0 },
    quarantined: 0,
    bugs: 0,
    rootExpiry: 0,
    signerExpiry: 0,
  }));
  metrics.settled(resourceTypes.cluster, false, 1);
  metrics.converged(1);
  const known = new Set(seriesOf(await metrics.text()).map(({ name }) => name));
  const file = join(import.meta.dirname, '../../manifests/alerts/keelson.yaml');
  const { groups } = parse(readFileSync(file, 'utf8')) as Rules;
  const asked = groups.flatMap(({ rules }) =>
    rules.flatMap(({ expr }) => expr.match(/\b(?:pilot|keelson|citadel)_\w+/g) ?? ['nothing']),
  );
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
  expect(asked.length).toBeGreaterThan(5);
});
