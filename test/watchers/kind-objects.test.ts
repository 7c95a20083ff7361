// Objects of a cluster that come again: what is only written again, as with their status, is not parsed again and nobody
// hears of it; whatever says something else does, also in one go with others.
import { expect, test } from 'vitest';

import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import type { Kind } from '../../src/model/schema/index.ts';
import { KindObjects } from '../../src/watchers/cluster/kind-objects.ts';
import { kindTable } from '../../src/watchers/kinds.ts';
import { Store } from '../../src/watchers/store.ts';

const key = 'shop/store';
const route: KubernetesObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { namespace: 'shop', name: 'store', uid: 'one', generation: 1, resourceVersion: '1' },
  spec: { hosts: ['store'], http: [{ timeout: '5s', route: [{ destination: { host: 'store' } }] }] },
};
const status = (count: number) => ({ conditions: [{ type: 'Programmed', status: 'True', message: `${count}` }] });
const withMetadata = (object: KubernetesObject, more: object): KubernetesObject => ({
  ...object,
  metadata: { ...object.metadata, ...more },
});

function objectsOf(kind: Kind) {
  const store = new Store();
  const objects = new KindObjects(kindTable[kind] as never, store, {
    systemNamespace: 'istio-system',
    revision: 'default',
  });
  const tell = (...events: readonly (KubernetesObject | undefined)[]): boolean =>
    objects.change(events.map((object) => ({ key, value: object && objects.read(object) })));
  return { store, objects, tell, inForce: () => store.snapshot.objects[kind].get(key) };
}

test('one whose status alone has changed is not parsed, and nobody is told', () => {
  const { store, objects, tell } = objectsOf('VirtualService');
  expect(tell(route)).toBe(true);
  const { snapshot } = store;
  const echo = withMetadata(
    { ...route, status: status(1) },
    { resourceVersion: '2', managedFields: [{ manager: 'x' }] },
  );
  expect(objects.read(echo)).toBe(objects.read(route));
  expect(tell(echo, { ...echo, status: status(2) })).toBe(false);
  expect(store.snapshot).toBe(snapshot);
});

test.each([
  ['spec', { ...route, spec: { ...(route['spec'] as object), exportTo: ['.'] } }],
  ['generation', withMetadata(route, { generation: 2 })],
  ['labels', withMetadata(route, { labels: { app: 'store' } })],
  ['annotations', withMetadata(route, { annotations: { 'istio.io/x': 'y' } })],
  ['identity', withMetadata(route, { uid: 'two' })],
])('one with another %s is taken in, together with another status', (_, changed) => {
  const { tell, inForce } = objectsOf('VirtualService');
  tell(route);
  const before = inForce();
  expect(tell({ ...changed, status: status(1) })).toBe(true);
  expect(inForce()).not.toBe(before);
});

test('one that is deleted and made again is there, in one go as well, and one that comes and goes is not', () => {
  const { tell, inForce } = objectsOf('VirtualService');
  tell(route);
  tell(undefined, route);
  expect(inForce()).toBeDefined();
  tell({ ...route, status: status(1) }, undefined);
  expect(inForce()).toBeUndefined();
  tell({ ...route, status: status(1) });
  expect(inForce()).toBeDefined();
});

test('one that is refused stays as it was, however often its status is written, until it is right', () => {
  const { objects, tell, inForce } = objectsOf('VirtualService');
  tell(route);
  const wrong = { ...route, spec: { hosts: [] } };
  expect(tell(wrong)).toBe(true);
  expect([inForce()?.metadata.name, objects.problems().length]).toEqual(['store', 1]);
  tell({ ...wrong, status: status(1) });
  expect([inForce()?.metadata.name, objects.problems().length]).toEqual(['store', 1]);
  // As it was before: the object is the same, the problem is gone.
  expect(tell(route)).toBe(true);
  expect(objects.problems()).toEqual([]);
});

test('what is read of a status is no echo', () => {
  const entry = {
    ...withMetadata(route, {}),
    kind: 'ServiceEntry',
    spec: { hosts: ['api.example.com'], ports: [{ number: 443, name: 'tls', protocol: 'TLS' }], resolution: 'DNS' },
  };
  const { tell, inForce } = objectsOf('ServiceEntry');
  tell(entry);
  expect(tell({ ...entry, status: status(1) })).toBe(false);
  const addresses = [{ host: 'api.example.com', value: '240.240.0.1' }];
  expect(tell({ ...entry, status: { ...status(1), addresses } })).toBe(true);
  expect(inForce()).toMatchObject({ status: { addresses } });
  expect(tell({ ...entry, status: { ...status(2), addresses } })).toBe(false);
});

test('one nested without end is refused', () => {
  const { objects, tell } = objectsOf('EnvoyFilter');
  const value = JSON.parse('{"a":'.repeat(9000) + '1' + '}'.repeat(9000)) as object;
  tell({ ...route, kind: 'EnvoyFilter', apiVersion: 'networking.istio.io/v1alpha3', spec: { configPatches: [value] } });
  expect(objects.problems()).toMatchObject([{ code: 'too-large' }]);
});
