// Conflicts are looked for in batches: many changes cost one look, and nobody is told what they know already.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ConflictWatch } from '../../../src/daemon/mesh/conflict-watch.ts';
import type { Problem } from '../../../src/model/problem.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

test('once for a batch of changes, and told only when something is new', async () => {
  const problem: Problem = { code: 'duplicate-host', severity: 'warning', message: 'lost' };
  let looks = 0;
  let now: readonly Problem[] = [problem];
  const told: (readonly Problem[])[] = [];
  const nodes = ['a', 'b'].map((id) => ({ id, cluster: '', metadata: {} }));
  const watch = new ConflictWatch({
    nodes: () => nodes,
    conflicts: () => (looks++, now),
    patchPlaces: () => [],
    onProblems: (problems) => void told.push(problems),
    onFault: (fault) => expect(fault).toBeUndefined(),
  });
  const settle = async (count: number): Promise<void> => {
    await vi.advanceTimersByTimeAsync(1000);
    await vi.waitFor(() => expect(looks).toBe(count));
  };
  for (let i = 0; i < 100; i++) watch.touch();
  await settle(2);
  await vi.waitFor(() => expect(told).toEqual([[problem]]));
  watch.touch();
  await settle(4);
  expect(told).toHaveLength(1);
  now = [];
  watch.touch();
  await settle(6);
  await vi.waitFor(() => expect(told).toEqual([[problem], []]));
  watch.stop();
});

test('after a silence, and where it is never silent once in a while', async () => {
  let looks = 0;
  const watch = new ConflictWatch({
    nodes: () => [{ id: 'a', cluster: '', metadata: {} }],
    conflicts: () => (looks++, []),
    patchPlaces: () => [],
    onProblems: () => {},
    onFault: (fault) => expect(fault).toBeUndefined(),
  });
  const touchFor = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 500) {
      watch.touch();
      await vi.advanceTimersByTimeAsync(500);
    }
  };
  await touchFor(9000);
  expect(looks).toBe(0);
  await touchFor(3000);
  await vi.waitFor(() => expect(looks).toBe(1));
  watch.stop();
});
