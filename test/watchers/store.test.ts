import { describe, expect, test } from 'vitest';
import type { AnyObject } from '../../src/model/schema/index.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { emptySnapshot } from '../../src/model/snapshot.ts';
import { parse } from '../../src/watchers/parse.ts';
import { Store } from '../../src/watchers/store.ts';

function parsed(kind: string, name: string, more: object = {}, metadata: object = {}): AnyObject {
  const raw = { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop', ...metadata }, ...more };
  const { object } = parse(raw);
  if (object === undefined) throw new Error(`${kind} ${name} was refused`);
  return object;
}
const service = (name: string, port = 80, metadata: object = {}) =>
  parsed('Service', name, { spec: { ports: [{ port }] } }, metadata);

describe('a store', () => {
  test('is empty at first', () => {
    expect(new Store().snapshot).toBe(emptySnapshot);
  });

  test('keeps the identity of whatever did not change', () => {
    const store = new Store();
    const first = store.apply('files', [service('a'), service('b'), parsed('Pod', 'p')]);
    const second = store.apply('files', [service('a'), service('b', 81), parsed('Pod', 'p')]);
    expect(second.version).toBe(first.version + 1);
    expect(second.objects.Pod).toBe(first.objects.Pod);
    expect(second.objects.Service).not.toBe(first.objects.Service);
    expect(second.objects.Service.get('shop/a')).toBe(first.objects.Service.get('shop/a'));
    expect(second.objects.Service.get('shop/b')?.spec.ports?.[0]?.port).toBe(81);
    expect(store.apply('files', [parsed('Pod', 'p'), service('b', 81), service('a')])).toBe(second);
  });

  test("where an object stands and its resourceVersion are no change, a Secret's value is", () => {
    const store = new Store();
    const secret = (key: string) => parsed('Secret', 's', { stringData: { key } });
    const first = store.apply('files', [service('a', 80, { resourceVersion: '1' }), secret('x')]);
    const moved = { ...service('a', 80, { resourceVersion: '2' }), position: { file: 'f', line: 9 } };
    expect(store.apply('files', [moved, secret('x')])).toBe(first);
    expect(store.apply('files', [moved, secret('y')])).not.toBe(first);
  });

  test('forgets what its source no longer has', () => {
    const store = new Store();
    store.apply('files', [service('a'), service('b')]);
    expect([...store.apply('files', [service('b')]).objects.Service.keys()]).toEqual(['shop/b']);
  });

  test('several sources add up, and the first has precedence', () => {
    const store = new Store();
    store.apply('one', [service('a', 1)]);
    const both = store.apply('two', [service('a', 2), service('b', 2)]);
    expect([...both.objects.Service.values()].map(({ spec }) => spec.ports?.[0]?.port)).toEqual([1, 2]);
    const rest = store.apply('one', []);
    expect(rest.objects.Service.get('shop/a')?.spec.ports?.[0]?.port).toBe(2);
  });

  test('tells its listeners of changes only', () => {
    const store = new Store();
    const told: Snapshot[] = [];
    const stop = store.subscribe((snapshot) => told.push(snapshot));
    const first = store.apply('files', [service('a')]);
    store.apply('files', [service('a')]);
    stop();
    store.apply('files', []);
    expect(told).toEqual([first]);
  });
});
