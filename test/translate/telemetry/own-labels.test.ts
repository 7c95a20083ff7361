// Who sends does not stand in what it sends by, where the proxy says that it knows its own names: then workloads share their
// outbound listeners, across namespaces.
import { expect, test } from 'vitest';

import { ownLabels } from '../../../src/model/proxy/self-labels.ts';
import type { Layer, NodeInfo, Resource } from '../../../src/model/envoy/resource.ts';
import type { Translation } from '../../../src/translate/translate.ts';
import { nodeOf, translated, translation } from '../../support/objects/translated.ts';

const namespaces = ['garden', 'shed', 'pond'];
const workloads = ['spade', 'rake', 'hoe'];

const settings = (providers: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    enableTracing: true
    defaultProviders: { metrics: [prometheus]${providers} }
    accessLogFile: /dev/stdout
    extensionProviders:
    - { name: spans, zipkin: { service: web.garden.svc.cluster.local, port: 80 } }
`;
const service = (name: string, namespace: string, ip: string, portName: string, port: number): string => `
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: ${ip}, selector: { app: ${name} }, ports: [{ name: ${portName}, port: ${port} }] }
`;
const ingress = namespaces.flatMap((namespace, n) =>
  workloads.map((name, w) => service(name, namespace, `10.9.${n}.${w + 1}`, 'http', 80)),
);
const services = (): string =>
  [service('db', 'garden', '10.9.9.1', 'tcp', 5432), service('auto', 'pond', '10.9.9.2', 'odd', 7000), ...ingress].join(
    '',
  );
const route = (match: string): string => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: db, namespace: garden }
spec:
  hosts: [db]
  tcp: [{ match: [${match}], route: [{ destination: { host: db } }] }]
`;

const node = (name: string, namespace: string, metadata: object = ownLabels, pod = 1): NodeInfo =>
  nodeOf({
    name: `${name}-${pod}`,
    namespace,
    address: `10.2.${namespaces.indexOf(namespace)}.${workloads.indexOf(name) + 1 + 10 * pod}`,
    metadata: { WORKLOAD_NAME: name, LABELS: { app: name, version: `v${pod}` }, ...metadata },
  });
const nodes = (metadata?: object): readonly NodeInfo[] =>
  namespaces.flatMap((namespace) => workloads.map((name) => node(name, namespace, metadata)));

const layersOf = (mesh: Translation, of: NodeInfo): readonly Layer[] => mesh.configuration(of)?.listener ?? [];
const isOutbound = ({ message }: Resource): boolean =>
  (message as { traffic_direction?: string }).traffic_direction === 'OUTBOUND';
const sendingBy = (mesh: Translation, of: readonly NodeInfo[]): readonly Resource[] =>
  of
    .flatMap((each) => layersOf(mesh, each))
    .flatMap(({ resources }) => [...resources.values()])
    .filter(isOutbound);
const distinct = (mesh: Translation, of: readonly NodeInfo[]): number => new Set(sendingBy(mesh, of)).size;

test.each([
  ['', 'the bootstrap’s tracer'],
  [', tracing: [spans]', 'a provider of traces'],
])('nine workloads of three namespaces send by the very same listeners%s (%s)', (providers) => {
  const mesh = translation(settings(providers) + services());
  const names = new Set(sendingBy(mesh, nodes()).map(({ name }) => name));
  expect([...names].toSorted()).toEqual(['0.0.0.0_80', '10.9.9.1_5432', '10.9.9.2_7000', 'virtualOutbound']);
  expect(distinct(mesh, nodes())).toBe(names.size);
  expect(sendingBy(mesh, nodes())).toHaveLength(names.size * 9);
});

