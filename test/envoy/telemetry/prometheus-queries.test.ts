// What dashboards and mesh consoles ask of Istio's standard metrics, asked of a real Prometheus that reads real Envoys and
// the daemon: forms, labels and functions are theirs, and the answers are what was sent.
// https://istio.io/latest/docs/tasks/observability/metrics/using-istio-dashboard/
// https://kiali.io/docs/features/
import type { GrpcCall } from '../../support/servers/grpc.ts';
import type { Lab, Port } from '../../support/mesh/lab.ts';
import type { Answer, PrometheusServer } from '../../support/servers/prometheus-server.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { findPrometheus } from '../../../scripts/prometheus.ts';
import { meteredMesh } from '../../support/objects/mesh-config.ts';
import { grpcClient } from '../../support/servers/grpc.ts';
import { http, startLab } from '../../support/mesh/lab.ts';
import { startPrometheus } from '../../support/servers/prometheus-server.ts';
import { repeat, sendLine } from '../../support/mesh/traffic.ts';

const found = await findPrometheus();
const grpc: Port = { number: 18091, name: 'grpc', app: 'grpc' };
const tcp: Port = { number: 18090, name: 'tcp', app: 'tcp' };

/** How much of each is sent. */
interface Mix {
  readonly codes: Readonly<Record<number, number>>;
  readonly calls: readonly (GrpcCall & { readonly times: number })[];
  readonly connections: number;
}
const mix: Mix = {
  codes: { 200: 60, 404: 20, 503: 20 },
  calls: [
    { questions: 2, answers: 3, status: 0, times: 30 },
    { questions: 1, answers: 0, status: 5, times: 10 },
  ],
  connections: 5,
};
const line = `${'x'.repeat(99)}\n`;
const answer = `store-v1:${line}`;
const requestsOf = ({ codes, calls }: Mix): number =>
  [...Object.values(codes), ...calls.map(({ times }) => times)].reduce((sum, each) => sum + each);

let lab: Lab;
let prometheus: PrometheusServer;
/** The range that everything was sent in, as a query writes it, and its end. */
let range: string;
let end: number;
/** What one request of the mix adds to a sum of rates, by who reports it. */
let unit: Readonly<Record<string, number>>;

beforeAll(async () => {
  if ('missing' in found) return;
  lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true }],
    ports: [http, grpc, tcp],
    files: { 'mesh.yaml': stringify(meteredMesh), 'once.yaml': stringify(once) },
    daemon: { monitoringAddress: '127.0.0.1:0' },
  });
  const proxies = [...lab.mesh.envoys.values()].map(({ adminPort: port }) => ({ port, path: '/stats/prometheus' }));
  const daemon = [{ port: lab.mesh.daemon.monitoringPort ?? 0, path: '/metrics' }];
  prometheus = await startPrometheus(found.prometheus, { proxies, istiod: daemon });
  // Twice: a rate takes a counter that was nearly 0 for one that has just begun, and reckons otherwise.
  await send(mix);
  await counted(1);
  const from = Date.now();
  await readSince(from);
  await send(mix);
  await counted(2);
  end = await read();
  range = `${end - from}ms`;
  const rates = await prometheus.query(`sum by (reporter) (rate(istio_requests_total[${range}]))`, end);
  unit = Object.fromEntries(rates.map(({ labels, value }) => [labels['reporter'], value / requestsOf(mix)]));
}, 240_000);
afterAll(async () => {
  await prometheus?.stop();
  await lab?.stop();
});

/** A 503 is one request, not three. */
const once = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'once', namespace: 'lab' },
  spec: { hosts: ['store'], http: [{ route: [{ destination: { host: 'store' } }], retries: { attempts: 0 } }] },
};

async function send({ codes, calls, connections }: Mix): Promise<void> {
  for (const [code, times] of Object.entries(codes)) {
    lab.app('store-v1').behaviors.push(...Array<number>(times).fill(Number(code)));
    await repeat(times, () => lab.call('store', { headers: { host: 'store.lab' } }));
  }
  const client = grpcClient(lab.egress(grpc), 'store.lab');
  for (const call of calls) await repeat(call.times, () => client.ask(call));
  client.close();
  await repeat(connections, () => sendLine(lab.egress(tcp), line));
}

