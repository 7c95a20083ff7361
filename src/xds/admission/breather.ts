// Long work in slices: between two of them everything else that waits gets its turn.
import { setImmediate } from 'node:timers/promises';

/** Returns a function to be awaited between two steps; it yields once `sliceMs()` have gone by since it last did. */
export function breather(sliceMs: () => number): () => Promise<void> {
  let started = performance.now();
  return async () => {
    if (performance.now() - started < sliceMs()) return;
    await setImmediate();
    started = performance.now();
  };
}
