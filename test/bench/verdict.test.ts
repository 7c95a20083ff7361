// What makes a benchmark of the control plane fail: whatever did not reach somebody, or is not what a fresh client gets.
import { expect, test } from 'vitest';

import { faultsOf } from '../../bench/control-plane/verdict.ts';

const sound = {
  connect: { clients: 2, complete: 2 },
  phases: { endpoint: { usage: {}, endpoint: { lost: 0 } }, svc: { 'svc-add': { lost: 0 }, 'svc-del': { lost: 0 } } },
  churn: { 10: { all: { lost: 0 } } },
  gave_up: false,
  verify: { complete: true, missing: 0, extra: 0, different: 0, examples: [] },
  end: { nacks: 0 },
};

test('a report in which everything has arrived has no faults', () => {
  expect(faultsOf(sound)).toEqual([]);
});

test.each([
  ['clients that never got complete', { connect: { clients: 2, complete: 1 } }],
  ['a change that somebody has not seen', { phases: { svc: { 'svc-del': { lost: 1 } } } }],
  ['one among many', { churn: { 10: { all: { lost: 3 } } } }],
  ['changes that reach nobody', { gave_up: true }],
  ['fresh clients that never get complete', { verify: { ...sound.verify, complete: false } }],
  ['what the old clients lack', { verify: { ...sound.verify, missing: 1, examples: ['missing CDS x'] } }],
  ['what they have beyond', { verify: { ...sound.verify, extra: 1 } }],
  ['what is different', { verify: { ...sound.verify, different: 1 } }],
  ['rejected responses', { end: { nacks: 1 } }],
])('%s: one fault', (_, fault) => {
  expect(faultsOf({ ...sound, ...fault })).toHaveLength(1);
});
