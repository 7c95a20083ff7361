// Helm makes of the charts what `keelson manifests` prints, value for value, and installs and removes them in a real API server.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';

import { installObjects } from '../../src/manifests/install.ts';
import type { Tree } from '../../src/manifests/values/values.ts';
import { readValues } from '../../src/manifests/values/values.ts';
import { findHelm } from '../../scripts/helm.ts';
import type { KubernetesObject, ResourceType } from '../../src/kubernetes/resource.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';

const found = await findHelm();
const helm = 'helm' in found ? found.helm : '';
const helmMissing = 'missing' in found ? found.missing : undefined;
const charts = join(import.meta.dirname, '../../manifests/charts');
const directory = mkdtempSync(join(tmpdir(), 'keelson-charts-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Installed {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Tree; readonly annotations?: Tree };
  readonly data?: Readonly<Record<string, string>>;
}

function rendered(chart: string, values: Tree): readonly Installed[] {
  const file = join(directory, 'values.yaml');
  writeFileSync(file, stringify(values, { version: '1.1' }));
  const output = execFileSync(helm, ['template', 'mesh', join(charts, chart), '-n', 'istio-system', '-f', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return parseAllDocuments(output)
    .map((document) => document.toJSON() as Installed | null)
    .filter((object) => object !== null);
}

/** What Helm makes itself, and other charts. */
const isElsewhere = ({ kind, metadata }: Installed): boolean =>
  kind === 'Namespace' || metadata.name.startsWith('istio-ingressgateway');

/** By name, with the texts in it read, and without what is empty or says who manages it. */
const comparable = (objects: readonly Installed[]): Tree =>
  Object.fromEntries(objects.map((object) => [`${object.kind} ${object.metadata.name}`, withoutEmpty(readTexts(object))]));

const readTexts = (object: Installed): Installed =>
  object.data === undefined
    ? object
    : { ...object, data: Object.fromEntries(Object.entries(object.data).map(([key, text]) => [key, parse(text) as string])) };

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key]) => key !== 'app.kubernetes.io/managed-by')
    .map(([key, child]): [string, unknown] => [key, withoutEmpty(child)]);
  const full = entries.filter(([, child]) => child !== null && (typeof child !== 'object' || Object.keys(child).length > 0));
  return Object.fromEntries(full);
}

const unlessHelm = helmMissing === undefined ? '' : ` (skipped: ${helmMissing})`;
describe.skipIf(helmMissing !== undefined)(`the charts${unlessHelm}`, () => {
  test.each<[string, Tree]>([
    ['no values', {}],
    ['a revision with tags', { revision: 'canary', revisionTags: ['next', 'default'], defaultRevision: '' }],
    ['the settings of older charts', { pilot: { autoscaleEnabled: false, replicaCount: 2, env: { PILOT_X: 1 } } }],
    [
      'everything that can be switched on',
      {
        autoscaleMin: 2,
        image: 'control',
        resources: {},
        podLabels: { team: 'mesh' },
        podAnnotations: { seen: 'yes' },
        serviceAnnotations: { a: 'b' },
        nodeSelector: { pool: 'y' },
        extraContainerArgs: ['--json'],
        configMap: false,
        global: {
          hub: 'images.example.com/mesh',
          tag: '1.20',
          imagePullPolicy: 'Always',
          imagePullSecrets: ['one', 'two'],
          priorityClassName: 'system-cluster-critical',
          networkPolicy: { enabled: true },
        },
        experimental: { stableValidationPolicy: true },
        sidecarInjectorWebhook: { enableNamespacesByDefault: true, templates: { own: 'spec: {{ .x }}\n' } },
      },
    ],
    ['settings of the mesh', { meshConfig: { accessLogFile: '/dev/stdout', defaultConfig: { tracing: { sampling: 10 } } } }],
  ])('make what the plain install has: with %s', (_what, values) => {
    const plain = installObjects(readValues([values]).values) as readonly Installed[];
    const all = [...rendered('base', values), ...rendered('istiod', values)];
    expect(comparable(all)).toEqual(comparable(plain.filter((object) => !isElsewhere(object))));
  });
});

const missing = kubernetesMissing === false ? helmMissing : kubernetesMissing;
describe.skipIf(missing !== undefined)(`the charts in a real API server${unlessKubernetes || unlessHelm}`, () => {
  let kubernetes: TestKubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes({ controllerManager: true });
  });
  afterAll(() => kubernetes?.stop());

  const inCluster = (...args: readonly string[]): string =>
    execFileSync(helm, [...args, '--kubeconfig', kubernetes.kubeconfig, '-n', 'istio-system'], { encoding: 'utf8' });
  const names = async (group: string, version: string, plural: string, namespaced: boolean): Promise<readonly string[]> => {
    const resource: ResourceType = { group, version, plural, namespaced };
    const { items } = await kubernetes.client.list<KubernetesObject>(resource, {});
    return items.map(({ metadata }) => metadata.name ?? '').filter((name) => /istio|keelson/.test(name));
  };
  const webhooks = (kind: string) => names('admissionregistration.k8s.io', 'v1', `${kind}webhookconfigurations`, false);
  const deployments = () => names('apps', 'v1', 'deployments', true);
  const definitions = () => names('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', false);

  test('are installed in the order of Istio, changed, and removed; the CRDs stay', { timeout: 120_000 }, async () => {
    inCluster('install', 'base', join(charts, 'base'), '--create-namespace');
    inCluster('install', 'istiod', join(charts, 'istiod'));
    expect(await deployments()).toEqual(['istiod']);
    expect(await webhooks('mutating')).toEqual(['istio-sidecar-injector']);
    expect(await webhooks('validating')).toEqual(['istio-validator-istio-system', 'istiod-default-validator']);
    const defined = await definitions();
    expect(defined).toContain('virtualservices.networking.istio.io');

    inCluster('install', 'canary', join(charts, 'istiod'), '--set', 'revision=canary');
    expect(await deployments()).toEqual(['istiod', 'istiod-canary']);
    inCluster('upgrade', 'istiod', join(charts, 'istiod'), '--set', 'autoscaleEnabled=false,replicaCount=3');
    const { items } = await kubernetes.client.list<KubernetesObject>({ group: 'apps', version: 'v1', plural: 'deployments', namespaced: true }, {});
    expect(items.map(({ spec }) => (spec as { readonly replicas?: number }).replicas)).toContain(3);

    for (const release of ['canary', 'istiod', 'base']) inCluster('uninstall', release);
    expect([...(await deployments()), ...(await webhooks('mutating')), ...(await webhooks('validating'))]).toEqual([]);
    expect(await definitions()).toEqual(defined);
  });
});
