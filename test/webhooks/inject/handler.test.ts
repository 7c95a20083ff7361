// The webhook's answers: patches that make of the Pod what injection says, refusals that help, and nothing done twice.
import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { AdmissionRequest, JsonPatchOperation } from '../../../src/webhooks/admission-review.ts';
import { readReview } from '../../../src/webhooks/admission-review.ts';
import { decide } from '../../../src/webhooks/inject/decision.ts';
import type { InjectionNote } from '../../../src/webhooks/inject/handler.ts';
import { callerOf, injectionHandler } from '../../../src/webhooks/inject/handler.ts';
import { jsonPatch } from '../../../src/webhooks/inject/json-patch.ts';
import { injectManifest } from '../../../src/webhooks/inject/manifests.ts';
import { nodesHaveSidecars } from '../../../src/webhooks/inject/settings.ts';
import { webhookFor } from '../../../src/webhooks/inject/selection.ts';
import { settingsWith } from './settings.ts';

const pod = (metadata: object = {}, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'barge', ...metadata },
  spec: { containers: [{ name: 'barge', image: 'barge:1' }], ...spec },
});
const request = (object: unknown): AdmissionRequest => ({
  uid: 'u',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  operation: 'CREATE',
  name: 'barge',
  namespace: 'shop',
  object,
  dryRun: false,
  username: 'ann',
});

const notes: InjectionNote[] = [];
const answer = injectionHandler({
  settings: () => settingsWith(),
  namespaceLabels: () => ({}),
  newToken: () => 'token',
  onDecision: (note) => notes.push(note),
});

/** As the API server does it. */
function patched(value: unknown, patch: readonly JsonPatchOperation[]): unknown {
  let result = structuredClone(value);
  for (const { op, path, value: next } of patch) {
    const keys = path
      .split('/')
      .slice(1)
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop();
    if (last === undefined) {
      result = next;
      continue;
    }
    const at = keys.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], result) as Record<
      string,
      unknown
    >;
    if (Array.isArray(at)) at.splice(Number(last), op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [next]));
    else if (op === 'remove') delete at[last];
    else at[last] = next;
  }
  return result;
}

test('`istioctl kube-inject` asks without a uid and an operation, and names the kind of its question', async () => {
  const question = readReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '',
      kind: { group: 'admission.k8s.io', version: 'v1', kind: 'AdmissionRequest' },
      operation: '',
      name: 'barge',
      namespace: 'shop',
      object: pod(),
    },
  });
  if ('fault' in question) throw new Error(question.fault);
  const { patch = [] } = await answer(question.request, '/inject');
  expect(JSON.stringify(patched(pod(), patch))).toContain('istio-proxy');
});

describe('a patch', () => {
  test('makes one value of the other, whatever they are', () => {
    const key = fc.constantFrom('a', 'b/c', 'd~e');
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.string(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(key, tie('value')),
      ),
    })).value;
    const json = tree.map((value): unknown => JSON.parse(JSON.stringify(value)));
    fc.assert(
      fc.property(json, json, (before, after) => isDeepStrictEqual(patched(before, jsonPatch(before, after)), after)),
      { numRuns: 500 },
    );
  });

  test('leaves the containers that are there where they are', () => {
    const before = { containers: [{ name: 'a' }, { name: 'b' }] };
    const after = { containers: [{ name: 'new' }, { name: 'a' }, { name: 'b' }] };
    expect(jsonPatch(before, after)).toEqual([{ op: 'add', path: '/containers/0', value: { name: 'new' } }]);
  });
});

describe('the webhook', () => {
  test('adds a sidecar, and no second one', async () => {
    const object = pod();
    const { allowed, patch = [] } = await answer(request(object), '/inject');
    expect(allowed).toBe(true);
    const once = patched(object, patch) as { spec: { initContainers: readonly { name: string }[] } };
    expect(once.spec.initContainers.map(({ name }) => name)).toEqual(['istio-init', 'istio-proxy']);
    expect((await answer(request(once), '/inject')).patch).toBeUndefined();
    expect(notes.at(-1)?.reason).toContain('already');
  });

  test('names the annotation, its value and the remedy when it refuses', async () => {
    const annotations = { 'sidecar.istio.io/interceptionMode': 'MAGIC' };
    const { allowed, message } = await answer(request(pod({ annotations })), '/inject');
    expect(allowed).toBe(false);
    expect(message).toContain('Pod shop/barge');
    expect(message).toContain('"sidecar.istio.io/interceptionMode"] is "MAGIC": write REDIRECT, TPROXY or NONE');
  });

  test.each([
    ['no object', 'a Pod', 'it is no object'],
    ['labels that are no texts', pod({ labels: { app: 1 } }), 'metadata.labels'],
    ['containers without names', pod({}, { containers: [{}] }), 'spec.containers'],
    ['variables that are no objects', pod({}, { containers: [{ name: 'c', env: ['x'] }] }), 'container c'],
  ])('refuses %s', async (_, object, message) => {
    const result = await answer(request(object), '/inject');
    expect(result.allowed).toBe(false);
    expect(result.message).toContain(message);
  });

  test('leaves everything but new Pods alone', async () => {
    expect(await answer({ ...request(pod()), operation: 'UPDATE' }, '/inject')).toEqual({ allowed: true });
    expect(await answer({ ...request(pod()), subResource: 'ephemeralcontainers' }, '/inject')).toEqual({
      allowed: true,
    });
  });

  test('reads where it is called from', () => {
    expect(callerOf('/inject')).toEqual({});
    expect(callerOf('/inject/cluster/c1/net/a--slash--b?timeout=10s')).toEqual({ cluster: 'c1', network: 'a/b' });
    expect(callerOf('/inject/:ENV:cluster=c1:ENV:net=n1')).toEqual({ cluster: 'c1', network: 'n1' });
  });
});

