import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kinds } from '../../src/model/snapshot.ts';
import { apiVersions, kindTable } from '../../src/watchers/kinds.ts';
import { describeProblem } from '../../src/model/problem.ts';
import { parse } from '../../src/watchers/parse.ts';
import { objectOf, specVerdict, verdict } from './rules/checking.ts';

const service = (spec: unknown, metadata: object = {}) => objectOf('Service', spec, metadata);

describe('what is an object', () => {
  test.each([null, 1, 'text', [], {}, { kind: 'Service' }, { apiVersion: 'v1', kind: 5 }])('%j is none', (raw) => {
    expect(verdict(raw)).toEqual(['error not-an-object']);
  });

  test('an unknown kind is a warning with a hint', () => {
    const said = (apiVersion: string, kind: string) =>
      parse({ apiVersion, kind, metadata: { name: 'a' } }).problems.map(({ code, message }) => `${code} ${message}`);
    expect(said('networking.istio.io/v1', 'VirtualServcie')[0]).toMatch(
      /^unknown-kind .*did you mean "VirtualService"/,
    );
    expect(said('gateway.networking.k8s.io/v1alpha2', 'Gateway')[0]).toMatch(
      /Keelson reads Gateway of networking.istio.io.*, gateway.networking.k8s.io\/v1, gateway.networking.k8s.io\/v1beta1$/,
    );
    expect(said('gateway.networking.k8s.io/v1', 'KubernetesGateway')[0]).toMatch(/^unknown-kind /);
    expect(said('apps/v1', 'Deployment')[0]).toMatch(/^unknown-kind apps\/v1 Deployment is not read/);
  });

  test('every version that is served means the same', () => {
    for (const version of apiVersions(kindTable.VirtualService)) {
      const raw = {
        ...objectOf('VirtualService', { hosts: ['a'], tcp: [{ route: [{ destination: { host: 'a' } }] }] }),
      };
      const { object } = parse({ ...raw, apiVersion: version });
      expect(object?.kind).toBe('VirtualService');
    }
  });
});

describe('metadata is made uniform', () => {
  test('defaults', () => {
    const { object } = parse({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'cart', creationTimestamp: null },
    });
    expect(object).toMatchObject({
      metadata: { name: 'cart', namespace: 'default', labels: {}, annotations: {}, creationTimestamp: '' },
      source: { kind: 'Service', namespace: 'default', name: 'cart' },
      spec: {},
      status: {},
    });
  });

  test('a cluster-scoped object is in no namespace', () => {
    const raw = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', namespace: 'shop' } };
    expect(parse(raw).object?.metadata.namespace).toBe('');
  });

  test.each([
    [{ name: undefined }, ['error required-field metadata']],
    [{ name: 'Upper' }, ['error invalid-value metadata.name']],
    [{ name: 'a.b' }, ['error invalid-value metadata.name']],
    [{ name: 'x'.repeat(300) }, ['error invalid-value metadata.name']],
    [{ namespace: 'a.b' }, ['error invalid-value metadata.namespace']],
    [{ labels: { version: 1 } }, ['error wrong-type metadata.labels.version']],
    [{ labels: { 'a b': 'c' } }, ['error invalid-value metadata.labels["a b"]']],
    [{ labels: ['a'] }, ['error wrong-type metadata.labels']],
  ])('%j', (metadata, expected) => {
    expect(verdict(service({}, metadata))).toEqual(expected);
  });
});

describe('schemas', () => {
  test('say what is wrong, where, and what would be right', () => {
    const { problems } = parse(objectOf('VirtualService', { hosts: ['a'], http: [{ routes: [], timeout: 5 }] }));
    expect(problems.map(describeProblem)).toEqual([
      'VirtualService shop/sample spec.http[0].routes: there is no such field here (did you mean "route"?)',
      'VirtualService shop/sample spec.http[0].timeout: must be a text, not 5',
    ]);
  });

  test('null is "not set", also for a required part', () => {
    expect(verdict(service(null))).toEqual([]);
    expect(verdict(service({ ports: null, selector: { app: 'a' } }))).toEqual([]);
    expect(specVerdict('VirtualService', { hosts: ['a'], http: null, tcp: [] })).toEqual(['error required-field spec']);
  });

  test('fields that nobody reads are left out of open kinds, and opaque values stay as they are', () => {
    const { object } = parse(service({ ports: [{ port: 80, extra: 1 }], other: {} }));
    expect(object).toMatchObject({ spec: { ports: [{ port: 80 }] } });
    expect(JSON.stringify(object)).not.toMatch(/extra|other/);
    const value = { a: null, b: [{ c: null }] };
    const patch = { applyTo: 'CLUSTER', patch: { operation: 'MERGE', value } };
    expect(parse(objectOf('EnvoyFilter', { configPatches: [patch] })).object).toMatchObject({
      spec: { configPatches: [{ patch: { value } }] },
    });
  });

  test("the status of an Istio object is not read, a ServiceEntry's addresses are", () => {
    const status = { conditions: [{ type: 'x' }], addresses: [{ value: '240.240.0.1', host: 'a.com' }] };
    expect(verdict({ ...objectOf('PeerAuthentication', {}), status })).toEqual([]);
    const entry = parse({ ...objectOf('ServiceEntry', { hosts: ['a.com'] }), status }).object;
    expect(entry).toMatchObject({ status: { addresses: status.addresses } });
  });

  test('too deep and too wide', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(verdict(service(deep))).toEqual(['error too-large']);
    expect(verdict(service({ ports: Array.from({ length: 600_000 }, () => 0) }))).toEqual(['error too-large']);
  });

  test('a long list of mistakes is cut', () => {
    const { problems } = parse(service({ ports: Array.from({ length: 500 }, () => ({})) }));
    expect(problems.length).toBe(51);
    expect(problems.at(-1)?.message).toMatch(/450 more problems/);
    expect(parse(service({ ports: Array.from({ length: 100_000 }, () => ({})) })).problems.length).toBe(1);
  });
});

