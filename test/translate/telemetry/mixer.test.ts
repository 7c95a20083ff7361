// The examples of docs/mixer.md, as they stand there: nothing is wrong with them, and each does what the page says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { nodeOf, translated, translation } from '../../support/objects/translated.ts';
import { objectsOf } from '../../support/objects/snapshot.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/mixer.md'), 'utf8');
const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml]) => yaml ?? '');

/** What the page takes for granted. */
const around = `
apiVersion: v1
kind: Pod
metadata:
  { name: store-1, namespace: shop, labels: { app: store, security.istio.io/tlsMode: istio } }
spec: { serviceAccountName: store, containers: [{ name: app }] }
status: { podIP: 10.2.0.1 }
---
apiVersion: v1
kind: Service
metadata: { name: store, namespace: shop }
spec: { selector: { app: store }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: collector, namespace: observability }
spec: { ports: [{ name: grpc, port: 4317 }] }
---
apiVersion: v1
kind: Service
metadata: { name: checks, namespace: observability }
spec: { ports: [{ name: grpc, port: 9001 }] }
`;
const yaml = [around, ...examples].join('---\n');
const store = { name: 'store-1', namespace: 'shop', metadata: { LABELS: { app: 'store' } } };
const received = JSON.stringify([...translated(yaml, 'listener', store).values()].find(({ name }) => name === 'virtualInbound')); // prettier-ignore
const elsewhere = { name: 'other-1', namespace: 'garden', address: '10.2.0.2', metadata: { LABELS: { app: 'other' } } };

test('there are examples, and nothing is wrong with them', () => {
  expect(examples.length).toBeGreaterThan(5);
  expect(objectsOf(yaml)).toHaveLength(12);
  expect(translation(yaml).problems.map(({ message }) => message)).toEqual([]);
  expect(translation(yaml).configuration(nodeOf(store))).toBeDefined();
});

test.each([
  ['metrics have another label', '"request_host"'],
  ['spans go to Lightstep, with its token', '"key":"lightstep-access-token","value":"the-token"'],
  ['spans carry a tag', '"request_header":{"name":"x-customer","default_value":"nobody"}'],
  ['failures are logged', '"expression":"response.code >= 500"'],
  ['by OTLP', 'envoy.access_loggers.open_telemetry'],
  ['orders are checked', '"authority":"checks.observability.svc.cluster.local"'],
  ['and limited', 'keelson.local_rate_limit.shop.quotas.1'],
])('in the shop %s', (_what, text) => {
  expect(received.includes(text)).toBe(true);
});

test('nobody measures sizes', () => {
  const measured = ['istio_request_duration_milliseconds', 'istio_request_bytes'];
  expect(measured.filter((metric) => received.includes(metric))).toEqual(measured.slice(0, 1));
});

test('Lightstep is spoken to by TLS', () => {
  const cluster = translated(yaml, 'cluster', store).get('outbound|443||ingest.lightstep.com');
  expect(JSON.stringify(cluster)).toContain('"sni":"ingest.lightstep.com"');
});

test('elsewhere holds what is said of the mesh, and nothing of the shop', () => {
  const others = JSON.stringify([...translated(yaml, 'listener', elsewhere).values()]);
  const texts = [
    '"request_host"',
    'outbound|4317||collector',
    'lightstep-access-token',
    'response.code >=',
    'quotas.1',
  ];
  expect(texts.filter((text) => others.includes(text))).toEqual(texts.slice(0, 2));
});
