import { expect, test } from 'vitest';

import { keptStats } from '../../src/bootstrap/kept-stats.ts';

const asked = (metadata: Readonly<Record<string, unknown>>) =>
  keptStats({ id: 'web', cluster: 'web', metadata }).slice(keptStats(undefined).length);

test('statistics that the workload asks for are kept, and what Envoy could not read is not asked for', () => {
  const proxyStatsMatcher = {
    inclusionPrefixes: ['http.', ''],
    inclusionSuffixes: ['rq_time'],
    inclusionRegexps: ['.*circuit.*', '(', '(?=a)', 'a\\1', 7],
  };
  expect(asked({ PROXY_CONFIG: { proxyStatsMatcher } })).toEqual([
    { prefix: 'http.' },
    { suffix: 'rq_time' },
    { safe_regex: { regex: '.*circuit.*' } },
  ]);
  expect(asked({ ANNOTATIONS: { 'sidecar.istio.io/statsInclusionPrefixes': 'a,b' } })).toEqual([
    { prefix: 'a' },
    { prefix: 'b' },
  ]);
  expect(asked({ PROXY_CONFIG: 'nonsense' })).toEqual([]);
  expect(keptStats(undefined)).toContainEqual({ prefix: 'wasmcustom' });
});