describe('Secrets', () => {
  const secret = (fields: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, ...fields });

  test('hide their values', () => {
    const { object } = parse(secret({ data: { key: 'aGlkZGVu' }, stringData: { other: 'also hidden' } }));
    expect(JSON.stringify(object)).not.toMatch(/aGlkZGVu|hidden/);
    expect(JSON.stringify(object)).toMatch(/\[redacted\]/);
    const data = (object as unknown as { data: Record<string, { reveal: () => string }> }).data;
    expect(data['key']?.reveal()).toBe('aGlkZGVu');
    expect(Buffer.from(data['other']?.reveal() ?? '', 'base64').toString()).toBe('also hidden');
  });

  test('and their mistakes do not show them', () => {
    const { problems } = parse(secret({ data: { key: 'pass word!' } }));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).not.toMatch(/pass/);
  });
});

describe('the ConfigMap of the mesh', () => {
  const configMap = (mesh: string, name = 'istio') => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'istio-system' },
    data: { mesh },
  });

  test('is read, in either spelling of names', () => {
    const { object, problems } = parse(
      configMap(
        'root_namespace: infra\noutboundTrafficPolicy: { mode: REGISTRY_ONLY }\nmesh_mTLS: { min_protocol_version: TLSV1_3 }',
      ),
    );
    expect(problems).toEqual([]);
    expect(object).toMatchObject({
      meshConfig: {
        rootNamespace: 'infra',
        outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
        meshMTLS: { minProtocolVersion: 'TLSV1_3' },
      },
    });
  });

  test('an unknown field is a warning and left out', () => {
    const { object, problems } = parse(configMap('trustDomain: td\nfutureSetting: { a: 1 }'));
    expect(problems.map(({ severity, code }) => [severity, code])).toEqual([['warning', 'unknown-field']]);
    expect((object as unknown as { meshConfig: object }).meshConfig).toEqual({ trustDomain: 'td' });
  });

  test.each(['enableAutoMtls: maybe', 'a: [', '- 1'])('a mistake refuses it: %s', (text) => {
    expect(parse(configMap(text))).not.toHaveProperty('object');
  });

  test('another ConfigMap is not looked into', () => {
    expect(verdict(configMap('a: [', 'settings'))).toEqual([]);
  });
});

describe('never throws', () => {
  const json = fc.jsonValue({ maxDepth: 6 });

  test('whatever the value', () => {
    fc.assert(fc.property(json, (raw) => void parse(raw)));
  });

  test('whatever the parts of an object of a known kind', () => {
    const kind = fc.constantFrom(...kinds);
    const metadata = fc.record({ name: fc.oneof(fc.constant('a'), json), labels: json }, { requiredKeys: [] });
    fc.assert(
      fc.property(kind, metadata, json, json, (name, meta, spec, data) => {
        const row = kindTable[name];
        const raw = { apiVersion: apiVersions(row)[0], kind: row.objectKind, metadata: meta, spec, data };
        const { object, problems } = parse(raw);
        expect(object === undefined).toBe(problems.some(({ severity }) => severity === 'error'));
      }),
    );
  });

  test('whatever the fields of a spec of the right names', () => {
    const field = fc.constantFrom('hosts', 'http', 'tls', 'tcp', 'gateways', 'exportTo', 'ports', 'servers', 'rules');
    const spec = fc.dictionary(field, fc.array(json, { maxLength: 3 }));
    fc.assert(
      fc.property(spec, (fields) => {
        for (const kind of kinds) parse(objectOf(kind, fields));
      }),
    );
  });
});
