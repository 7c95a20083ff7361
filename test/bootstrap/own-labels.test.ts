// Whether a Pod's node says that its proxy knows its own names: only where the variables say what the control plane would.
import { expect, test } from 'vitest';

import { podBootstrap } from '../../src/bootstrap/pod-bootstrap.ts';
import type { NodeInfo } from '../../src/model/envoy/resource.ts';
import { injectPod } from '../../src/webhooks/inject/inject-pod.ts';
import type { EnvVar, Pod } from '../../src/webhooks/inject/pod/pod.ts';
import { place, settingsWith } from '../webhooks/inject/settings.ts';

const labels = { app: 'store', version: 'v1' };
const fields: Readonly<Record<string, string>> = { 'metadata.name': 'store-1', 'metadata.namespace': 'shop', 'status.podIP': '10.1.2.3' }; // prettier-ignore

/** What a kubelet gives a container of the injected Pod. */
function environmentOf(pod: Pod, container: string): Readonly<Record<string, string>> {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const { env = [] } = all.find(({ name }) => name === container) ?? { name: container };
  const field = (from: EnvVar['valueFrom']): string =>
    fields[(from?.['fieldRef'] as { fieldPath: string } | undefined)?.fieldPath ?? ''] ?? 'unknown';
  return Object.fromEntries(env.map(({ name, value, valueFrom }) => [name, value ?? field(valueFrom)]));
}

function injected(metadata: object = {}): Pod {
  const pod: Pod = { metadata: { name: 'store-1', labels, ...metadata }, spec: { containers: [{ name: 'store' }] } };
  const result = injectPod(pod, { ...place, namespace: 'shop' }, settingsWith());
  if (result.kind !== 'injected') throw new Error(result.kind);
  return result.pod;
}

interface Facts {
  readonly type?: 'sidecar' | 'router';
  readonly environment?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

function metadataOf(pod: Pod, { type = 'sidecar', ...facts }: Facts = {}): NodeInfo['metadata'] {
  const files = podBootstrap({
    type,
    environment: { ...environmentOf(pod, 'istio-init'), ...facts.environment },
    labels: { ...pod.metadata.labels, ...facts.labels },
    annotations: {},
  });
  return (files['envoy.json'] as { node: NodeInfo }).node.metadata;
}

test('an injected Pod has its names in the environment of its proxy, and says so', () => {
  const pod = injected();
  expect(environmentOf(pod, 'istio-proxy')).toMatchObject({
    ISTIO_META_WORKLOAD_NAME: 'store-1',
    POD_NAMESPACE: 'shop',
    KEELSON_CANONICAL_NAME: 'store',
    KEELSON_CANONICAL_REVISION: 'v1',
    KEELSON_APP: 'store',
    KEELSON_VERSION: 'v1',
  });
  expect(metadataOf(pod)['SELF_LABELS']).toBe('environment');
});

test('names that no label says are those that injection gives the Pod', () => {
  const pod = injected({ labels: {} });
  expect(environmentOf(pod, 'istio-proxy')).toMatchObject({
    KEELSON_CANONICAL_NAME: 'store-1',
    KEELSON_CANONICAL_REVISION: 'latest',
    KEELSON_APP: 'store-1',
    KEELSON_VERSION: 'latest',
  });
  expect(metadataOf(pod)['SELF_LABELS']).toBe('environment');
});

test.each<readonly [string, Facts]>([
  ['labels that somebody changed after injection', { labels: { version: 'v2' } }],
  ['labels that somebody added after injection', { labels: { 'service.istio.io/canonical-name': 'other' } }],
  ['a label that is empty', { labels: { 'service.istio.io/canonical-name': '' } }],
  ['a variable that is empty', { environment: { ISTIO_META_MESH_ID: '' } }],
  ['the user’s wish', { environment: { ISTIO_META_SELF_LABELS: 'literal' } }],
  ['a gateway', { type: 'router' }],
])('%s: the control plane says the names', (_why, facts) => {
  expect(metadataOf(injected(), facts)['SELF_LABELS']).not.toBe('environment');
});
