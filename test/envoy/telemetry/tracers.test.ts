// Spans in the notations of Zipkin, Datadog and SkyWalking, as a stock Envoy sends them to what takes them: a Telemetry
// object that names another provider is all there is to change. OTLP is in test/demo/joined-trace.test.ts.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import type { Lab } from '../../support/mesh/lab.ts';
import type { SpanSink } from '../../support/servers/span-sinks.ts';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { selfVariables } from '../../../src/model/proxy/self-labels.ts';
import { startLab, yaml } from '../../support/mesh/lab.ts';
import { meshConfigMap } from '../../support/objects/mesh-config.ts';
import { startGrpcSink, startHttpSink } from '../../support/servers/span-sinks.ts';

const kinds = ['zipkin', 'datadog', 'skywalking'] as const;
type Kind = (typeof kinds)[number];

let lab: Lab;
let sinks: Readonly<Record<Kind, SpanSink>>;

const hostOf = (kind: Kind): string => `${kind}.example.com`;

const serviceEntry = (kind: Kind): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name: kind, namespace: 'lab' },
  spec: {
    hosts: [hostOf(kind)],
    ports: [
      { number: 9411, name: kind, protocol: kind === 'skywalking' ? 'GRPC' : 'HTTP', targetPort: sinks[kind].port },
    ],
    resolution: 'STATIC',
    endpoints: [{ address: '127.0.0.1' }],
  },
});

const telemetry = (kind: Kind): string =>
  stringify({
    apiVersion: 'telemetry.istio.io/v1',
    kind: 'Telemetry',
    metadata: { name: 'traces', namespace: 'lab' },
    spec: {
      tracing: [
        {
          providers: [{ name: kind }],
          randomSamplingPercentage: 100,
          customTags: { animal: { header: { name: 'x-animal' } } },
        },
      ],
    },
  });

/** What the caller's proxy knows of itself; spans say it. */
const variables = {
  [selfVariables.canonicalName]: 'caller-by-its-environment',
  [selfVariables.canonicalRevision]: 'v9',
  [selfVariables.cluster]: 'east',
  [selfVariables.namespace]: 'lab',
};

beforeAll(async () => {
  const [zipkin, datadog, skywalking] = await Promise.all([startHttpSink(), startHttpSink(), startGrpcSink()]);
  sinks = { zipkin, datadog, skywalking };
  const extensionProviders = kinds.map((kind) => ({ name: kind, [kind]: { service: hostOf(kind), port: 9411 } }));
  lab = await startLab({
    workloads: ['store-v1'],
    files: {
      'mesh.yaml': stringify(meshConfigMap({ extensionProviders, enableTracing: true })),
      'sinks.yaml': yaml(...kinds.map(serviceEntry)),
    },
    variables: () => variables,
  });
});
afterAll(async () => {
  await lab?.stop();
  for (const kind of kinds) await sinks?.[kind].close();
});

/** Calls until what a call's span says has come. */
async function reported(kind: Kind, path: string, ...texts: readonly string[]): Promise<Buffer> {
  const animal = `zebra-${kind}`;
  await lab.mesh.change('telemetry.yaml', telemetry(kind));
  const found = (): Buffer | undefined =>
    sinks[kind].reports.find(
      (report) => report.path === path && [animal, ...texts].every((text) => report.body.includes(text)),
    )?.body;
  await lab.mesh.envoys.get('caller')?.eventually(`a span in the notation of ${kind}`, async () => {
    await lab.call('store', { path: '/stable', headers: { 'x-animal': animal } });
    return found() !== undefined;
  });
  return found() ?? Buffer.of();
}

test('Zipkin is told in JSON', async () => {
  const spans = JSON.parse((await reported('zipkin', '/api/v2/spans')).toString()) as readonly {
    readonly kind: string;
    readonly traceId: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly localEndpoint: { readonly serviceName: string };
  }[];
  expect(Object.keys(spans[0]?.tags ?? {})).not.toContain('istio.mesh_id');
  expect(spans[0]).toMatchObject({
    kind: 'CLIENT',
    traceId: expect.stringMatching(/^[\da-f]{32}$/) as string,
    localEndpoint: { serviceName: 'caller.lab' },
    tags: {
      animal: 'zebra-zipkin',
      'http.status_code': '200',
      'istio.canonical_service': 'caller-by-its-environment',
      'istio.canonical_revision': 'v9',
      'istio.cluster_id': 'east',
      'istio.namespace': 'lab',
    },
  });
});

test("Datadog's agent is told in MessagePack", async () => {
  const spans = await reported('datadog', '/v0.4/traces', 'http.status_code', 'istio.canonical_service', 'caller.lab');
  expect(spans.length).toBeGreaterThan(100);
});

test('SkyWalking is told over gRPC', async () => {
  const path = '/skywalking.v3.TraceSegmentReportService/collect';
  const segment = await reported('skywalking', path, 'istio.canonical_service', 'status_code');
  expect(segment.length).toBeGreaterThan(100);
});

test('nobody is told in a notation that he was not asked for', () => {
  for (const kind of kinds) {
    const told = Buffer.concat(sinks[kind].reports.map(({ body }) => body)).toString('latin1');
    expect(kinds.filter((other) => told.includes(`zebra-${other}`))).toEqual([kind]);
  }
  expect(lab.mesh.envoys.get('caller')?.nacks()).toEqual([]);
});
