// Traffic between services as a Prometheus tells it.
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { prometheusTraffic } from '../../../../src/daemon/introspection/console/prometheus-traffic.ts';

let server: Server | undefined;
afterEach(() => void server?.close());

async function prometheus(answer: () => string): Promise<{ readonly url: string; readonly asked: URL[] }> {
  const asked: URL[] = [];
  server = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://prometheus'));
    response.end(answer());
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked };
}

const sample = (code: string, policy: string, rate: string): object => ({
  metric: {
    source_canonical_service: 'web',
    source_workload_namespace: 'shop',
    destination_service: 'store.shop.svc.cluster.local',
    response_code: code,
    connection_security_policy: policy,
  },
  value: [1, rate],
});

test('adds up what one sends to another, and asks once for many who look', async () => {
  const samples = [sample('200', 'mutual_tls', '6'), sample('503', 'none', '2'), sample('404', 'mutual_tls', 'NaN')];
  const { url, asked } = await prometheus(() => JSON.stringify({ status: 'success', data: { result: samples } }));
  let now = 0;
  const traffic = prometheusTraffic(
    url,
    () => {},
    () => now,
  );
  const [first, second] = await Promise.all([traffic(), traffic()]);
  expect(second).toBe(first);
  expect(first).toEqual([
    {
      from: { name: 'web', namespace: 'shop' },
      to: { hostname: 'store.shop.svc.cluster.local' },
      requestsPerSecond: 8,
      errorsPerSecond: 2,
      mutual: 0.75,
    },
  ]);
  expect(asked.map(({ pathname }) => pathname)).toEqual(['/api/v1/query']);
  expect(asked[0]?.searchParams.get('query')).toContain('istio_requests_total');
  now = 10_000;
  await traffic();
  expect(asked).toHaveLength(2);
});

test('knows nothing while Prometheus does not answer as it should, and says so', async () => {
  const faults: unknown[] = [];
  const { url } = await prometheus(() => 'gone fishing');
  expect(await prometheusTraffic(url, (fault) => faults.push(fault))()).toBeUndefined();
  expect(faults).toHaveLength(1);
});
