// What the webhook says that an object changes: the proxies and the behavior that a push of it would change, and nothing when
// that would take too long to find out.
import { expect, test } from 'vitest';

import { effectOf } from '../../../src/daemon/mesh/admission.ts';
import { admittedEffect, seldom } from '../../../src/daemon/mesh/admitted-effect.ts';
import type { AnyObject } from '../../../src/model/schema/index.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { defaultInstallation, installationWith } from '../../../src/translate/resolve/settings/mesh-settings.ts';
import { translate } from '../../../src/translate/translate.ts';
import { messageTypes } from '../../../src/xds/codec/message-types.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';
import { nodeOf } from '../../support/objects/translated.ts';

const service = (name: string, namespace: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: 10.1.0.${name.length}, ports: [{ name: http, port: 80 }] }
`;
const sidecar = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: bank }
spec: { egress: [{ hosts: ['bank/*'] }] }
`;
const mesh = [service('store', 'shop'), service('till', 'bank'), sidecar].join('---');
const proxies = [
  ['web-1', 'shop'],
  ['web-2', 'shop'],
  ['clerk-1', 'bank'],
].map(([name = '', namespace = '']) => ({ proxy: `${name}.${namespace}`, node: nodeOf({ name, namespace }) }));

const installation = installationWith(defaultInstallation.features, messageTypes);
const translated = (snapshot: Snapshot) => translate(snapshot, installation);
const before = snapshotOf(mesh);
const live = { snapshot: before, translation: translated(before), translated };
const connected = () => Promise.resolve(proxies);

function timeout(seconds: number, annotations = {}): AnyObject {
  const { object } = parse({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'store', namespace: 'shop', annotations },
    spec: { hosts: ['store'], http: [{ timeout: `${seconds}s`, route: [{ destination: { host: 'store' } }] }] },
  });
  if (object === undefined) throw new Error('no object');
  return object;
}

test('names the proxies and the behavior that change, as far as the object is seen', async () => {
  const effect = await effectOf(live, connected, 'people', Infinity)(timeout(5), { username: 'ann' });
  expect(effect).toBe(
    'this changes what 2 of 3 connected proxies have (web-1.shop, web-2.shop): how requests are routed at 80 changes',
  );
});

test('is silent about what changes nothing', async () => {
  const stored = snapshotOf(mesh + '---\n' + JSON.stringify({ ...timeout(5), source: undefined, position: undefined }));
  const after = { snapshot: stored, translation: translated(stored), translated };
  expect(
    await effectOf(after, connected, 'people', Infinity)(timeout(5, { note: 'x' }), { username: 'ann' }),
  ).toBeUndefined();
  expect(await effectOf(after, connected, 'people', Infinity)(timeout(6), { username: 'ann' })).toContain('2 of 3');
});

test('is for people, unless everybody is to be told', async () => {
  const account = { username: 'system:serviceaccount:argocd:argocd-application-controller' };
  expect(await effectOf(live, connected, 'people', Infinity)(timeout(7), account)).toBeUndefined();
  expect(await effectOf(live, connected, 'all', Infinity)(timeout(7), account)).toContain('2 of 3');
  expect(await effectOf(live, connected, 'off', Infinity)(timeout(7), { username: 'ann' })).toBeUndefined();
});

test('is given up beyond its budget, and not begun while the last one weighs', async () => {
  const translation = translated(before);
  let asked = 0;
  const configuration = (node: (typeof proxies)[number]['node']) => (asked++, translation.configuration(node));
  const many = Array.from({ length: 50 }, () => proxies).flat();
  expect(await admittedEffect({ proxies: many, before: configuration, after: configuration }, -1)).toBeUndefined();
  expect(asked).toBe(2);
  const slow = seldom(async () => new Promise((resolve) => setTimeout(() => resolve('done'), 20)));
  expect(await slow()).toBe('done');
  expect(await slow()).toBeUndefined();
});