describe('who gets a sidecar', () => {
  const policy = { policy: 'enabled', neverInjectSelector: [], alwaysInjectSelector: [] };
  const decided = (metadata: object, changes: object = {}, namespace = 'shop', spec: object = {}) => {
    const { inject, reason } = decide(pod(metadata, spec) as never, namespace, { ...policy, ...changes });
    return [inject, reason] as const;
  };
  const label = (value: string) => ({ labels: { 'sidecar.istio.io/inject': value } });
  const tea = [{ matchLabels: { load: 'tea' } }];

  test.each([
    ['the policy', decided({}), true, 'policy is "enabled"'],
    ['another policy', decided({}, { policy: 'disabled' }), false, 'policy is "disabled"'],
    ['the node network', decided(label('true'), {}, 'shop', { hostNetwork: true }), false, 'hostNetwork'],
    ['Kubernetes itself', decided(label('true'), {}, 'kube-system'), false, 'kube-system'],
    [
      'a label before an annotation',
      decided({ ...label('false'), annotations: { 'sidecar.istio.io/inject': 'true' } }),
      false,
      'label',
    ],
    ['an annotation', decided({ annotations: { 'sidecar.istio.io/inject': 'false' } }), false, 'annotation'],
    [
      'never',
      decided({ labels: { load: 'tea' } }, { neverInjectSelector: tea, alwaysInjectSelector: tea }),
      false,
      'neverInjectSelector[0]',
    ],
    [
      'always',
      decided({ labels: { load: 'tea' } }, { policy: 'disabled', alwaysInjectSelector: tea }),
      true,
      'alwaysInjectSelector[0]',
    ],
    ['an empty selector selects nobody', decided({}, { neverInjectSelector: [{}] }), true, 'policy'],
  ])('%s', (_, [inject, reason], expected, because) => {
    expect([inject, reason]).toEqual([expected, expect.stringContaining(because)]);
  });

  test('the namespace and the revision decide who is asked', () => {
    const both = [{ name: 'default' }, { name: 'canary' }];
    expect(webhookFor(both, { 'istio-injection': 'enabled', 'istio.io/rev': 'canary' }, {})?.revision).toBe('default');
    expect(webhookFor(both, { 'istio.io/rev': 'canary' }, { 'istio.io/rev': 'default' })?.revision).toBe('canary');
    expect(webhookFor(both, {}, { 'sidecar.istio.io/inject': 'true' })?.webhook).toBe('object');
    expect(webhookFor(both, {}, {})).toBeUndefined();
    expect(webhookFor([{ name: 'default', everyNamespace: true }], {}, {})?.webhook).toBe('auto');
  });

  test('sidecars are of Kubernetes own kind where all nodes, or the one that is known, can', () => {
    const nodes = [
      { name: 'old', kubeletVersion: 'v1.32.9' },
      { name: 'new', kubeletVersion: 'v1.33.0-rc.1+x' },
    ];
    expect(nodesHaveSidecars(nodes, undefined)).toBe(false);
    expect(nodesHaveSidecars(nodes, 'new')).toBe(true);
    expect(nodesHaveSidecars([], undefined)).toBe(false);
  });
});

test('manifests: what makes Pods is injected once, everything else passes', () => {
  const template = { metadata: { labels: { app: 'barge' } }, spec: { containers: [{ name: 'barge' }] } };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'barge', namespace: 'shop' },
    spec: { template },
  };
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'barge' } };
  const list = { apiVersion: 'v1', kind: 'List', items: [deployment, service] };
  const options = { namespace: 'default', drainToken: () => 'token' };
  const once = injectManifest(list, settingsWith(), options);
  const [injected, untouched] = (once.object as typeof list).items as [typeof deployment, typeof service];
  expect(untouched).toBe(service);
  expect(injected.spec.template.metadata).not.toHaveProperty('generateName');
  expect(JSON.stringify(injected)).toContain('kubernetes://apis/apps/v1/namespaces/shop/deployments/barge');
  expect(injectManifest(once.object, settingsWith(), options).object).toEqual(once.object);
  expect(once.notes.map(({ outcome }) => outcome)).toEqual(['injected']);
});
