// The daemon's own spans at a collector, over gRPC and over HTTP; and a daemon that traces the changes of a real mesh.
import type { Collector } from '../../../support/servers/otlp/collector.ts';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { openSpanExporter } from '../../../../src/daemon/introspection/tracing/span-exporter.ts';
import type { SpanExport } from '../../../../src/daemon/introspection/tracing/span-exporter.ts';
import { startLab } from '../../../support/mesh/lab.ts';
import { startCollector } from '../../../support/servers/otlp/collector.ts';
import { virtualService } from '../../../support/objects/rules.ts';

let collector: Collector;
beforeEach(async () => void (collector = await startCollector()));
afterEach(() => collector.close());

const over = (protocol: SpanExport['protocol']): SpanExport => ({
  protocol,
  service: 'keelson',
  instance: 'one',
  attributes: 'deployment.environment.name=test%20lab,service.name=other',
  url:
    protocol === 'grpc' ? `http://127.0.0.1:${collector.grpcPort}` : `http://127.0.0.1:${collector.httpPort}/v1/traces`,
});
const silent = { info: () => {}, warn: () => {}, error: () => {} };
const at = 1_700_000_000_000;

test.each([
  ['grpc', 'grpc'],
  ['http/protobuf', 'http'],
] as const)('a tree of spans is one trace, over %s', async (protocol, arrivedOver) => {
  const exporter = await openSpanExporter(over(protocol), silent);
  const child = { name: 'child', from: at + 0.5, to: at + 2, failed: true };
  exporter.export({ name: 'root', from: at, to: at + 3, attributes: { number: 7, list: ['a'] }, children: [child] });
  await exporter.close();
  const [first, second] = collector.spans.toSorted((a, b) => Number(a.from - b.from));
  expect(first).toMatchObject({ name: 'root', parent: '', service: 'keelson', over: arrivedOver, failed: false });
  expect(first?.attributes['number']).toBe('7');
  expect([first?.from, first?.to]).toEqual([BigInt(at) * 1_000_000n, BigInt(at + 3) * 1_000_000n]);
  expect(second).toMatchObject({ name: 'child', trace: first?.trace, parent: first?.id, failed: true });
  expect(second?.from).toBe(BigInt(at) * 1_000_000n + 500_000n);
  expect(collector.spans).toHaveLength(2);
});

test('a collector that is not there is told once', async () => {
  const gone = over('http/protobuf');
  await collector.close();
  const warned: string[] = [];
  const log = { ...silent, warn: (message: string): number => warned.push(message) };
  const exporter = await openSpanExporter({ ...gone, url: 'http://127.0.0.1:9/v1/traces' }, log);
  exporter.export({ name: 'root', from: at, to: at });
  await exporter.close();
  expect(warned).toEqual(['spans cannot be sent']);
  collector = await startCollector();
});

test('one change is one trace, from the file to the proxy', async () => {
  const logged: { readonly message: string; readonly change: unknown }[] = [];
  const info = (message: string, fields: { readonly change?: unknown } = {}): number =>
    logged.push({ message, change: fields.change });
  const log = { ...silent, info };
  const lab = await startLab({ workloads: ['store-v1'], daemon: { spans: over('grpc'), log } });
  try {
    const route = { route: [{ destination: { host: 'store' } }], timeout: '3s' };
    await lab.mesh.change('route.yaml', virtualService('store', `http: ${JSON.stringify([route])}`));
  } finally {
    await lab.stop();
  }
  const root = collector.spans.find(({ attributes }) => attributes['keelson.objects']?.includes('VirtualService lab/store added')); // prettier-ignore
  const { change } = logged.findLast(({ message }) => message === 'objects have changed') ?? {};
  expect(root?.attributes['keelson.change']).toBe(String(change));
  const own = collector.spans.filter(({ trace }) => trace === root?.trace);
  const below = (parent: string | undefined): readonly string[] =>
    own.filter((span) => span.parent === parent).map(({ name }) => name);
  expect(new Set(below(root?.id))).toEqual(new Set(['read', 'translate', 'send']));
  const sent = own.find(({ name }) => name === 'send');
  expect(sent?.attributes['keelson.connection']).toContain('caller.lab');
  expect(below(sent?.id)).toEqual(['accept']);
  expect(own.every(({ from, to }) => from >= (root?.from ?? 0n) && to <= (root?.to ?? 0n))).toBe(true);
}, 60_000);