/** In the last two readings of both proxies: before that no rate knows of it. */
async function counted(times: number): Promise<void> {
  const [requests, connections] = [times * requestsOf(mix), times * mix.connections];
  const seen = async (query: string, value: number): Promise<boolean> => {
    const answers = await prometheus.query(`sum by (reporter) (${query})`);
    return answers.length === 2 && answers.every((each) => each.value === value);
  };
  const all = async (): Promise<boolean> =>
    (await seen('istio_request_duration_milliseconds_count offset 1s', requests)) &&
    (await seen('istio_requests_total offset 1s', requests)) &&
    (await seen('istio_tcp_connections_closed_total offset 1s', connections));
  await lab.mesh.envoys.get('caller')?.eventually('Prometheus has read all', all, 90);
}

/** So that the range begins with what was before. */
async function readSince(from: number): Promise<void> {
  await lab.mesh.envoys.get('caller')?.eventually('Prometheus has read again', async () => (await read()) > from);
}

/** Until when both proxies are read: a reading that is later may have begun before now and be stored after it. */
async function read(): Promise<number> {
  const [oldest] = await prometheus.query('min(timestamp(istio_requests_total))');
  return Math.round((oldest?.value ?? 0) * 1000);
}

/** Values by their labels' values; a value is how many requests, bytes or messages of the mix it stands for. */
type Expected = Readonly<Record<string, number>>;

interface Question {
  readonly who: string;
  readonly query: string;
  readonly by: readonly string[];
  /** 'any': who is told is what matters. */
  readonly answers: Expected | 'any';
  /** As what a value is to be read: a rate as this reporter tells it, or as it stands. */
  readonly as: 'source' | 'destination' | 'number';
}

const bytes = mix.connections * line.length;
const echoed = mix.connections * answer.length;
const store = 'store-v1.lab';
const host = 'store.lab.svc.cluster.local';

