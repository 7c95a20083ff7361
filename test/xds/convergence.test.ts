// When a proxy has converged: it owes no answer any more, and nothing else was sent in the same turn.
import { expect, test } from 'vitest';

import { Convergence } from '../../src/xds/convergence.ts';

function journey() {
  let now = 0;
  const times: number[] = [];
  const convergence = new Convergence(
    () => now,
    (after) => void times.push(after),
  );
  return {
    convergence,
    times,
    at: (time: number) => void (now = time),
    turn: () => Promise.resolve().then(() => undefined),
  };
}

test('from the change to the last answer, over everything that one response sets off', async () => {
  const { convergence, times, at, turn } = journey();
  at(100);
  convergence.during('a', 40, () => {
    convergence.sent('a');
    convergence.sent('a');
  });
  at(120);
  convergence.settled('a');
  await turn();
  expect(times).toEqual([]);
  at(150);
  convergence.settled('a');
  convergence.sent('a');
  await turn();
  expect(times).toEqual([]);
  at(200);
  convergence.settled('a');
  await turn();
  expect(times).toEqual([160]);
});

test('what no change has caused counts from when it was sent, and who has gone does not count', async () => {
  const { convergence, times, at, turn } = journey();
  convergence.during('a', 1, () => {});
  at(500);
  convergence.sent('a');
  convergence.sent('b');
  convergence.forget('b');
  at(510);
  convergence.settled('a');
  convergence.settled('b');
  await turn();
  expect(times).toEqual([10]);
});
