// Helm makes of the charts what `keelson manifests` prints, value for value. It is asked where it is installed.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';

import { installObjects } from '../../src/manifests/install.ts';
import type { Tree } from '../../src/manifests/values/values.ts';
import { readValues } from '../../src/manifests/values/values.ts';

const helm = process.env['HELM'] ?? 'helm';
const charts = join(import.meta.dirname, '../../manifests/charts');
const directory = mkdtempSync(join(tmpdir(), 'keelson-charts-'));
afterAll(() => rmSync(directory, { recursive: true }));

function isInstalled(): boolean {
  try {
    execFileSync(helm, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

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

describe.skipIf(!isInstalled())('the charts', () => {
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
