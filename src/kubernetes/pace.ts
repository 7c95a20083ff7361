// How long to wait for what: time-outs and pauses differ a little each time, so that many watches, and many replicas, do not
// all come back at the same moment.
import { setTimeout as delay } from 'node:timers/promises';

export interface Pace {
  /** How long the server is asked to keep a watch open, at least; at most twice that. */
  readonly watchSeconds: number;
  /** How long a watch that is to begin with a list may take until that is complete. */
  readonly initialListSeconds: number;
  /** A watch that ends sooner has failed, however it ended. */
  readonly shortestWatchMs: number;
  /** The second attempt waits about this long, each further one twice as long as the one before. */
  readonly shortestMs: number;
  readonly longestMs: number;
  /** The longest while the server cannot be reached at all: all watches wait for one connection, which costs little to try. */
  readonly unreachableMs: number;
  /** The longest between attempts to read what we may not read. */
  readonly deniedMs: number;
  /** Between looks for what nobody defines: whoever defines it is heard of, but others than definitions may serve it. */
  readonly absentMs: number;
}

export const defaultPace: Pace = {
  watchSeconds: 300,
  initialListSeconds: 60,
  shortestWatchMs: 1000,
  shortestMs: 250,
  longestMs: 30_000,
  unreachableMs: 4000,
  deniedMs: 60_000,
  absentMs: 600_000,
};

export const watchSeconds = ({ watchSeconds }: Pace): number => Math.ceil(watchSeconds * (1 + Math.random()));

/** Before the attempt after `failures` further ones: next to nothing at first, then twice as long each time. */
export function retryDelay(failures: number, { shortestMs, longestMs }: Pace): number {
  const most = failures === 0 ? shortestMs / 4 : Math.min(longestMs, shortestMs * 2 ** (failures - 1));
  return most * (0.5 + Math.random() / 2);
}

/** Ends at once with `signal`. Never throws. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
