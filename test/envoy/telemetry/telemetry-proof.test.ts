// Ten thousand requests of a known mix through two stock Envoys: HTTP, gRPC with several messages in a call, and TCP. What
// the client has counted is what both reporters say, label by label, bytes and messages included.
// https://istio.io/latest/docs/reference/config/metrics/
import type { Agent } from 'node:http';
import type { Lab, Port } from '../../support/mesh/lab.ts';
import type { GrpcCall } from '../../support/servers/grpc.ts';
import type { Series } from '../../support/servers/prometheus.ts';

import { Agent as HttpAgent, request } from 'node:http';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { meteredMesh } from '../../support/objects/mesh-config.ts';
import { grpcClient } from '../../support/servers/grpc.ts';
import { http, startLab } from '../../support/mesh/lab.ts';
import { seriesOf } from '../../support/servers/prometheus.ts';
import { repeat, sendLine } from '../../support/mesh/traffic.ts';

const grpc: Port = { number: 18091, name: 'grpc', app: 'grpc' };
const tcp: Port = { number: 18090, name: 'tcp', app: 'tcp' };

/** What is sent: of each kind, how often. */
const codes = { 200: 6000, 201: 900, 404: 700, 503: 400 };
const calls: readonly (GrpcCall & { readonly times: number })[] = [
  { questions: 1, answers: 1, status: 0, times: 1200 },
  { questions: 3, answers: 5, status: 0, times: 200 },
  { questions: 2, answers: 0, status: 5, times: 100 },
];
const lines = { 1: 200, 40: 200, 3000: 100 };

/** Of the caller's Pod: its buckets, and how often statistics are flushed. */
const bounds = [1, 5, 50, 500, 5000, 60_000];
const asked = {
  'sidecar.istio.io/statsHistogramBuckets': JSON.stringify({
    'istiocustom.istio_request_duration_milliseconds': bounds,
  }),
  'sidecar.istio.io/statsHistogramBins': JSON.stringify({ istiocustom: 200 }),
  'sidecar.istio.io/statsFlushInterval': '1s',
  'sidecar.istio.io/statsEvictionInterval': '1h',
};

interface Count {
  requests: Record<string, number>;
  questions: number;
  answers: number;
  tcpSent: number;
  tcpReceived: number;
  /** All HTTP and gRPC requests together, as the client has waited for them. */
  milliseconds: number;
}
const counted: Count = { requests: {}, questions: 0, answers: 0, tcpSent: 0, tcpReceived: 0, milliseconds: 0 };
const count = (key: string): number => (counted.requests[key] = (counted.requests[key] ?? 0) + 1);

let lab: Lab;
let reports: Readonly<Record<'source' | 'destination', readonly Series[]>>;

beforeAll(async () => {
  lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true }],
    ports: [http, grpc, tcp],
    caller: { annotations: asked },
    files: {
      'mesh.yaml': stringify(meteredMesh),
      // A 503 is one request, not three.
      'once.yaml': stringify({
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: 'once', namespace: 'lab' },
        spec: { hosts: ['store'], http: [{ route: [{ destination: { host: 'store' } }], retries: { attempts: 0 } }] },
      }),
    },
  });
  await sendHttp();
  await sendGrpc();
  await sendTcp();
  const all = Object.values(codes).reduce((sum, each) => sum + each) + calls.reduce((sum, { times }) => sum + times, 0);
  reports = { source: await reportOf('caller', all), destination: await reportOf('store-v1', all) };
}, 240_000);
afterAll(() => lab?.stop());

async function sendHttp(): Promise<void> {
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 8 });
  const app = lab.app('store-v1');
  for (const [code, times] of Object.entries(codes)) {
    app.behaviors.push(...Array<number>(times).fill(Number(code)));
    await repeat(times, async () => count(`http ${await timed(status(agent))} -`));
  }
  agent.destroy();
}

async function timed<T>(answer: Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await answer;
  counted.milliseconds += performance.now() - start;
  return result;
}

async function status(agent: Agent): Promise<number> {
  const outgoing = request({ ...lab.egress(http), agent, headers: { host: 'store.lab' } });
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  incoming.resume();
  await once(incoming, 'end');
  return incoming.statusCode;
}

async function sendGrpc(): Promise<void> {
  const client = grpcClient(lab.egress(grpc), 'store.lab');
  for (const call of calls)
    await repeat(call.times, async () => {
      const { status: ended, answers } = await timed(client.ask(call));
      count(`grpc 200 ${ended}`);
      counted.questions += call.questions;
      counted.answers += answers;
    });
  client.close();
}

async function sendTcp(): Promise<void> {
  for (const [size, times] of Object.entries(lines)) {
    const line = `${'x'.repeat(Number(size) - 1)}\n`;
    await repeat(times, async () => {
      const answer = await sendLine(lab.egress(tcp), line);
      counted.tcpSent += line.length;
      counted.tcpReceived += answer.length;
    });
  }
}

const total = (series: readonly Series[], metric: string): number =>
  series.filter(({ name }) => name === metric).reduce((sum, { value }) => sum + value, 0);

