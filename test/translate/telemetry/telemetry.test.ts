// Which logs, spans and metrics follow from several Telemetry objects, the mesh's defaults and the services that there are.
import { describe, expect, test } from 'vitest';

import type { MeshSettings } from '../../../src/model/mesh/mesh.ts';
import { workloadTelemetry } from '../../../src/translate/resolve/telemetry/workload-telemetry.ts';
import { makePort, makeProxy, makeService, makeSettings } from '../../support/objects/make.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';

const collector = makeService({ name: 'collector', namespace: 'watch', ports: [makePort(4317)] });
const at = { service: collector.hostname, port: 4317 };
const providers: NonNullable<MeshSettings['extensionProviders']> = [
  { name: 'a', envoyHttpAls: at },
  { name: 'b', envoyTcpAls: at },
  { name: 'lost', envoyHttpAls: { service: 'nowhere.example', port: 1 } },
  { name: 'zip', zipkin: at },
  { name: 'dog', datadog: at },
  { name: 'step', lightstep: at },
  { name: 'prom2', prometheus: {} },
];

let age = 0;
/** Each the younger one. */
const telemetry = (name: string, namespace: string, spec: object): string => `---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: "2026-01-01T00:00:${String(age++ % 60).padStart(2, '0')}Z"}
spec: ${JSON.stringify(spec)}
`;
const ofMesh = (spec: object): string => telemetry('mesh', 'mesh-system', spec);
const ofNamespace = (spec: object): string => telemetry('namespace', 'bakery', spec);
const ofBaker = (spec: object): string =>
  telemetry('baker', 'bakery', { selector: { matchLabels: { app: 'baker' } }, ...spec });

function observed(yaml: readonly string[], settings: Partial<MeshSettings> = {}, proxy = {}) {
  const mesh = { settings: makeSettings({ extensionProviders: providers, ...settings }), services: [collector] };
  return workloadTelemetry(
    mesh,
    snapshotOf(yaml.join('')).objects.Telemetry,
    makeProxy({ labels: { app: 'baker' }, ...proxy }),
  );
}

describe('access logs', () => {
  const logs = (yaml: readonly string[], settings?: Partial<MeshSettings>) => {
    const { client, server } = observed(yaml, settings);
    return [client, server].map((side) =>
      side.logs === 'mesh'
        ? 'mesh'
        : side.logs.map(({ provider, expression }) => [provider.kind, expression ?? ''].join(' ').trim()),
    );
  };
  const named = (...names: readonly string[]) => ({ providers: names.map((name) => ({ name })) });

  test('are as MeshConfig says while nobody else does, or nothing that is named can log', () => {
    expect(logs([])).toEqual(['mesh', 'mesh']);
    expect(logs([ofMesh({ accessLogging: [named('lost', 'zip', 'unheard')] })])).toEqual(['mesh', 'mesh']);
  });

  test('come from the nearest level that names providers', () => {
    const levels = [
      ofMesh({ accessLogging: [named('a')] }),
      ofNamespace({ accessLogging: [named('b', 'envoy')] }),
      ofBaker({ accessLogging: [{}] }),
    ];
    expect(logs(levels)).toEqual([
      ['tcp-grpc', 'mesh-file'],
      ['tcp-grpc', 'mesh-file'],
    ]);
    expect(logs([ofMesh({ tracing: [{}] })], { defaultProviders: { accessLogging: ['A'] } })).toEqual([
      ['http-grpc'],
      ['http-grpc'],
    ]);
  });

  test('are disabled for one side, and then the mesh has no say either', () => {
    const levels = [
      ofMesh({ accessLogging: [named('a')] }),
      ofBaker({ accessLogging: [{ match: { mode: 'SERVER' }, disabled: true }] }),
    ];
    expect(logs(levels)).toEqual([['http-grpc'], []]);
  });

  test('are filtered by the last entry that names the provider', () => {
    const filter = { expression: 'response.code > 1' };
    expect(
      logs([
        ofMesh({ accessLogging: [{ ...named('a'), filter }] }),
        ofBaker({ accessLogging: [{ filter: { expression: 'x' } }] }),
      ]),
    ).toEqual([['http-grpc response.code > 1'], ['http-grpc response.code > 1']]);
    expect(
      logs([ofMesh({ accessLogging: [{ ...named('a'), filter }] }), ofBaker({ accessLogging: [named('a')] })])[0],
    ).toEqual(['http-grpc']);
  });
});

describe('tracing', () => {
  const zip = { providers: [{ name: 'ZIP' }] };

  test('is as MeshConfig says while nobody else does, and off without anybody to take spans', () => {
    expect(observed([]).client.tracing).toBe('mesh');
    for (const name of ['step', 'a', 'unheard'])
      expect(observed([ofMesh({ tracing: [{ providers: [{ name }] }] })]).client.tracing, name).toBe('off');
    expect(observed([ofMesh({ tracing: [{ randomSamplingPercentage: 1 }] })]).client.tracing).toBe('off');
  });

  test('is put together field by field, for each side', () => {
    const { client, server } = observed([
      ofMesh({
        tracing: [{ ...zip, randomSamplingPercentage: 50, customTags: { root: { literal: { value: 'r' } } } }],
      }),
      ofNamespace({ tracing: [{ customTags: { ns: { literal: { value: 'n' } } }, enableIstioTags: false }] }),
      ofBaker({
        tracing: [
          { match: { mode: 'CLIENT' }, disableSpanReporting: true },
          { match: { mode: 'SERVER' }, providers: [{ name: 'dog' }], randomSamplingPercentage: 0 },
        ],
      }),
    ]);
    expect(client.tracing).toBe('off');
    expect(server.tracing).toMatchObject({
      provider: { kind: 'datadog' },
      sampling: 0,
      customTags: { ns: {} },
      istioTags: false,
      byRequestId: true,
    });
    expect(JSON.stringify(server.tracing)).not.toContain('root');
  });
});

