// Many proxies that come at once: each request in its turn, and others in between.
import { setImmediate as turn } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { StartingQueue } from '../../../src/xds/admission/starting-queue.ts';

const [a, b] = [{ name: 'a' }, { name: 'b' }];

it('does what is added in order, and knows whose turn is still to come', async () => {
  const queue = new StartingQueue<object>(1000);
  const done: string[] = [];
  queue.add(a, () => {
    queue.add(a, () => done.push('a2'));
    queue.add(b, () => done.push('b'));
    done.push('a1');
    expect([queue.holds(a), queue.holds(b)]).toEqual([true, true]);
  });
  await turn();
  expect(done).toEqual(['a1', 'a2', 'b']);
  expect([queue.holds(a), queue.holds(b)]).toEqual([false, false]);
});

it('lets others work between two tasks that take their time', async () => {
  const queue = new StartingQueue<object>(0);
  const done: string[] = [];
  queue.add(a, () => done.push('first'));
  queue.add(b, () => done.push('second'));
  expect(done).toEqual(['first']);
  await turn();
  await turn();
  expect(done).toEqual(['first', 'second']);
});
