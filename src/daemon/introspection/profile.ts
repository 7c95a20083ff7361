// What the program itself is doing: where its time goes, and what its memory is for. No contents: a snapshot of the heap would
// have keys in it.
// https://nodejs.org/api/inspector.html#cpu-profiler
import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

let running: Promise<object> | undefined;

/** A CPU profile of so many seconds, as Chrome's developer tools open it. Who asks meanwhile gets the one that is being made. */
export function cpuProfile(seconds: number): Promise<object> {
  running ??= profiled(seconds).finally(() => (running = undefined));
  return running;
}

async function profiled(seconds: number): Promise<object> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await delay(seconds * 1000);
    const { profile } = await session.post('Profiler.stop');
    return profile;
  } finally {
    session.disconnect();
  }
}

/** In bytes. */
export const memory = (): object => ({
  process: process.memoryUsage(),
  heap: getHeapStatistics(),
  spaces: getHeapSpaceStatistics(),
});
