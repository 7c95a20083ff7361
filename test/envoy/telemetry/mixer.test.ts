// The examples of docs/mixer.md, as they stand there, at work in two stock Envoys: what Mixer and OpenCensus once did is
// done by somebody. Their namespace `shop` is the lab here, and their services are on ports of the test.
import type { AuthorizerServer } from '../../support/servers/authorizers.ts';
import type { Lab } from '../../support/mesh/lab.ts';
import type { SpanSink } from '../../support/servers/span-sinks.ts';

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startGrpcAuthorizer } from '../../support/servers/authorizers.ts';
import { startLab, yaml } from '../../support/mesh/lab.ts';
import { seriesOf } from '../../support/servers/prometheus.ts';
import { startGrpcSink } from '../../support/servers/span-sinks.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/mixer.md'), 'utf8');
const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text ?? '');

let lab: Lab;
let collector: SpanSink;
let checks: AuthorizerServer;

const observability = (name: string, number: number, targetPort: number): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name, namespace: 'observability' },
  spec: {
    hosts: [`${name}.observability.svc.cluster.local`],
    ports: [{ number, name: 'grpc', protocol: 'GRPC', targetPort }],
    resolution: 'STATIC',
    endpoints: [{ address: '127.0.0.1' }],
  },
});

beforeAll(async () => {
  [collector, checks] = await Promise.all([startGrpcSink(), startGrpcAuthorizer()]);
  lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true }],
    files: {
      'page.yaml': examples.join('---\n').replaceAll('namespace: shop', 'namespace: lab'),
      'observability.yaml': yaml(
        observability('collector', 4317, collector.port),
        observability('checks', 9001, checks.port),
      ),
    },
  });
});
afterAll(async () => {
  await lab?.stop();
  await checks?.close();
  await collector?.close();
});

const reported = (service: string, text: string): boolean =>
  collector.reports.some(({ path, body }) => path.includes(service) && body.includes(text));

test('orders are checked before they are let in, and nothing else is', async () => {
  expect((await lab.call('store', { path: '/orders/forbidden' })).status).toBe(403);
  expect((await lab.call('store', { path: '/orders/1' })).status).toBe(200);
  expect((await lab.call('store', { path: '/forbidden' })).status).toBe(200);
  expect(checks.asked.map(({ path }) => path)).toEqual(['/orders/forbidden', '/orders/1']);
});

test('five orders a minute are taken of one caller', async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 7; i++) statuses.push((await lab.call('store', { path: `/orders/${i}`, method: 'POST' })).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
  expect((await lab.call('store', { path: '/orders/8' })).status).toBe(200);
});

test('failures are logged by OTLP, and what succeeds is not', async () => {
  lab.app('store-v1').behaviors.push(500);
  await lab.call('store', { path: '/broken' });
  await lab.mesh.envoys
    .get('store-v1')
    ?.eventually('a line of the failure', async () => Promise.resolve(reported('LogsService', '/broken')));
  expect(reported('LogsService', '/orders/1')).toBe(false);
});

test('requests are counted by host, and nobody measures sizes', async () => {
  const series = seriesOf((await lab.mesh.envoys.get('store-v1')?.admin('/stats/prometheus')) ?? '');
  const counted = series.filter(({ name }) => name === 'istio_requests_total');
  expect(new Set(counted.map(({ labels }) => labels['request_host']))).toEqual(new Set(['store']));
  const names = new Set(series.map(({ name }) => name));
  expect([names.has('istio_request_duration_milliseconds_count'), names.has('istio_request_bytes_count')]).toEqual([
    true,
    false,
  ]);
});

test('the proxies have taken all of it', () => {
  for (const envoy of lab.mesh.envoys.values()) expect(envoy.nacks()).toEqual([]);
});