test('what they receive by is their own, but for what is for no port of theirs', () => {
  const mesh = translation(settings('') + services());
  const inbound = nodes().map((each) =>
    layersOf(mesh, each).flatMap(({ resources }) => [...resources.values()].filter((one) => !isOutbound(one))),
  );
  expect(inbound.map((own) => own.map(({ name }) => name))).toEqual(nodes().map(() => ['virtualInbound']));
  expect(new Set(inbound.flat()).size).toBe(9);
  const chains = (of: number): readonly { readonly name: string }[] =>
    inbound[of]?.flatMap(({ message }) => (message as { filter_chains: [] }).filter_chains) ?? [];
  const catchAll = (of: number) => chains(of).filter(({ name }) => name.startsWith('virtualInbound-catchall'));
  expect(catchAll(8)).toHaveLength(2);
  catchAll(8).forEach((chain, i) => expect(chain).toBe(catchAll(0)[i]));
  expect(JSON.stringify(catchAll(0))).toContain('"destination_app","value_format":"%ENVIRONMENT(KEELSON_APP)%"');
  expect(JSON.stringify(chains(0))).toContain('"destination_app","value_format":"spade"');
});

test('the workloads of a namespace have the very same layer', () => {
  const mesh = translation(settings('') + services());
  const shared = (name: string, namespace: string): Layer | undefined => layersOf(mesh, node(name, namespace))[0];
  expect(shared('rake', 'shed')).toBe(shared('hoe', 'shed'));
  expect(shared('rake', 'shed')?.resources.has('10.9.9.1_5432')).toBe(true);
  // What one tenant's proxies refuse is no other's concern.
  expect(shared('rake', 'shed')?.scope).not.toBe(shared('rake', 'pond')?.scope);
});

test('a proxy that does not say so is told its names', () => {
  const mesh = translation(settings('') + services());
  expect(distinct(mesh, nodes({}))).toBe(9 * 4);
  const [of] = nodes({});
  const text = JSON.stringify(sendingBy(mesh, of === undefined ? [] : [of]).map(({ message }) => message));
  expect(text).toContain('"value_format":"spade"');
  expect(text).toContain('{"tag":"istio.namespace","literal":{"value":"garden"}}');
  expect(text).not.toContain('ENVIRONMENT');
});

test('metrics and spans refer to the environment', () => {
  const asking = { name: 'spade-1', metadata: { ...ownLabels, WORKLOAD_NAME: 'spade', LABELS: { app: 'spade' } } };
  const listeners = translated(settings('') + services(), 'listener', asking);
  const text = JSON.stringify(listeners.get('0.0.0.0_80'));
  expect(text).toContain('{"name":"source_app","value_format":"%ENVIRONMENT(KEELSON_APP)%"}');
  expect(text).toContain('{"tag":"istio.canonical_service","environment":{"name":"KEELSON_CANONICAL_NAME"}}');
  expect(text).not.toMatch(/spade|"garden"/);
});

test('a listener for TCP says which service it is for where all share it, else that is found out', () => {
  const listenerOf = (metadata: object): string =>
    JSON.stringify(
      translated(settings('') + services(), 'listener', { metadata: { ...metadata } }).get('10.9.9.1_5432'),
    );
  expect(listenerOf(ownLabels)).toContain('"destination_service","value_format":"db.garden.svc.cluster.local"');
  expect(listenerOf(ownLabels)).not.toContain('xds.cluster_metadata');
  expect(listenerOf({})).toContain('xds.cluster_metadata');
});

test('a route for connections of one namespace keeps that namespace apart, any other does not', () => {
  const other = translation(settings('') + services() + route('{ port: 5432 }'));
  expect(distinct(other, nodes())).toBe(4);
  const asked = translation(settings('') + services() + route('{ sourceNamespace: shed }'));
  const listener = (namespace: string): Resource | undefined =>
    sendingBy(asked, [node('rake', namespace)]).find(({ name }) => name === '10.9.9.1_5432');
  expect(listener('shed')?.message).not.toEqual(listener('pond')?.message);
  expect(listener('pond')).toBeDefined();
});

test('a port that is bound is in a layer of the workload’s own', () => {
  const metadata = { ...ownLabels, INTERCEPTION_MODE: 'NONE' };
  const mesh = translation(settings('') + services());
  const layers = layersOf(mesh, node('rake', 'shed', metadata));
  expect(layers).toHaveLength(1);
  expect([...(layers[0]?.resources.keys() ?? [])]).toContain('127.0.0.1_5432');
  const [own] = layers;
  expect(own?.scope).not.toBe(layersOf(mesh, node('hoe', 'shed', metadata))[0]?.scope);
});