/** `R` stands for the range. */
const ofDashboards: readonly Question[] = [
  { who: 'the mesh: requests', query: 'round(sum(rate(istio_requests_total{reporter=~"source|waypoint"}[R])), 0.000001)', by: [], answers: { '': 140 }, as: 'source' },
  { who: 'the mesh: success', query: 'sum(rate(istio_requests_total{reporter=~"source|waypoint",response_code!~"5.*"}[R])) / sum(rate(istio_requests_total{reporter=~"source|waypoint"}[R]))', by: [], answers: { '': 120 / 140 }, as: 'number' },
  { who: 'the mesh: 4xx', query: 'sum(rate(istio_requests_total{reporter=~"source|waypoint",response_code=~"4.*"}[R]))', by: [], answers: { '': 20 }, as: 'source' },
  { who: 'the mesh: 5xx', query: 'sum(rate(istio_requests_total{reporter=~"source|waypoint",response_code=~"5.*"}[R]))', by: [], answers: { '': 20 }, as: 'source' },
  { who: 'the mesh: workloads', query: 'label_join(sum(rate(istio_requests_total{reporter=~"source|waypoint",response_code="200"}[R])) by (destination_workload, destination_workload_namespace, destination_service), "destination_workload_var", ".", "destination_workload", "destination_workload_namespace")', by: ['destination_workload_var', 'destination_service'], answers: { [`${store} ${host}`]: 100 }, as: 'source' },
  { who: 'the mesh: latency', query: 'label_join(histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{reporter=~"source|waypoint"}[R])) by (le, destination_workload, destination_workload_namespace)), "destination_workload_var", ".", "destination_workload", "destination_workload_namespace")', by: ['destination_workload_var'], answers: 'any', as: 'number' },
  { who: 'the mesh: TCP', query: 'label_join(sum(rate(istio_tcp_received_bytes_total{reporter=~"source|waypoint"}[R])) by (destination_workload, destination_workload_namespace, destination_service), "destination_workload_var", ".", "destination_workload", "destination_workload_namespace")', by: ['destination_workload_var', 'destination_service'], answers: { [`${store} ${host}`]: bytes }, as: 'source' },
  { who: 'a service: which there are', query: 'sum(istio_requests_total{}) by (destination_service) or sum(istio_tcp_sent_bytes_total{}) by (destination_service)', by: ['destination_service'], answers: 'any', as: 'number' },
  { who: 'a service: its clients', query: `sum(istio_requests_total{reporter=~"destination",destination_service="${host}"}) by (source_workload, source_workload_namespace)`, by: ['source_workload', 'source_workload_namespace'], answers: { 'caller lab': 280 }, as: 'number' },
  { who: 'a service: what comes over mutual TLS', query: `round(sum(rate(istio_requests_total{connection_security_policy="mutual_tls",destination_service=~"${host}",reporter=~"destination",source_workload=~"caller",source_workload_namespace=~"lab"}[R])) by (source_workload, source_workload_namespace, response_code), 0.000001)`, by: ['source_workload', 'source_workload_namespace', 'response_code'], answers: { 'caller lab 200': 100, 'caller lab 404': 20, 'caller lab 503': 20 }, as: 'destination' },
  { who: 'a service: what comes in the clear', query: `sum(rate(istio_requests_total{connection_security_policy!="mutual_tls",destination_service=~"${host}",reporter=~"destination"}[R])) by (source_workload)`, by: ['source_workload'], answers: {}, as: 'destination' },
  { who: 'a service: sizes', query: `histogram_quantile(0.5, sum(rate(istio_request_bytes_bucket{connection_security_policy="mutual_tls",reporter=~"destination",destination_service=~"${host}"}[R])) by (source_workload, source_workload_namespace, le))`, by: ['source_workload', 'source_workload_namespace'], answers: 'any', as: 'number' },
  { who: 'a service: sizes of answers', query: `histogram_quantile(0.9, sum(rate(istio_response_bytes_bucket{connection_security_policy="mutual_tls",reporter=~"destination",destination_service=~"${host}"}[R])) by (destination_workload, destination_workload_namespace, le))`, by: ['destination_workload', 'destination_workload_namespace'], answers: 'any', as: 'number' },
  { who: 'a service: TCP', query: `sum(rate(istio_tcp_sent_bytes_total{connection_security_policy="mutual_tls",reporter=~"destination",destination_service=~"${host}"}[R])) by (source_workload, source_workload_namespace)`, by: ['source_workload', 'source_workload_namespace'], answers: { 'caller lab': echoed }, as: 'destination' },
  { who: 'a workload: what it receives', query: 'sum(rate(istio_requests_total{reporter=~"destination",destination_workload_namespace=~"lab",destination_workload=~"store-v1",response_code!~"5.*"}[R])) / sum(rate(istio_requests_total{reporter=~"destination",destination_workload_namespace=~"lab",destination_workload=~"store-v1"}[R]))', by: [], answers: { '': 120 / 140 }, as: 'number' },
  { who: 'a workload: what it sends', query: 'sum(rate(istio_requests_total{destination_principal=~"spiffe.*",source_workload_namespace=~"lab",source_workload=~"caller",reporter=~"source",destination_service=~".*"}[R])) by (destination_service, response_code)', by: ['destination_service', 'response_code'], answers: { [`${host} 200`]: 100, [`${host} 404`]: 20, [`${host} 503`]: 20 }, as: 'source' },
  { who: 'a workload: TCP that it sends', query: 'sum(rate(istio_tcp_received_bytes_total{reporter=~"source",source_workload_namespace=~"lab",source_workload=~"caller"}[R])) by (destination_service)', by: ['destination_service'], answers: { [host]: bytes }, as: 'source' },
  { who: 'performance: throughput', query: 'sum(rate(istio_request_bytes_sum{reporter="destination"}[R])) + sum(rate(istio_response_bytes_sum{reporter="destination"}[R]))', by: [], answers: 'any', as: 'number' },
]; // prettier-ignore

