// Istio's standard metrics, as two stock Envoys count them: what was sent is what both reporters say, label for label.
// https://istio.io/latest/docs/reference/config/metrics/
import type { Lab, Port } from '../../support/mesh/lab.ts';
import type { Series } from '../../support/servers/prometheus.ts';
import type { Backend } from '../../support/servers/backend.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { http, startLab } from '../../support/mesh/lab.ts';
import { meteredMesh } from '../../support/objects/mesh-config.ts';
import { seriesOf, sumBy } from '../../support/servers/prometheus.ts';
import { repeat, sendLine } from '../../support/mesh/traffic.ts';

const tcp: Port = { number: 18090, name: 'tcp', app: 'tcp' };
const codes = { 200: 40, 404: 9, 500: 5 };
const grpcCalls = 6;
const requests = 60;
const line = 'one line of text\n';
const connections = 7;

const changed = {
  apiVersion: 'telemetry.istio.io/v1',
  kind: 'Telemetry',
  metadata: { name: 'changed', namespace: 'lab' },
  spec: {
    selector: { matchLabels: { app: 'store' } },
    metrics: [
      {
        overrides: [
          { match: { metric: 'REQUEST_SIZE' }, disabled: true },
          {
            match: { metric: 'REQUEST_COUNT' },
            tagOverrides: {
              source_principal: { operation: 'REMOVE' },
              way: { value: 'request.method' },
              lost: { value: 'nobody.knows' },
            },
          },
        ],
      },
    ],
  },
};

let lab: Lab;
let sent: readonly Series[];
let received: readonly Series[];
let answered: number;

const seriesIn = async (pod: string): Promise<readonly Series[]> =>
  seriesOf((await lab.mesh.envoys.get(pod)?.admin('/stats/prometheus')) ?? '');
const total = (series: readonly Series[], metric: string): number =>
  series.filter(({ name }) => name === metric).reduce((sum, { value }) => sum + value, 0);

/** Histograms are put together from the threads' once in a while. */
async function seriesOnce(pod: string, histogram: string, count: number): Promise<readonly Series[]> {
  await lab.mesh.envoys
    .get(pod)
    ?.eventually(`${count} in ${histogram}`, async () => total(await seriesIn(pod), histogram) === count);
  return seriesIn(pod);
}

beforeAll(async () => {
  lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true }],
    ports: [http, tcp],
    files: { 'mesh.yaml': stringify(meteredMesh) },
    daemon: { monitoringAddress: '127.0.0.1:0' },
  });
  const app: Backend = lab.app('store-v1');
  app.behaviors.push(...Object.entries(codes).flatMap(([code, count]) => Array<number>(count).fill(Number(code))));
  await repeat(requests - grpcCalls, () => lab.call('store', { headers: { host: 'store.lab' } }));
  await repeat(grpcCalls, () => lab.call('store', { headers: { 'content-type': 'application/grpc' } }));
  answered = (await repeat(connections, () => sendLine(lab.egress(tcp), line))).join('').length;
  sent = await seriesOnce('caller', 'istio_request_bytes_count', requests);
  received = await seriesOnce('store-v1', 'istio_request_bytes_count', requests);
});
afterAll(() => lab?.stop());

const between = {
  source_workload: 'caller',
  source_workload_namespace: 'lab',
  source_app: 'caller',
  source_canonical_service: 'caller',
  source_version: 'latest',
  source_canonical_revision: 'latest',
  source_cluster: 'Kubernetes',
  source_principal: 'spiffe://cluster.local/ns/lab/sa/caller',
  destination_workload: 'store-v1',
  destination_workload_namespace: 'lab',
  destination_app: 'store',
  destination_canonical_service: 'store',
  destination_version: 'v1',
  destination_canonical_revision: 'v1',
  destination_cluster: 'Kubernetes',
  destination_principal: 'spiffe://cluster.local/ns/lab/sa/store',
  destination_service: 'store.lab.svc.cluster.local',
  destination_service_name: 'store',
  destination_service_namespace: 'lab',
};
const ofSource = { ...between, reporter: 'source', connection_security_policy: 'unknown' };
const ofDestination = { ...between, reporter: 'destination', connection_security_policy: 'mutual_tls' };