/** Histograms are put together from the threads' once in a while. */
async function reportOf(pod: string, requests: number): Promise<readonly Series[]> {
  const envoy = lab.mesh.envoys.get(pod);
  const read = async (): Promise<readonly Series[]> => seriesOf((await envoy?.admin('/stats/prometheus')) ?? '');
  await envoy?.eventually(
    'all requests and connections are counted',
    async () =>
      total(await read(), 'istio_request_bytes_count') === requests &&
      total(await read(), 'istio_tcp_connections_closed_total') === 500,
  );
  return read();
}

describe.each(['source', 'destination'] as const)('the %s', (reporter) => {
  const series = (metric: string): readonly Series[] => reports[reporter].filter(({ name }) => name === metric);
  const bucketsOf = (metric: string): readonly (readonly [number, number])[] => {
    const sums = new Map<number, number>();
    for (const { labels, value } of series(`${metric}_bucket`)) {
      const le = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
      sums.set(le, (sums.get(le) ?? 0) + value);
    }
    return [...sums].toSorted(([a], [b]) => a - b);
  };

  test('counts what the client has counted, for each protocol and status', () => {
    const own = Object.fromEntries(
      series('istio_requests_total').map(({ labels, value }) => [
        `${labels['request_protocol']} ${labels['response_code']} ${labels['grpc_response_status'] || '-'}`,
        value,
      ]),
    );
    expect(own).toEqual(counted.requests);
    expect(Object.values(own).reduce((sum, each) => sum + each)).toBe(9500);
  });

  test('names who called whom on every series', () => {
    const whole = reports[reporter].filter(({ name }) => name.startsWith('istio_'));
    const labels = {
      reporter,
      source_workload: 'caller',
      source_workload_namespace: 'lab',
      source_app: 'caller',
      source_version: 'latest',
      source_canonical_service: 'caller',
      source_canonical_revision: 'latest',
      source_cluster: 'Kubernetes',
      source_principal: 'spiffe://cluster.local/ns/lab/sa/caller',
      destination_workload: 'store-v1',
      destination_workload_namespace: 'lab',
      destination_app: 'store',
      destination_version: 'v1',
      destination_canonical_service: 'store',
      destination_canonical_revision: 'v1',
      destination_cluster: 'Kubernetes',
      destination_principal: 'spiffe://cluster.local/ns/lab/sa/store',
      destination_service: 'store.lab.svc.cluster.local',
      destination_service_name: 'store',
      destination_service_namespace: 'lab',
      response_flags: '-',
      connection_security_policy: reporter === 'source' ? 'unknown' : 'mutual_tls',
    };
    expect(whole.length).toBeGreaterThan(20);
    expect(whole.filter((each) => Object.entries(labels).some(([name, value]) => each.labels[name] !== value))).toEqual(
      [],
    );
  });

  test('counts gRPC messages in both directions, and none of plain HTTP', () => {
    expect(total(series('istio_request_messages_total'), 'istio_request_messages_total')).toBe(counted.questions);
    expect(total(series('istio_response_messages_total'), 'istio_response_messages_total')).toBe(counted.answers);
    const protocols = series('istio_request_messages_total').map(({ labels }) => labels['request_protocol']);
    expect(new Set(protocols)).toEqual(new Set(['grpc']));
  });

  test('measures every request within its buckets', () => {
    for (const metric of ['istio_request_duration_milliseconds', 'istio_request_bytes', 'istio_response_bytes']) {
      const buckets = bucketsOf(metric);
      expect(buckets.at(-1), metric).toEqual([Infinity, 9500]);
      expect(buckets.every(([, value], i) => i === 0 || value >= (buckets[i - 1]?.[1] ?? 0))).toBe(true);
      const sum = total(series(`${metric}_sum`), `${metric}_sum`);
      // No sum can be less than what the lower bounds of the buckets come to.
      const least = buckets.reduce((all, [, value], i) => {
        const [bound, below] = buckets[i - 1] ?? [0, 0];
        return all + bound * (value - below);
      }, 0);
      expect(sum, metric).toBeGreaterThanOrEqual(least);
    }
  });

  test('has not measured longer than the client has waited', () => {
    const metric = 'istio_request_duration_milliseconds';
    const sum = total(series(`${metric}_sum`), `${metric}_sum`);
    // Buckets blur values by a twentieth at most: https://github.com/openhistogram/libcircllhist
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(counted.milliseconds * 1.05);
    const own = bucketsOf(metric).map(([bound]) => bound);
    if (reporter === 'source') expect(own).toEqual([...bounds, Infinity]);
    else expect(own.length).toBeGreaterThan(bounds.length + 1);
  });

  test('counts connections and their bytes exactly', () => {
    const of = (metric: string): number => total(series(metric), metric);
    expect({
      opened: of('istio_tcp_connections_opened_total'),
      closed: of('istio_tcp_connections_closed_total'),
      received: of('istio_tcp_received_bytes_total'),
      sent: of('istio_tcp_sent_bytes_total'),
    }).toEqual({ opened: 500, closed: 500, received: counted.tcpSent, sent: counted.tcpReceived });
  });
});
