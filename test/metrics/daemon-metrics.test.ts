// The daemon's metrics: what is told while it happens, and what is looked up when somebody asks.
import { expect, test } from 'vitest';

import type { CurrentState } from '../../src/metrics/current-state.ts';
import { daemonMetrics } from '../../src/metrics/daemon-metrics.ts';
import type { ProxyStatus } from '../../src/model/proxy/proxy-status.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { seriesOf, sumBy } from '../support/servers/prometheus.ts';

const proxy = (version: unknown, lastNack?: string): ProxyStatus => ({
  connection: 'web.shop-1',
  proxy: 'web.shop',
  namespace: 'shop',
  peer: '10.0.0.1:1',
  node: { id: 'web', cluster: 'web', metadata: { ISTIO_VERSION: version } },
  identity: undefined,
  connectedSince: 0,
  synced: lastNack === undefined,
  types: [
    {
      type: resourceTypes.listener,
      resources: 1,
      synced: true,
      sentVersion: 1,
      sentAt: 0,
      ackedVersion: 1,
      ackedAt: 0,
      nacks: 0,
      lastNack,
    },
  ],
  unacceptedSecrets: [],
});

const state: CurrentState = {
  startedAt: 1000,
  now: 61_000,
  proxies: [proxy('1.32.0'), proxy('1.32.0', 'no'), proxy('"}\n')],
  services: 4,
  virtualServices: 2,
  problems: { error: 1, warning: 3 },
  quarantined: 1,
  bugs: 0,
  rootExpiry: 121_000,
  signerExpiry: 91_000,
};

test('what is there is looked up', async () => {
  const series = seriesOf(await daemonMetrics('1.0', () => state).text());
  expect(sumBy(series, 'pilot_xds', 'version')).toEqual({ '1.32.0': 2, unknown: 1 });
  expect(sumBy(series, 'keelson_problems', 'severity')).toEqual({ error: 1, warning: 3 });
  const value = (name: string) => series.find((each) => each.name === name)?.value;
  expect([value('pilot_services'), value('pilot_virt_services'), value('istiod_uptime_seconds')]).toEqual([4, 2, 60]);
  expect([value('pilot_xds_lds_reject'), value('pilot_xds_cds_reject'), value('keelson_proxies_out_of_sync')]).toEqual([
    1, 0, 1,
  ]);
  expect([value('citadel_server_root_cert_expiry_seconds'), value('citadel_server_cert_chain_expiry_seconds')]).toEqual(
    [60, 30],
  );
  expect(value('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
});

test('what happens is counted', async () => {
  const metrics = daemonMetrics('1.0', () => state);
  metrics.sent(resourceTypes.cluster, 3, 2000, 20);
  metrics.sent('type.googleapis.com/somebody.Elses', 1, 10, 0.05);
  metrics.settled(resourceTypes.cluster, false, 20);
  metrics.converged(700);
  metrics.converged(-5);
  for (const outcome of ['issued', 'issued', 'unreadable'] as const) metrics.certificate(outcome);
  const series = seriesOf(await metrics.text());
  expect(sumBy(series, 'pilot_xds_pushes', 'type')).toEqual({ cds: 1, other: 1 });
  expect(sumBy(series, 'keelson_xds_bytes_sent_total', 'type')).toEqual({ cds: 2000, other: 10 });
  expect(sumBy(series, 'pilot_xds_push_time_sum', 'type')).toEqual({ cds: 0.02, other: 0.00005 });
  expect(sumBy(series, 'pilot_total_xds_rejects', 'type')).toEqual({ cds: 1 });
  expect(sumBy(series, 'pilot_proxy_convergence_time_bucket', 'le')).toMatchObject({ 0.5: 1, 1: 2, '+Inf': 2 });
  const value = (name: string) => series.find((each) => each.name === name)?.value;
  expect([
    value('citadel_server_csr_count'),
    value('citadel_server_success_cert_issuance_count'),
    value('citadel_server_csr_parsing_err_count'),
  ]).toEqual([3, 2, 1]);
});

test('changes, and what the webhooks decide, are counted', async () => {
  const metrics = daemonMetrics('1.0', () => state);
  metrics.triggered(new Set(['endpoint', 'service']));
  metrics.triggered(new Set(['endpoint']));
  metrics.cycle(20, 0);
  metrics.cycle(20, 4);
  const route = { group: 'networking.istio.io', version: 'v1', resource: 'virtualservices' };
  metrics.validated(route, true);
  metrics.validated(route, false);
  for (const outcome of ['injected', 'skipped', 'injected', 'refused'] as const) metrics.injection(outcome);
  const series = seriesOf(await metrics.text());
  expect(sumBy(series, 'pilot_push_triggers', 'type')).toEqual({ endpoint: 2, service: 1 });
  expect(sumBy(series, 'keelson_change_resources_bucket', 'le')).toMatchObject({ 0: 1, 3: 1, 10: 2 });
  expect(sumBy(series, 'galley_validation_passed', 'resource')).toEqual({ virtualservices: 1 });
  expect(sumBy(series, 'galley_validation_failed', 'reason')).toEqual({ invalid_resource: 1 });
  const value = (name: string) => series.find((each) => each.name === `sidecar_injection_${name}_total`)?.value;
  expect(['requests', 'success', 'skip', 'failure'].map(value)).toEqual([4, 2, 1, 1]);
});
