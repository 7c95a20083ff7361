// The install as it is printed: what depends on values, and what holds whatever they are.
import {  readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { keelson } from '../../src/cli/keelson.ts';
import { chartFiles } from '../../src/manifests/chart/chart.ts';
import { installObjects } from '../../src/manifests/install.ts';
import { readAssignments } from '../../src/manifests/values/assignment.ts';
import type { Tree } from '../../src/manifests/values/values.ts';
import { defaultValues, readValues } from '../../src/manifests/values/values.ts';

interface Installed {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec?: Tree;
  readonly data?: Readonly<Record<string, string>>;
  readonly webhooks?: readonly Webhook[];
}
interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}
interface Webhook {
  readonly name: string;
  readonly clientConfig: { readonly service: { readonly name: string } };
  readonly namespaceSelector: { readonly matchExpressions: readonly Requirement[] };
  readonly objectSelector: { readonly matchExpressions: readonly Requirement[] };
}

const installed = (...given: readonly Tree[]): readonly Installed[] =>
  installObjects(readValues(given).values, { crds: false }) as readonly Installed[];
const named = (objects: readonly Installed[], kind: string, name: string): Installed => {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};
const names = (objects: readonly Installed[]): readonly string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

describe('an install', () => {
  test('presents what tools and proxies of Istio look for', () => {
    for (const name of [
      'ServiceAccount istiod',
      'ServiceAccount istio-reader-service-account',
      'ClusterRole istiod-clusterrole-istio-system',
      'ConfigMap istio',
      'ConfigMap istio-sidecar-injector',
      'Deployment istiod',
      'Service istiod',
      'HorizontalPodAutoscaler istiod',
      'MutatingWebhookConfiguration istio-sidecar-injector',
      'ValidatingWebhookConfiguration istio-validator-istio-system',
      'ValidatingWebhookConfiguration istiod-default-validator',
      'Deployment istio-ingressgateway',
    ])
      expect(names(installed())).toContain(name);
    expect(named(installed(), 'Service', 'istiod').spec).toMatchObject({
      ports: [{ port: 15010 }, { port: 15012 }, { port: 443, targetPort: 15017 }, { port: 15014 }],
    });
  });

  test('of a revision shares no name with the one beside it', () => {
    const more: Tree = { global: { networkPolicy: { enabled: true } }, experimental: { stableValidationPolicy: true } };
    const shared = ['Namespace', 'istio-reader', 'istio-ingressgateway'];
    const own = (objects: readonly Installed[]) =>
      names(objects).filter((name) => !shared.some((part) => name.includes(part)));
    const first = new Set(own(installed(more)));
    const second = own(installed(more, { revision: 'canary' }));
    expect(second.filter((name) => first.has(name))).toEqual([]);
    expect(second).toContain('ValidatingWebhookConfiguration istio-validator-canary-istio-system');
    expect(named(installed({ revision: 'canary' }), 'ConfigMap', 'istio-canary').data?.['mesh']).toContain(
      'istiod-canary.istio-system.svc:15012',
    );
  });

  test('has Pods that the restricted profile lets run', () => {
    for (const deployment of installed().filter(({ kind }) => kind === 'Deployment')) {
      const { spec } = (deployment.spec as { template: { spec: Tree } }).template;
      expect(spec['securityContext']).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    }
    const { containers } = (named(installed(), 'Deployment', 'istiod').spec as { template: { spec: { containers: Tree[] } } })
      .template.spec;
    expect(containers[0]?.['securityContext']).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  test('names no variable twice', () => {
    const deployment = named(installed({ env: { REVISION: 'x', POD_NAME: 'y', OWN: 1 } }), 'Deployment', 'istiod');
    const [container] = (deployment.spec as { template: { spec: { containers: { env: { name: string }[] }[] } } }).template
      .spec.containers;
    const variables = container?.env.map(({ name }) => name) ?? [];
    expect(variables).toContain('OWN');
    expect(new Set(variables).size).toBe(variables.length);
  });

  test('keeps a Pod from being taken away only where there is another', () => {
    expect(names(installed())).not.toContain('PodDisruptionBudget istiod');
    expect(names(installed({ autoscaleMin: 2 }))).toContain('PodDisruptionBudget istiod');
    const fixed = installed({ pilot: { autoscaleEnabled: false, replicaCount: 3 } });
    expect(names(fixed)).toContain('PodDisruptionBudget istiod');
    expect(names(fixed)).not.toContain('HorizontalPodAutoscaler istiod');
    expect(named(fixed, 'Deployment', 'istiod').spec).toHaveProperty('replicas', 3);
    // Else every upgrade would undo what the autoscaler decided.
    expect(named(installed(), 'Deployment', 'istiod').spec).not.toHaveProperty('replicas');
  });

  test('gives no more rights on secrets and webhooks than are used', () => {
    const { rules } = named(installed(), 'ClusterRole', 'istiod-clusterrole-istio-system') as unknown as {
      readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
    };
    const verbs = (resource: string): readonly string[] =>
      rules.filter(({ resources }) => resources.includes(resource)).flatMap(({ verbs }) => verbs);
    expect(new Set(verbs('secrets'))).toEqual(new Set(['get', 'list', 'watch']));
    expect(verbs('mutatingwebhookconfigurations')).not.toContain('create');
    for (const { resources, verbs } of rules) expect([...resources, ...verbs]).not.toContain('*');
  });
});

describe('injection', () => {
  const holds = ({ key, operator, values = [] }: Requirement, labels: Readonly<Record<string, string>>): boolean => {
    const value = labels[key];
    if (operator === 'In') return value !== undefined && values.includes(value);
    if (operator === 'NotIn') return value === undefined || !values.includes(value);
    return (value !== undefined) === (operator === 'Exists');
  };
  type Labels = Readonly<Record<string, string>>;
  const all = ({ matchExpressions }: { readonly matchExpressions: readonly Requirement[] }, labels: Labels) =>
    matchExpressions.every((requirement) => holds(requirement, labels));
  const asked = (objects: readonly Installed[], namespace: Labels, pod: Labels): readonly string[] =>
    objects
      .flatMap(({ kind, webhooks = [] }) => (kind === 'MutatingWebhookConfiguration' ? webhooks : []))
      .filter(({ namespaceSelector, objectSelector }) => all(namespaceSelector, namespace) && all(objectSelector, pod))
      .map(({ clientConfig }) => clientConfig.service.name);
  const choices = (key: string, ...values: readonly string[]): readonly Labels[] => [
    {},
    ...values.map((value) => ({ [key]: value })),
  ];
  const revisions = choices('istio.io/rev', 'default', 'canary', 'next', 'other');
  const namespaces = choices('istio-injection', 'enabled', 'disabled').flatMap((one) =>
    revisions.map((other) => ({ ...one, ...other })),
  );
  const pods = choices('sidecar.istio.io/inject', 'true', 'false').flatMap((one) =>
    revisions.map((other) => ({ ...one, ...other })),
  );

  test.each([false, true])('asks one control plane at most about a Pod (by default everywhere: %s)', (everywhere) => {
    const injecting: Tree = { sidecarInjectorWebhook: { enableNamespacesByDefault: everywhere } };
    const objects = [
      ...installed(injecting),
      ...installed({ ...injecting, revision: 'canary', revisionTags: ['next'], defaultRevision: '' }),
    ];
    const twice = namespaces.flatMap((namespace) =>
      pods.filter((pod) => asked(objects, namespace, pod).length > 1).map((pod) => ({ namespace, pod })),
    );
    expect(twice).toEqual([]);
  });

  test.each<[string, Labels, Labels, readonly string[]]>([
    ['of a namespace that wants it', { 'istio-injection': 'enabled' }, {}, ['istiod']],
    ['that wants it itself', {}, { 'sidecar.istio.io/inject': 'true' }, ['istiod']],
    ['that does not want it', { 'istio-injection': 'enabled' }, { 'sidecar.istio.io/inject': 'false' }, []],
    ['of a namespace of another revision', { 'istio.io/rev': 'canary' }, {}, ['istiod-canary']],
    ['of a namespace with a tag', { 'istio.io/rev': 'next' }, {}, ['istiod-canary']],
    ['of another revision itself', {}, { 'istio.io/rev': 'canary' }, ['istiod-canary']],
    ['of nobody', {}, {}, []],
  ])('of a Pod %s', (_which, namespace, pod, services) => {
    const objects = [...installed(), ...installed({ revision: 'canary', revisionTags: ['next'], defaultRevision: '' })];
    expect(asked(objects, namespace, pod)).toEqual(services);
  });
});

describe('values', () => {
  test('are found where older charts and the operator have them', () => {
    const { values, unknown } = readValues([
      { values: { pilot: { replicaCount: 2 }, global: { hub: 'images.example.com' } }, meshConfig: { accessLogFile: '/dev/stdout' } },
    ]);
    expect(values).toMatchObject({ replicaCount: 2, global: { hub: 'images.example.com', tag: defaultValues.global.tag } });
    expect(values.meshConfig).toHaveProperty('accessLogFile', '/dev/stdout');
    expect(unknown).toEqual([]);
  });

  test('that mean nothing are told', () => {
    expect(readValues([{ pilot: { replicaCnt: 2, env: { ANY: 'x' } } }]).unknown).toEqual(['replicaCnt']);
  });

  test.each<[string, unknown]>([
    ['a.b=1,c=true', { a: { b: 1 }, c: true }],
    ['a\\.b=x\\,y', { 'a.b': 'x,y' }],
    ['a=1=2', { a: '1=2' }],
    ['a={x,2},b={}', { a: ['x', 2], b: [] }],
    ['a[1].b=x,a[0].b=y', { a: [{ b: 'y' }, { b: 'x' }] }],
    ['tag=007', { tag: '007' }],
  ])('on the command line: %s', (text, tree) => {
    expect(readAssignments(text)).toEqual({ tree });
  });

  test.each(['a', '=1', 'a..b=1', 'a[99999]=1', `${'a.'.repeat(100)}b=1`, 'x'.repeat(70_000)])('refuses %.20s', (text) => {
    expect(readAssignments(text)).toHaveProperty('fault');
  });

  test('of an object that has them anyway do no harm', () => {
    readValues([{ ...readAssignments('__proto__.x=1') }]);
    expect(Object.prototype).not.toHaveProperty('x');
  });
});

describe('manifests/', () => {
  const folder = join(import.meta.dirname, '../../manifests');
  const documents = (text: string): readonly unknown[] =>
    parseAllDocuments(text).map((document): unknown => document.toJSON());

  test('has the install as it is now (make manifests)', () => {
    const text = readFileSync(join(folder, 'install.yaml'), 'utf8');
    expect(documents(text)).toEqual(JSON.parse(JSON.stringify(installed())));
  });

  test('has the charts as they are now (make manifests)', () => {
    const files = readdirSync(join(folder, 'charts'), { recursive: true, encoding: 'utf8' })
      .filter((file) => statSync(join(folder, 'charts', file)).isFile())
      .map((file) => [file, readFileSync(join(folder, 'charts', file), 'utf8')] as const);
    expect(new Map(files)).toEqual(chartFiles());
  });
});

describe('keelson manifests', () => {
  const run = async (...argv: readonly string[]) => {
    const out = { text: '', errors: '' };
    const code = await keelson(['manifests', ...argv], {
      stdout: (text) => void (out.text += text),
      stderr: (text) => void (out.errors += text),
    });
    return { code, ...out };
  };

  test('prints what is to be applied', async () => {
    const { code, text, errors } = await run('--revision', 'blue', '--set', 'pilot.nodeSelector.zone=a,unheard=1', '--json');
    expect(code).toBe(0);
    expect(errors).toContain('unheard');
    const { items } = JSON.parse(text) as { readonly items: readonly Installed[] };
    expect(items[0]?.kind).toBe('CustomResourceDefinition');
    expect(named(items, 'Deployment', 'istiod-blue').spec).toHaveProperty('template.spec.nodeSelector', { zone: 'a' });
  });

  test.each([['--set', 'x'], ['--crds', 'some'], ['--revision', 'Not A Name'], ['-f', '/does/not/exist']])(
    'tells wrong use: %s %s',
    async (...argv) => {
      expect((await run(...argv)).code).toBe(2);
    },
  );
});