const edge = ['source_cluster', 'source_workload_namespace', 'source_workload', 'source_canonical_service', 'source_canonical_revision', 'destination_cluster', 'destination_service_namespace', 'destination_service', 'destination_service_name', 'destination_workload_namespace', 'destination_workload', 'destination_canonical_service', 'destination_canonical_revision']; // prettier-ignore
const between = `Kubernetes lab caller caller latest Kubernetes lab ${host} store lab store-v1 store v1`;
const ended = ['request_protocol', 'response_code', 'grpc_response_status', 'response_flags'];
const ofGraph: Expected = {
  [`${between} http 200 - -`]: 60,
  [`${between} http 404 - -`]: 20,
  [`${between} http 503 - -`]: 20,
  [`${between} grpc 200 0 -`]: 30,
  [`${between} grpc 200 5 -`]: 10,
};
const identities = ['source_principal', 'destination_principal', 'connection_security_policy'];
const ids = 'spiffe://cluster.local/ns/lab/sa/caller spiffe://cluster.local/ns/lab/sa/store';

const ofConsoles: readonly Question[] = [
  { who: 'graph: what comes in', query: `sum(rate(istio_requests_total{reporter=~"destination|waypoint",destination_service_namespace="lab"}[R])) by (${[...edge, ...ended].join(',')}) > 0`, by: [...edge, ...ended], answers: ofGraph, as: 'destination' },
  { who: 'graph: what goes out', query: `sum(rate(istio_requests_total{reporter=~"source|waypoint",source_workload_namespace="lab"}[R])) by (${[...edge, ...ended].join(',')}) > 0`, by: [...edge, ...ended], answers: ofGraph, as: 'source' },
  { who: 'graph: unknown sources', query: `sum(rate(istio_requests_total{reporter=~"destination|waypoint",source_workload="unknown",destination_service_namespace="lab"}[R])) by (${edge.join(',')}) > 0`, by: edge, answers: {}, as: 'destination' },
  { who: 'graph: TCP', query: `sum(rate(istio_tcp_sent_bytes_total{reporter=~"source|waypoint",source_workload_namespace="lab"}[R])) by (${[...edge, 'response_flags'].join(',')}) > 0`, by: [...edge, 'response_flags'], answers: { [`${between} -`]: echoed }, as: 'source' },
  { who: 'graph: connections', query: `sum(rate(istio_tcp_connections_opened_total{reporter=~"destination|waypoint",destination_service_namespace="lab"}[R])) by (${edge.join(',')}) > 0`, by: edge, answers: { [between]: mix.connections }, as: 'destination' },
  { who: 'graph: messages asked', query: `sum(rate(istio_request_messages_total{reporter=~"destination|waypoint",destination_service_namespace="lab"}[R])) by (${edge.join(',')}) > 0`, by: edge, answers: { [between]: 70 }, as: 'destination' },
  { who: 'graph: messages answered', query: `sum(rate(istio_response_messages_total{reporter=~"source|waypoint",source_workload_namespace="lab"}[R])) by (${edge.join(',')}) > 0`, by: edge, answers: { [between]: 90 }, as: 'source' },
  { who: 'graph: who is proven', query: `sum(rate({__name__=~"istio_requests_total|istio_tcp_connections_opened_total",reporter=~"destination|waypoint",destination_service_namespace="lab"}[R])) by (${identities.join(',')}) > 0`, by: identities, answers: { [`${ids} mutual_tls`]: 145 }, as: 'destination' },
  { who: 'graph: mean response time', query: `sum(rate(istio_request_duration_milliseconds_sum{reporter=~"source|waypoint",source_workload_namespace="lab"}[R])) by (${edge.join(',')}) / sum(rate(istio_request_duration_milliseconds_count{reporter=~"source|waypoint",source_workload_namespace="lab"}[R])) by (${edge.join(',')}) > 0`, by: edge, answers: 'any', as: 'number' },
  { who: 'graph: response time of most', query: `histogram_quantile(0.95, sum(rate(istio_request_duration_milliseconds_bucket{reporter=~"destination|waypoint",destination_service_namespace="lab"}[R])) by (le,${edge.join(',')})) > 0`, by: edge, answers: 'any', as: 'number' },
  { who: 'health: by how it ended', query: 'sum(rate(istio_requests_total{destination_service_namespace="lab",reporter="source"}[R]) > 0) by (destination_service_name, request_protocol, response_code, grpc_response_status)', by: ['destination_service_name', 'request_protocol', 'response_code', 'grpc_response_status'], answers: { 'store http 200 -': 60, 'store http 404 -': 20, 'store http 503 -': 20, 'store grpc 200 0': 30, 'store grpc 200 5': 10 }, as: 'source' },
  { who: 'metrics: errors of HTTP', query: 'sum(rate(istio_requests_total{reporter=~"destination|waypoint",destination_canonical_service="store",destination_workload_namespace="lab",response_code=~"^0$|^[4-5]\\\\d\\\\d$"}[R]))', by: [], answers: { '': 40 }, as: 'destination' },
  { who: 'metrics: errors of gRPC', query: 'sum(rate(istio_requests_total{reporter=~"destination|waypoint",destination_canonical_service="store",destination_workload_namespace="lab",grpc_response_status=~"^[1-9]$|^1[0-6]$"}[R]))', by: [], answers: { '': 10 }, as: 'destination' },
  { who: 'metrics: percentiles', query: 'histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{destination_workload="store-v1",destination_workload_namespace="lab"}[R])) by (le,reporter))', by: ['reporter'], answers: 'any', as: 'number' },
]; // prettier-ignore

