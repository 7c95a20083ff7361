// Injected Pods beside those of Istio's own injector, point by point, where recordings of these are at hand: what must be
// the same, and what differs because there is no agent in the Pod (docs/injection.md).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';

import type { KindMap, MeshConfigSpec } from '../../../src/model/schema/index.ts';
import { decide } from '../../../src/webhooks/inject/decision.ts';
import { callerOf } from '../../../src/webhooks/inject/handler.ts';
import { injectPod } from '../../../src/webhooks/inject/inject-pod.ts';
import { readInjectorConfig } from '../../../src/webhooks/inject/injector-config.ts';
import { injectManifest } from '../../../src/webhooks/inject/manifests.ts';
import type { Json, Pod } from '../../../src/webhooks/inject/pod/pod.ts';
import { isObject, readPod } from '../../../src/webhooks/inject/pod/pod.ts';
import { webhookFor } from '../../../src/webhooks/inject/selection.ts';
import type { InjectionSettings } from '../../../src/webhooks/inject/settings.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';
import { podPoints } from './points.ts';
import { place, settingsWith } from './settings.ts';

const recordings = resolve(import.meta.dirname, '../../../../shared/parity/injection');
const here = existsSync(recordings);
if (!here) process.stderr.write('skipped: there are no recordings of Istio here\n');

interface Case {
  readonly mode: 'webhook' | 'kube-inject';
  readonly namespace?: string;
  readonly path?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly meshConfigOverrides?: MeshConfigSpec;
  readonly valuesOverrides?: Json;
  readonly injectorConfigOverrides?: Json;
  readonly objects?: readonly Json[];
}

const documents = (file: string): readonly Json[] =>
  parseAllDocuments(readFileSync(file, 'utf8'))
    .map((document) => document.toJS() as unknown)
    .filter(isObject);

function settingsOf({
  mode,
  env,
  meshConfigOverrides,
  valuesOverrides,
  injectorConfigOverrides,
  objects,
}: Case): InjectionSettings {
  const native = mode === 'webhook' ? 'auto' : env?.['ENABLE_NATIVE_SIDECARS'] === 'true' ? 'always' : 'never';
  const usual = settingsWith();
  const snapshot = snapshotOf((objects ?? []).map((object) => `---\n${stringify(object)}`).join(''));
  const { config, faults } = readInjectorConfig({
    values: JSON.stringify(valuesOverrides ?? {}),
    config: stringify(injectorConfigOverrides ?? {}),
  });
  expect(faults).toEqual([]);
  return {
    ...usual,
    mesh: {
      ...usual.mesh,
      ...meshConfigOverrides,
      defaultConfig: { ...usual.mesh.defaultConfig, ...meshConfigOverrides?.defaultConfig },
    },
    proxyConfigs: [...snapshot.objects.ProxyConfig.values()] as readonly KindMap['ProxyConfig'][],
    injector: config,
    nativeSidecars: native,
  };
}

/** Pods and Pod templates, whatever they are in. */
function podsIn(object: unknown): readonly Pod[] {
  if (!isObject(object)) return [];
  const { kind, items, spec } = object;
  if (Array.isArray(items)) return items.flatMap(podsIn);
  if (kind === 'Pod') return [object as unknown as Pod];
  if (!isObject(spec)) return [];
  const job = isObject(spec['jobTemplate']) ? spec['jobTemplate'] : undefined;
  const template = job === undefined ? spec['template'] : (job['spec'] as Json)['template'];
  if (!isObject(template) || !isObject(template['spec'])) return [];
  // Istio writes what belongs to a CronJob's Pod to its Job.
  const metadata = joined(job?.['metadata'], template['metadata']);
  return [{ ...template, metadata } as unknown as Pod];
}

function joined(one: unknown, other: unknown): Json {
  const [a, b] = [one, other].map((each) => (isObject(each) ? each : {}));
  const map = (field: string) => ({ ...(a?.[field] as Json | undefined), ...(b?.[field] as Json | undefined) });
  return { labels: map('labels'), annotations: map('annotations') };
}

