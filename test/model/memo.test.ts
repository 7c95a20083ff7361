import { describe, expect, it } from 'vitest';

import { memo, sharedList, sharedValue } from '../../src/model/memo.ts';

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