describe('metrics', () => {
  const prometheus = { providers: [{ name: 'prometheus' }] };
  const off = { overrides: [{ disabled: true }] };

  test('are counted while a provider for them is in force', () => {
    expect(observed([]).client.metrics).toBe('off');
    expect(observed([], { defaultProviders: { metrics: ['prometheus'] } }).client.metrics).toEqual({ changes: [] });
    expect(
      observed([ofMesh({ metrics: [prometheus] }), ofBaker({ metrics: [{ providers: [{ name: 'unheard' }] }] })]).server
        .metrics,
    ).toBe('off');
    expect(
      observed([
        ofMesh({ metrics: [{ ...prometheus, ...off }] }),
        ofBaker({ metrics: [{ providers: [{ name: 'prom2' }] }] }),
      ]).server.metrics,
    ).toEqual({ changes: [] });
  });

  test('come back with any later override of the same side', () => {
    const later = {
      overrides: [{ match: { metric: 'REQUEST_COUNT', mode: 'CLIENT' }, tagOverrides: { x: { value: "'1'" } } }],
    };
    const { client, server } = observed([
      ofMesh({ metrics: [{ ...prometheus, ...off }] }),
      ofBaker({ metrics: [later] }),
    ]);
    expect(client.metrics).toEqual({
      changes: [{ metric: 'requests_total', disabled: false, tags: [{ name: 'x', value: "'1'" }] }],
    });
    expect(server.metrics).toBe('off');
  });

  test('are changed by all levels together', () => {
    const { client } = observed([
      ofMesh({
        metrics: [
          {
            ...prometheus,
            overrides: [
              { match: { metric: 'TCP_SENT_BYTES' }, disabled: true, tagOverrides: { a: { operation: 'REMOVE' } } },
            ],
          },
        ],
      }),
      ofNamespace({
        metrics: [{ overrides: [{ match: { metric: 'ALL_METRICS' }, tagOverrides: { b: { value: 'c' } } }] }],
      }),
    ]);
    if (client.metrics === 'off') throw new Error('nothing is counted');
    expect(client.metrics.changes).toHaveLength(10);
    expect(client.metrics.changes.find(({ metric }) => metric === 'tcp_sent_bytes_total')).toEqual({
      metric: 'tcp_sent_bytes_total',
      disabled: true,
      tags: [{ name: 'a' }, { name: 'b', value: 'c' }],
    });
  });
});

describe('Telemetry objects', () => {
  const gateway = { kind: 'Gateway', group: 'gateway.networking.k8s.io', name: 'door' };
  const dog = { tracing: [{ providers: [{ name: 'dog' }] }] };
  const labels = { 'gateway.networking.k8s.io/gateway-name': 'door' };

  test('with targets are for the Gateways that they name', () => {
    const targeted = telemetry('door', 'bakery', { targetRefs: [gateway], ...dog });
    expect(observed([targeted]).client.tracing).toBe('mesh');
    expect(observed([targeted], {}, { type: 'router', labels }).client.tracing).toMatchObject({
      provider: { kind: 'datadog' },
    });
    expect(observed([targeted], {}, { type: 'router', labels, namespace: 'shop' }).client.tracing).toBe('mesh');
  });

  test('are for waypoints when they name them, not by labels', () => {
    const waypoint = { type: 'waypoint', labels: { ...labels, app: 'baker' } };
    expect(observed([ofBaker(dog)], {}, waypoint).client.tracing).toBe('mesh');
    const targeted = telemetry('door', 'bakery', { targetRefs: [gateway], ...dog });
    expect(observed([targeted], {}, waypoint).client.tracing).toMatchObject({ provider: { kind: 'datadog' } });
  });

  test('without a selector: the oldest of a namespace', () => {
    const two = [ofNamespace(dog), telemetry('younger', 'bakery', { tracing: [{ disableSpanReporting: true }] })];
    expect(observed(two).client.tracing).toMatchObject({ provider: { kind: 'datadog' } });
  });

  test('workloads of which the same is observed share it, and services that come change nothing', () => {
    const yaml = [ofMesh({ accessLogging: [{ providers: [{ name: 'a' }] }] })];
    const objects = snapshotOf(yaml.join('')).objects.Telemetry;
    const settings = makeSettings({ extensionProviders: providers });
    const one = workloadTelemetry({ settings, services: [collector] }, objects, makeProxy());
    const more = [collector, makeService({ name: 'new', namespace: 'shop' })];
    expect(workloadTelemetry({ settings, services: more }, objects, makeProxy({ id: 'other.bakery' })).client).toBe(
      one.client,
    );
  });
});