const cases = here
  ? readdirSync(recordings).filter((name) => existsSync(join(recordings, name, 'case.yaml')))
  : ['none'];

/** What asks for an agent in the Pod is refused here. */
const needsAgent = (pod: Pod): boolean =>
  (pod.metadata.annotations?.['inject.istio.io/templates'] ?? '').startsWith('grpc-');

describe.skipIf(!here)("beside Istio's injector", () => {
  test.each(cases)('%s', (name) => {
    const about = parse(readFileSync(join(recordings, name, 'case.yaml'), 'utf8')) as Case;
    const settings = settingsOf(about);
    const expected = documents(join(recordings, name, 'expected.yaml'));
    const input = documents(join(recordings, name, 'input.yaml'));
    expect(input).toHaveLength(expected.length);
    input.forEach((object, index) => {
      const theirs = expected[index] ?? {};
      const [result, outcome] = injected(object, about, settings);
      const pods = podsIn(object);
      if (pods.some(needsAgent)) return expect(outcome).toBe('refused');
      if (theirs['allowed'] === false) return expect(outcome, JSON.stringify(theirs)).toBe('refused');
      expect(podsIn(result)).toHaveLength(podsIn(theirs).length);
      podsIn(result).forEach((ours, at) => {
        const before = pods[at] as Pod;
        const other = podsIn(theirs)[at] as Pod;
        expect(isInjected(ours), JSON.stringify(before.metadata)).toBe(isInjected(other));
        if (isInjected(other)) expect(podPoints(ours, before)).toEqual(podPoints(other, before));
        else expect(ours).toEqual(before);
      });
      return undefined;
    });
  });
});

const isInjected = (pod: Pod): boolean => pod.metadata.annotations?.['sidecar.istio.io/status'] !== undefined;

function injected(object: Json, about: Case, settings: InjectionSettings): readonly [unknown, string] {
  const namespace = about.namespace ?? 'default';
  if (about.mode === 'kube-inject') {
    const { object: result } = injectManifest(object, settings, { namespace, drainToken: () => 'token' });
    return [result, ''];
  }
  const read = readPod(object);
  if ('fault' in read) throw new Error(read.fault);
  const own = read.pod.metadata.namespace ?? namespace;
  const injection = injectPod(read.pod, { ...place, namespace: own, ...callerOf(about.path ?? '/inject') }, settings);
  return [injection.kind === 'injected' ? injection.pod : object, injection.kind];
}

describe.skipIf(!here)('who injects', () => {
  const file = join(recordings, 'precedence/precedence.tsv');
  const rows = here ? readFileSync(file, 'utf8').trim().split('\n').slice(1) : [];

  test('every combination of labels as an API server with both installations decided', () => {
    expect(rows.length).toBeGreaterThan(600);
    const wrong = rows.filter((row) => {
      const [setup = '', enabled, nsRevision, inject, podRevision, annotation, expected] = row.split('\t');
      const installed = setup
        .replace('-only', '')
        .split('+')
        .map((name) => ({ name }));
      const labels = present({ 'sidecar.istio.io/inject': inject, 'istio.io/rev': podRevision });
      const call = webhookFor(installed, present({ 'istio-injection': enabled, 'istio.io/rev': nsRevision }), labels);
      const annotations = present({ 'sidecar.istio.io/inject': annotation });
      const pod = { metadata: { labels, annotations }, spec: { containers: [] } } as unknown as Pod;
      const yes = call !== undefined && decide(pod, 'shop', settingsWith().injector).inject;
      return (yes ? `${call.revision}/${call.webhook.replace('.', '-')}` : 'no') !== expected;
    });
    expect(wrong).toEqual([]);
  });
});

const present = (labels: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(labels).filter((entry): entry is [string, string] => entry[1] !== '-'));
