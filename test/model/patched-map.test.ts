// Patched Maps are Maps: whatever was put into them, they say what a copy would, and what differs is found.
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { changedKeys, memoAligned, PatchedMap, withValues } from '../../src/model/patched-map.ts';

const base = new Map(Array.from({ length: 900 }, (_, i) => [`key-${i}`, { i }]));
const patches = fc.array(fc.dictionary(fc.integer({ min: 0, max: 899 }).map(String), fc.nat(), { maxKeys: 9 }), {
  maxLength: 12,
});

test('have the content and the order of a copy, and differ from their predecessors where they were patched', () => {
  fc.assert(
    fc.property(patches, (all) => {
      let patched: ReadonlyMap<string, { i: number }> = base;
      const copy = new Map(base);
      for (const each of all) {
        const values = new Map(Object.entries(each).map(([i, value]) => [`key-${i}`, { i: value }]));
        const before = patched;
        patched = withValues(patched, values);
        for (const [key, value] of values) copy.set(key, value);
        expect(new Set(changedKeys(before, patched))).toEqual(new Set(values.keys()));
        expect(new Set(changedKeys(patched, before))).toEqual(new Set(values.keys()));
      }
      expect([...patched]).toEqual([...copy]);
      expect([[...patched.keys()], [...patched.values()], patched.size]).toEqual([
        [...copy.keys()],
        [...copy.values()],
        copy.size,
      ]);
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

test('new keys make a copy, whose differences are found as well', () => {
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
