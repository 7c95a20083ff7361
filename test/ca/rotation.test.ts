import { describe, expect, test } from 'vitest';
import { longestTimer } from '../../src/ca/clock.ts';
import { renewalTime, rotate } from '../../src/ca/rotation.ts';
import { FakeClock } from './fake-clock.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function watch(issue: (clock: FakeClock) => Promise<{ notAfter: number }>) {
  const clock = new FakeClock(1_000_000);
  const issued: number[] = [];
  const faults: unknown[] = [];
  const { stop, renew } = rotate({
    issue: () => issue(clock),
    onIssued: ({ notAfter }) => issued.push(notAfter),
    onFault: (error) => faults.push(error),
    clock,
    random: () => 0.5,
  });
  return { clock, issued, faults, stop, renew };
}

test('renewal is due when between half and three fifths of the time has gone', () => {
  expect(renewalTime(1000, { notAfter: 2000 }, 0)).toBe(1500);
  expect(renewalTime(1000, { notAfter: 2000 }, 1)).toBe(1600);
});

describe('rotation', () => {
  test('issues at once and renews before the end', async () => {
    const { clock, issued } = watch(async (time) => ({ notAfter: time.now() + 1000 }));
    await settled();
    expect(issued).toEqual([1_001_000]);
    clock.pass(549);
    await settled();
    expect(issued).toHaveLength(1);
    clock.pass(1);
    await settled();
    expect(issued).toEqual([1_001_000, 1_001_550]);
  });

  test('tries again when it fails, with growing patience, and then goes on as usual', async () => {
    let attempts = 0;
    const { clock, issued, faults } = watch(async (time) => {
      if (++attempts <= 3) throw new Error('not now');
      return { notAfter: time.now() + 1000 };
    });
    const pauses: (number | undefined)[] = [];
    for (let failure = 0; failure < 3; failure++) {
      await settled();
      pauses.push(clock.next);
      clock.pass(clock.next ?? 0);
    }
    await settled();
    expect(pauses).toEqual([750, 1500, 3000]);
    expect(faults).toHaveLength(3);
    expect(issued).toHaveLength(1);
    expect(clock.next).toBe(550);
  });

  test('does not spin on what has ended before it began', async () => {
    const { clock, faults, issued } = watch(async (time) => ({ notAfter: time.now() - 1 }));
    await settled();
    expect(faults).toHaveLength(1);
    expect(issued).toEqual([]);
    expect(clock.next).toBe(750);
  });

  test('waits for longer than a timer can', async () => {
    const { clock, issued } = watch(async (time) => ({ notAfter: time.now() + 4 * longestTimer }));
    await settled();
    clock.pass(longestTimer);
    await settled();
    expect(issued).toHaveLength(1);
  });

  test('renews when it is told to, and what was under way before does not count', async () => {
    const { promise: late, resolve } = Promise.withResolvers<{ notAfter: number }>();
    let attempts = 0;
    const { clock, issued, renew } = watch((time) =>
      ++attempts === 1 ? late : Promise.resolve({ notAfter: time.now() + 1000 }),
    );
    renew();
    resolve({ notAfter: clock.now() + 50 });
    await settled();
    expect(issued).toEqual([1_001_000]);
    expect(clock.next).toBe(550);
    renew();
    await settled();
    expect(issued).toHaveLength(2);
    expect(clock.next).toBe(550);
  });

  test('stops', async () => {
    const { clock, issued, stop } = watch(async (time) => ({ notAfter: time.now() + 1000 }));
    await settled();
    stop();
    expect(clock.next).toBeUndefined();
    expect(issued).toHaveLength(1);
  });
});
