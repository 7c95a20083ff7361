// What the daemon would tell of an object before it is stored.
import { expect, test } from 'vitest';

import { newProblems } from '../../../src/daemon/mesh/admission.ts';
import { emptySnapshot } from '../../../src/model/snapshot.ts';
import { translate } from '../../../src/translate/translate.ts';
import type { AnyObject } from '../../../src/model/schema/index.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { Store } from '../../../src/watchers/store.ts';

const virtualService = (name: string, hosts: readonly string[]): AnyObject => {
  const { object } = parse({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'shop' },
    spec: { hosts, http: [{ delegate: { name: 'parts', namespace: 'shop' } }] },
  });
  if (object === undefined) throw new Error('no object');
  return object;
};

const meshOf = (objects: readonly AnyObject[]) => {
  const snapshot: Snapshot = objects.length === 0 ? emptySnapshot : new Store().apply('test', objects);
  return { snapshot, translation: translate(snapshot), translated: (other: Snapshot) => translate(other) };
};

test('a reference to what is not there is told to who writes it, again and again', () => {
  const object = virtualService('store', ['store.shop.svc.cluster.local']);
  for (const mesh of [meshOf([]), meshOf([object])]) {
    const problems = newProblems(mesh, object);
    expect(problems.map(({ source }) => source?.name)).toContain('store');
  }
});

test("somebody else's problem is not told", () => {
  const other = virtualService('other', ['other.shop.svc.cluster.local']);
  const problems = newProblems(meshOf([other]), virtualService('store', ['store.shop.svc.cluster.local']));
  expect(problems.map(({ source }) => source?.name)).not.toContain('other');
});
