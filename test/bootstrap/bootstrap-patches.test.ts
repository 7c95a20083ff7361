// EnvoyFilters for the bootstrap on their whole way: chosen at injection, carried by the Pod, applied where the bootstrap is
// written, for Pods and for Envoys started by hand.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';

import { bootstrapPatchesOf, givenPatches, patchedBootstrap } from '../../src/daemon/mesh/bootstrap-patching.ts';
import { podBootstrap } from '../../src/bootstrap/pod-bootstrap.ts';
import { bootstrap } from '../../src/cli/bootstrap.ts';
import { injectPod } from '../../src/webhooks/inject/inject-pod.ts';
import type { EnvVar, Pod } from '../../src/webhooks/inject/pod/pod.ts';
import { snapshotOf } from '../support/objects/snapshot.ts';
import { place, settingsWith } from '../webhooks/inject/settings.ts';

const patch = (name: string, value: object, operation = 'MERGE', namespace = 'shop'): string =>
  JSON.stringify({
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name, namespace },
    spec: { configPatches: [{ applyTo: 'BOOTSTRAP', patch: { operation, value } }] },
  });

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'barge', labels: { app: 'barge' } },
  spec: { containers: [{ name: 'barge', image: 'barge:1' }] },
};

function injectedWith(...filters: readonly string[]) {
  const { objects } = snapshotOf(filters.join('\n---\n'));
  const settings = settingsWith({
    bootstrapPatches: (proxy) => bootstrapPatchesOf(objects.EnvoyFilter, proxy, 'istio-system'),
  });
  const result = injectPod(pod, place, settings);
  if (result.kind !== 'injected') throw new Error(result.kind);
  const init = result.pod.spec.initContainers?.find(({ name }) => name === 'istio-init');
  const text = init?.env?.find(({ name }: EnvVar) => name === 'KEELSON_BOOTSTRAP_PATCHES')?.value;
  return { text, warnings: result.warnings };
}

const told: string[] = [];
const io = { stdout: (text: string) => void told.push(text), stderr: (text: string) => void told.push(text) };

function written(text: string | undefined): unknown {
  const environment = { INSTANCE_IP: '10.0.0.1', POD_NAME: 'barge', POD_NAMESPACE: 'shop' };
  const files = podBootstrap({
    type: 'sidecar',
    environment,
    labels: {},
    annotations: {},
    patch: (message) => patchedBootstrap(message, givenPatches(text), io),
    override: { flags_path: '/last' },
  });
  return files['envoy.json'];
}

test('what a Pod carries is what its bootstrap becomes, with the override last', () => {
  const { text } = injectedWith(
    patch('mesh', { stats_flush_interval: '30s', flags_path: '/first' }, 'MERGE', 'istio-system'),
    patch('own', { node: { metadata: { note: '$(POD_NAME)' } } }),
    patch('lists', { static_resources: { clusters: [{ name: 'only' }] } }, 'MERGE_AND_REPLACE_LIST'),
    patch('elsewhere', { stats_flush_interval: '1s' }, 'MERGE', 'office'),
  );
  expect(text).not.toContain('$(');
  expect(written(text)).toMatchObject({
    stats_flush_interval: '30s',
    flags_path: '/last',
    node: { metadata: { note: '$(POD_NAME)', NAMESPACE: 'shop' } },
    static_resources: { clusters: [{ name: 'only' }] },
  });
});

test('nothing is carried where there is nothing', () => {
  expect(injectedWith().text).toBeUndefined();
});

test('more than a variable may hold is not carried, and that is told', () => {
  const { text, warnings } = injectedWith(patch('large', { flags_path: 'x'.repeat(100_000) }));
  expect(text).toBeUndefined();
  expect(warnings.join()).toContain('the proxy starts without them');
});

test('a patch that makes the bootstrap unreadable is left out, the others are not', () => {
  const list = JSON.stringify([
    {
      operation: 'MERGE',
      value: { no_such_field: [{}] },
      source: { kind: 'EnvoyFilter', namespace: 'shop', name: 'a' },
    },
    { operation: 'MERGE', value: { admin: 7 }, source: { kind: 'EnvoyFilter', namespace: 'shop', name: 'bad' } },
    { operation: 'MERGE', value: { flags_path: '/f' }, source: { kind: 'EnvoyFilter', namespace: 'shop', name: 'b' } },
  ]);
  const before = { admin: { profile_path: '/p' } };
  const after = JSON.stringify(patchedBootstrap(before, givenPatches(list), io));
  expect(JSON.parse(after)).toEqual({ ...before, flags_path: '/f' });
  expect(told.join()).toContain('EnvoyFilter shop/bad');
});

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keelson-bootstrap-patches-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('an Envoy that is started by hand has them as well', async () => {
  const pods = JSON.stringify({
    ...pod,
    metadata: { ...pod.metadata, namespace: 'shop' },
    status: { podIP: '10.0.0.1' },
  });
  await writeFile(join(directory, 'mesh.yaml'), `${pods}\n---\n${patch('own', { stats_flush_interval: '7s' })}`);
  let printed = '';
  await bootstrap(['--proxy', 'barge.shop', '--config', directory], { ...io, stdout: (text) => (printed += text) });
  expect(parse(printed)).toHaveProperty('stats_flush_interval', '7s');
});
