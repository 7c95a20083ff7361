// Patched Maps are Maps: whatever was put into them, they say what a copy would, and what differs is found.
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { changedKeys, memoAligned, PatchedMap, withValues } from '../../src/model/patched-map.ts';

const base = new Map(Array.from({ length: 900 }, (_, i) => [`key-${i}`, { i }]));
const key = fc.integer({ min: 880, max: 920 }).map((i) => `key-${i}`);
const changes = fc.array(
  fc.record({ values: fc.dictionary(key, fc.nat(), { maxKeys: 9 }), gone: fc.array(key, { maxLength: 5 }) }),
  { maxLength: 12 },
);

test('have the content of a copy, keys that stay in their order, and differ from their predecessors where they were patched', () => {
  fc.assert(
    fc.property(changes, (all) => {
      let patched: ReadonlyMap<string, { i: number }> = base;
      for (const each of all) {
        const values = new Map(Object.entries(each.values).map(([name, i]) => [name, { i }]));
        const gone = new Set(each.gone.filter((name) => !values.has(name)));
        const before = patched;
        const copy = new Map(before);
        patched = withValues(patched, values, gone);
        for (const [name, value] of values) copy.set(name, value);
        const left = [...gone].filter((name) => copy.delete(name));
        const different = new Set([...values.keys(), ...left]);
        expect(new Set(changedKeys(before, patched))).toEqual(different);
        expect(new Set(changedKeys(patched, before))).toEqual(different);
        expect(new Map(patched)).toEqual(copy);
        expect(patched.size).toBe(copy.size);
        const [stayed, staying] = [[...patched.keys()], [...before.keys()]];
        expect(stayed.filter((name) => before.has(name))).toEqual(staying.filter((name) => patched.has(name)));
        expect([...patched.keys()].map((name) => patched.get(name))).toEqual([...patched.values()]);
      }
    }),
  );
});

test('share what they have in common, until copying the patches costs as much', () => {
  let patched: ReadonlyMap<string, { i: number }> = base;
  let copies = 0;
  for (let i = 0; i < 900; i++) {
    patched = withValues(patched, new Map([[`key-${i}`, { i: -i }]]));
    if (!(patched instanceof PatchedMap)) copies++;
  }
  expect(copies).toBeGreaterThan(20);
  expect(copies).toBeLessThan(40);
});

test('new keys come last, and are told from others', () => {
  const more = withValues(base, new Map([['new', { i: 1 }]]));
  expect(more.size).toBe(901);
  expect(changedKeys(base, more)).toEqual(['new']);
  expect(changedKeys(more, base)).toEqual(['new']);
});

test('values in the order of a list follow the Map', () => {
  const aligned = memoAligned((text: string) => text);
  const items = ['b', 'a', 'c', 'a'];
  const first = new Map([
    ['a', 1],
    ['b', 2],
  ]);
  expect(aligned(items, first)).toEqual([2, 1, undefined, 1]);
  expect(aligned(items, first)).toBe(aligned(items, first));
  expect(aligned(items, withValues(first, new Map([['a', 7]])))).toEqual([2, 7, undefined, 7]);
  expect(aligned(items, new Map([['c', 3]]))).toEqual([undefined, undefined, 3, undefined]);
});
