import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { memo, memoEach, memoLast, sharedFields, sharedList, sharedValue } from '../../src/model/memo.ts';

describe('memo', () => {
  it('computes once for the same arguments, by identity of objects and value of primitives', () => {
    let calls = 0;
    const add = memo((a: { n: number }, b: number) => ({ sum: (calls++, a.n + b) }));
    const one = { n: 1 };
    expect(add(one, 2)).toBe(add(one, 2));
    expect(add(one, 3)).not.toBe(add(one, 2));
    expect(add({ n: 1 }, 2)).not.toBe(add(one, 2));
    expect(calls).toBe(3);
  });

  it('remembers undefined, both as an argument and as a result', () => {
    let calls = 0;
    const nothing = memo((_argument: object | undefined) => void calls++);
    nothing(undefined);
    nothing(undefined);
    expect(calls).toBe(1);
  });

  it('does not confuse a shorter list of arguments with a longer one', () => {
    const join = memo((...parts: readonly string[]) => parts.join('-'));
    expect([join('a'), join('a', 'b'), join('a')]).toEqual(['a', 'a-b', 'a']);
  });
});

describe('sharing', () => {
  it('makes lists of the same elements the same list, and keeps order apart', () => {
    const [a, b] = [{}, {}];
    expect(sharedList([a, b])).toBe(sharedList([a, b]));
    expect(sharedList([a, b])).not.toBe(sharedList([b, a]));
    expect(sharedList([])).toBe(sharedList([]));
  });

  it('makes equal plain values the same value', () => {
    expect(sharedValue({ a: ['x'] })).toBe(sharedValue({ a: ['x'] }));
    expect(sharedValue({ a: ['x'] })).not.toBe(sharedValue({ a: ['y'] }));
  });
});

describe('memoEach', () => {
  const item = (n: number): { readonly n: number } => ({ n });
  const counting = () => {
    const asked: number[] = [];
    const each = memoEach((by: number, { n }: { readonly n: number }) => (asked.push(n), { n: n * by }));
    return { asked, each };
  };

  it('asks only for the stretch in which a list differs from the one before', () => {
    const { asked, each } = counting();
    const [a, b, c, d] = [item(1), item(2), item(3), item(4)];
    const first = each(10, [a, b, c]);
    asked.length = 0;
    const second = each(10, [a, d, b, c]);
    expect(second.map(({ n }) => n)).toEqual([10, 40, 20, 30]);
    expect(asked).toEqual([4]);
    expect([second[0], second[2], second[3]]).toEqual([...first]);
    expect(each(10, [a, d, c]).map(({ n }) => n)).toEqual([10, 40, 30]);
    expect(each(10, []).map(({ n }) => n)).toEqual([]);
    expect(asked).toEqual([4]);
  });

  it('keeps contexts apart', () => {
    const { each } = counting();
    const list = [item(1)];
    expect([each(2, list), each(3, list)]).toEqual([[{ n: 2 }], [{ n: 3 }]]);
  });

  it('gives the very same results for a list that comes to the same', () => {
    const each = memoEach((_by: number, { n }: { readonly n: number }) => n);
    const [a, b] = [item(1), item(2)];
    const first = each(1, [a, b]);
    expect(each(1, [a, b])).toBe(first);
    expect(each(1, [a, item(2)])).toBe(first);
    expect(each(1, [a, a])).toEqual([1, 1]);
    expect(first).toEqual([1, 2]);
  });

  it('agrees with map for any two lists', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4)), fc.array(fc.nat(4)), (one, other) => {
        const items = [0, 1, 2, 3, 4].map(item);
        const each = memoEach((_by: number, { n }: { readonly n: number }) => n * 2);
        for (const list of [one, other, one]) {
          const objects = list.map((i) => items[i] as { readonly n: number });
          expect(each(1, objects)).toEqual(list.map((n) => n * 2));
        }
      }),
    );
  });
});

it('what is remembered for each first argument is the last of the others', () => {
  const asked: string[] = [];
  const joined = memoLast((first: { readonly name: string }, ...others: readonly string[]) => {
    asked.push([first.name, ...others].join());
    return [first, others];
  });
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  const once = joined(a, 'x', 'y');
  expect(joined(b, 'x', 'y')).not.toBe(once);
  expect(joined(a, 'x', 'y')).toBe(once);
  joined(a, 'x', 'z');
  joined(a, 'x', 'y');
  expect(asked).toEqual(['a,x,y', 'b,x,y', 'a,x,z', 'a,x,y']);
});

it('equal fields are one object, whatever their names', () => {
  const [x, y] = [{}, {}];
  const one = sharedFields({ x, y });
  expect(sharedFields({ x, y })).toBe(one);
  expect(one).toEqual({ x, y });
  expect(sharedFields({ x, z: y })).not.toBe(one);
  expect(sharedFields({ x: y, y: x })).not.toBe(one);
});
