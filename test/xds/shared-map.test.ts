// What proxies have alike is noted once, whichever way each of them came to it.
import { describe, expect, test } from 'vitest';
import type { Catalog } from '../../src/xds/subscription/subscription.ts';
import { cachedResource } from '../../src/xds/codec/cache.ts';
import { SharedMaps } from '../../src/xds/holdings/shared-map.ts';
import { Subscription } from '../../src/xds/subscription/subscription.ts';
import { staticCluster, types } from './mesh.ts';

const entries = (map: { keys(): Iterable<string>; get(name: string): unknown }) =>
  Object.fromEntries([...map.keys()].sort().map((name) => [name, map.get(name)]));

const all = (value: string, ...names: readonly string[]) => new Map(names.map((name) => [name, value]));

describe('Maps', () => {
  test('with the same content are one, whatever came first', () => {
    const maps = new SharedMaps<string>((text) => text);
    const one = maps.empty.with(all('1', 'a', 'b'));
    const other = maps.empty.with(new Map([['b', '2']])).with(all('1', 'b', 'a'));
    expect(other).toBe(one);
    expect(one.with(new Map([['a', undefined]]))).toBe(maps.empty.with(new Map([['b', '1']])));
    expect(one.withAll(['a', 'b'], undefined)).toBe(maps.empty);
  });

  test('that grow apart see nothing of each other, and are one again when they have the same', () => {
    const maps = new SharedMaps<string>((text) => text);
    const both = maps.empty.with(all('1', 'a', 'b'));
    const [one, other, third] = ['c', 'd', 'e'].map((name) => both.with(all(`${name}1`, name)));
    expect([one, other, third, both].map((map) => entries(map ?? both))).toEqual([
      { a: '1', b: '1', c: 'c1' },
      { a: '1', b: '1', d: 'd1' },
      { a: '1', b: '1', e: 'e1' },
      { a: '1', b: '1' },
    ]);
    expect([one?.has('d'), other?.get('c'), both.has('c'), both.size]).toEqual([false, undefined, false, 2]);
    expect(other?.with(all('c1', 'c'))).toBe(one?.with(all('d1', 'd')));
    expect(third?.withAll(['e', 'a'], undefined)).toBe(maps.empty.with(all('1', 'b')));
  });

  test('that only seem the same are two', () => {
    const maps = new SharedMaps<string>(() => 'alike');
    const [one, other] = ['1', '2'].map((value) => maps.empty.withAll(['a'], value));
    expect(one?.get('a')).toBe('1');
    expect(other?.get('a')).toBe('2');
    const further = one?.with(all('1', 'b', 'c'));
    expect(one?.with(all('1', 'b', 'd')).has('c')).toBe(false);
    expect(further?.has('c')).toBe(true);
  });

  test('are what a plain Map would be, through any changes', () => {
    const maps = new SharedMaps<number>(String);
    const plain = new Map<string, number>();
    let shared = maps.empty;
    for (let i = 0; i < 3000; i++) {
      const [name, value] = [`n${(i * 7919) % 1201}`, i % 5 === 0 ? undefined : i % 3];
      shared = shared.with(new Map([[name, value]]));
      if (value === undefined) plain.delete(name);
      else plain.set(name, value);
    }
    expect(entries(shared)).toEqual(entries(plain));
    expect(shared.size).toBe(plain.size);
  });
});

const catalog = (...names: readonly string[]): Catalog => ({
  names: () => names,
  find: (name) => (names.includes(name) ? cachedResource(cluster(name)) : 'absent'),
});
const clusters = new Map(['a', 'b', 'c'].map((name) => [name, staticCluster(name, 1)]));
const cluster = (name: string) => clusters.get(name) ?? staticCluster(name, 1);

function connected(from: Catalog, versions: ReadonlyMap<string, string> = new Map()): Subscription {
  const subscription = new Subscription({ incremental: true, fullState: true });
  const request = { typeUrl: types.cluster, nonce: '', error: undefined, node: undefined };
  subscription.delta({ ...request, subscribe: [], unsubscribe: [], versions }, from);
  return subscription;
}

/** Sends what is due, one response of that many bytes after the other. */
function served(subscription: Subscription, from: Catalog, maxBytes: number): Subscription {
  for (let nonce = 1; nonce < 10; nonce++) {
    const update = subscription.next(from, { removals: true, maxBytes });
    if (update === undefined) return subscription;
    subscription.sent(update, String(nonce));
    const request = { typeUrl: types.cluster, nonce: String(nonce), error: undefined, node: undefined };
    subscription.delta({ ...request, subscribe: [], unsubscribe: [], versions: new Map() }, from);
  }
  throw new Error('it never ends');
}

test('what proxies have is one Map, in however many responses they got it', () => {
  const from = catalog('a', 'b', 'c');
  const [one, other] = [served(connected(from), from, 1e6), served(connected(from), from, 1)];
  expect(one.has.size).toBe(3);
  expect(other.has).toBe(one.has);
});

test('a proxy that comes back with what there is has the same Map as those that never left', () => {
  const from = catalog('a', 'b', 'c');
  const stayed = served(connected(from), from, 1e6);
  const versions = new Map([...stayed.has.keys()].map((name) => [name, stayed.has.get(name)?.version ?? '']));
  const back = connected(from, versions);
  expect(back.next(from, { removals: true, maxBytes: 1e6 })).toEqual({ resources: [], removed: [], sent: [] });
  expect(back.has).toBe(stayed.has);
});
