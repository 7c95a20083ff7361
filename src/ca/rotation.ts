// Keeps something issued fresh: renews it long before it ends, at a time of its own so that not everybody comes at
// once, and tries again with patience when renewing fails.
import type { Clock } from './clock.ts';

export interface Expiring {
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

const firstRetry = 1000;
const longestRetry = 5 * 60_000;

/** Between half and three fifths of what is left at `now`. `random` is from 0 to 1. */
export function renewalTime(now: number, { notAfter }: Expiring, random: number): number {
  return now + (notAfter - now) * (0.5 + 0.1 * random);
}

export interface RotationOptions<T extends Expiring> {
  readonly issue: () => Promise<T>;
  readonly onIssued: (issued: T) => void;
  /** A failure; another attempt follows. */
  readonly onFault: (error: unknown) => void;
  readonly clock: Clock;
  readonly random?: () => number;
}

export interface Rotation {
  readonly stop: () => void;
  /** Issues at once, without waiting for the time that is due. */
  readonly renew: () => void;
}

/** Issues now and again and again. */
export function rotate<T extends Expiring>({
  issue,
  onIssued,
  onFault,
  clock,
  random = Math.random,
}: RotationOptions<T>): Rotation {
  /** The attempt that counts; none any more once stopped. */
  let latest = 0;
  let cancel = (): void => {};
  const attempt = async (failures: number): Promise<void> => {
    const number = ++latest;
    try {
      const issued = await issue();
      if (number !== latest) return;
      if (issued.notAfter <= clock.now()) throw new Error('what was issued has ended already');
      const due = renewalTime(clock.now(), issued, random());
      wait(() => due - clock.now(), 0);
      onIssued(issued);
    } catch (error) {
      if (number !== latest) return;
      onFault(error);
      const pause = Math.min(longestRetry, firstRetry * 2 ** failures) * (0.5 + 0.5 * random());
      const due = clock.now() + pause;
      wait(() => due - clock.now(), failures + 1);
    }
  };
  /** Timers cannot wait for as long as some things live. */
  const wait = (remaining: () => number, failures: number): void => {
    cancel = clock.after(Math.max(0, remaining()), () => {
      if (remaining() > 0) wait(remaining, failures);
      else void attempt(failures);
    });
  };
  void attempt(0);
  return {
    stop: () => {
      latest++;
      cancel();
    },
    renew: () => {
      cancel();
      void attempt(0);
    },
  };
}