describe.each([
  ['the client', () => sent, ofSource],
  ['the server', () => received, ofDestination],
] as const)('%s', (_who, series, labels) => {
  test('counts every request once, under each label', () => {
    const own = series().filter(({ name }) => name === 'istio_requests_total');
    expect(
      own.every((each) => Object.entries(labels).every(([label, value]) => each.labels[label] === value)),
      JSON.stringify(own),
    ).toBe(true);
    expect(own.map((each) => Object.keys(each.labels).toSorted())).toEqual(
      own.map(() =>
        [
          ...Object.keys(labels),
          'grpc_response_status',
          'request_protocol',
          'response_code',
          'response_flags',
        ].toSorted(),
      ),
    );
    expect(sumBy(own, 'istio_requests_total', 'response_code')).toEqual({ ...codes, 200: codes[200] + grpcCalls });
    expect(sumBy(own, 'istio_requests_total', 'request_protocol')).toEqual({
      http: requests - grpcCalls,
      grpc: grpcCalls,
    });
    expect(sumBy(own, 'istio_requests_total', 'response_flags')).toEqual({ '-': requests });
  });

  test('measures every request', () => {
    for (const name of ['istio_request_duration_milliseconds', 'istio_request_bytes', 'istio_response_bytes']) {
      expect(total(series(), `${name}_count`), name).toBe(requests);
      expect(sumBy(series(), `${name}_count`, 'response_code')).toMatchObject({ 404: codes[404] });
    }
    expect(total(series(), 'istio_response_bytes_sum')).toBeGreaterThan(requests);
  });

  test('counts connections and their bytes', () => {
    for (const [metric, value] of [
      ['istio_tcp_connections_opened_total', connections],
      ['istio_tcp_connections_closed_total', connections],
      ['istio_tcp_received_bytes_total', connections * line.length],
      ['istio_tcp_sent_bytes_total', answered],
    ] as const) {
      const own = series().filter(({ name }) => name === metric);
      expect(own.map((each) => [each.value, each.labels['request_protocol']])).toEqual([[value, 'tcp']]);
      expect(own[0]?.labels).toMatchObject(labels);
    }
  });
});

test('the application does not see how the destination is told', async () => {
  const { headers } = await lab.call('store');
  expect(Object.keys(headers).filter((name) => name.includes('keelson'))).toEqual([]);
});

test('a Telemetry object takes labels away, adds some, and stops a metric', async () => {
  await lab.mesh.change('telemetry.yaml', stringify(changed));
  const deleted = async (): Promise<readonly Series[]> =>
    (await seriesIn('store-v1')).filter(
      ({ name, labels }) => name === 'istio_requests_total' && labels['way'] === 'DELETE',
    );
  // Connections that are there keep the listener that they came by for a while.
  await lab.mesh.envoys.get('store-v1')?.eventually('a request over a new connection', async () => {
    await lab.call('store', { method: 'DELETE' });
    return (await deleted()).length > 0;
  });
  const [own, ...others] = await deleted();
  const labels = own?.labels ?? {};
  expect(others).toEqual([]);
  expect([labels['source_principal'], labels['lost'], labels['source_workload']]).toEqual([
    undefined,
    'unknown',
    'caller',
  ]);
  expect(lab.mesh.envoys.get('store-v1')?.nacks()).toEqual([]);
});

test('the daemon counts what it has sent, and how long changes have taken', async () => {
  const page = await fetch(`http://127.0.0.1:${lab.mesh.daemon.monitoringPort}/metrics`);
  const series = seriesOf(await page.text());
  expect(total(series, 'pilot_xds')).toBe(2);
  expect(sumBy(series, 'pilot_xds_pushes', 'type')['lds']).toBeGreaterThanOrEqual(2);
  // Each proxy's first configuration, and the change of the test before for one of them.
  expect(total(series, 'pilot_proxy_convergence_time_count')).toBeGreaterThanOrEqual(3);
  expect(total(series, 'citadel_server_root_cert_expiry_seconds')).toBeGreaterThan(0);
});