const ofControlPlane: readonly Question[] = [
  { who: 'what runs', query: 'sum(istio_build) by (component)', by: ['component'], answers: { pilot: 1 }, as: 'number' },
  { who: 'proxies', query: 'sum(pilot_xds)', by: [], answers: { '': 2 }, as: 'number' },
  { who: 'pushes', query: 'sum(rate(pilot_xds_pushes{type=~"cds|eds|lds|rds"}[R])) by (type)', by: ['type'], answers: 'any', as: 'number' },
  { who: 'making them', query: 'histogram_quantile(0.9, sum(pilot_xds_push_time_bucket{type=~"cds|eds|lds|rds"}) by (le, type))', by: ['type'], answers: 'any', as: 'number' },
  { who: 'convergence', query: 'histogram_quantile(0.9, sum(pilot_proxy_convergence_time_bucket) by (le))', by: [], answers: 'any', as: 'number' },
  { who: 'sizes', query: 'max(histogram_quantile(0.9, pilot_xds_config_size_bytes_bucket))', by: [], answers: 'any', as: 'number' },
  { who: 'what came from the cluster', query: 'sum(pilot_k8s_cfg_events{event="add"}) by (type)', by: ['type'], answers: { Sidecar: 2, VirtualService: 1 }, as: 'number' },
]; // prettier-ignore

/** Who is told where the values do not matter. */
const told: Readonly<Record<string, readonly string[]>> = {
  'destination_workload_var': [store],
  'destination_service': [host],
  'source_workload,source_workload_namespace': ['caller lab'],
  'destination_workload,destination_workload_namespace': ['store-v1 lab'],
  [edge.join()]: [between],
  reporter: ['destination', 'source'],
  type: ['cds', 'eds', 'lds', 'rds'],
  '': [''],
}; // prettier-ignore

const keyOf = ({ labels }: Answer, by: readonly string[]): string => by.map((name) => labels[name] || '-').join(' ');

describe.skipIf('missing' in found).each([
  ['dashboards', ofDashboards],
  ['consoles', ofConsoles],
  ['the control plane', ofControlPlane],
] as const)('what is asked for %s', (_what, questions) => {
  test.each(questions.map((question) => [question.who, question] as const))(
    '%s',
    async (_who, { query, by, answers, as }) => {
      const result = await prometheus.query(query.replaceAll('[R]', `[${range}]`), end);
      const values = Object.fromEntries(result.map((each) => [keyOf(each, by), as === 'number' ? each.value : each.value / (unit[as] ?? NaN)])); // prettier-ignore
      expect(result).toHaveLength(Object.keys(values).length);
      if (answers === 'any') {
        expect(Object.keys(values).toSorted()).toEqual(told[by.join()]);
        expect(Object.values(values).filter((value) => !(value >= 0))).toEqual([]);
        return;
      }
      expect(Object.keys(values).toSorted()).toEqual(Object.keys(answers).toSorted());
      for (const [key, value] of Object.entries(answers)) expect(values[key], key).toBeCloseTo(value, 2);
    },
  );
});
