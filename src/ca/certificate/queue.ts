// Work that everybody wants at once, done a little at a time: signing is short, but a thousand of it in a row would
// keep the event loop from everything else.
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface Queue {
  /** How many wait. */
  readonly length: number;
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** First come, first served; `parallel` at a time, each of them with a turn of the event loop to itself. */
export function workQueue(parallel: number): Queue {
  const waiting: (() => void)[] = [];
  let next = 0;
  let running = 0;
  const start = (): Promise<void> | undefined => {
    if (running++ < parallel) return undefined;
    return new Promise((resolve) => waiting.push(resolve));
  };
  const finish = (): void => {
    running--;
    const following = waiting[next];
    if (following === undefined) return;
    next++;
    if (next > 1000 && next * 2 > waiting.length) {
      waiting.splice(0, next);
      next = 0;
    }
    following();
  };
  return {
    get length() {
      return waiting.length - next;
    },
    async run(work) {
      await start();
      try {
        return await work();
      } finally {
        await nextTurn();
        finish();
      }
    },
  };
}
