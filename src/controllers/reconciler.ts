// Brings things to the state they should be in, one by one, each named by a key: whatever the reason, what is named is
// looked at once more. Failures are tried again, later each time; nothing is done twice at a time.
// https://kubernetes.io/docs/concepts/architecture/controller/
import type { Pace } from '../kubernetes/pace.ts';
import { isApiError } from '../kubernetes/api-error.ts';
import { defaultPace, retryDelay } from '../kubernetes/pace.ts';

export interface ReconcilerOptions {
  /** Reads the latest state of what the key names, and acts. A throw is a failure. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<void>;
  /** Nothing begins after it; what is under way should end. */
  readonly signal: AbortSignal;
  /** Told of the first failure of a key in a row. */
  readonly onFault: (key: string, error: unknown) => void;
  /** How many at a time. */
  readonly parallel?: number;
  readonly pace?: Pick<Pace, 'shortestMs' | 'longestMs'>;
}

export interface Reconciler {
  add(keys: Iterable<string>): void;
}

export function reconciler(options: ReconcilerOptions): Reconciler {
  const { reconcile, signal, onFault, parallel = 8 } = options;
  const pace = { ...defaultPace, ...options.pace };
  const due = new Set<string>();
  const running = new Set<string>();
  const failures = new Map<string, number>();

  const failed = (key: string, error: unknown): void => {
    if (signal.aborted) return;
    const count = failures.get(key) ?? 0;
    if (count === 0) onFault(key, error);
    failures.set(key, count + 1);
    const asked = isApiError(error) ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    setTimeout(() => add([key]), Math.max(asked, retryDelay(count, pace))).unref();
  };
  const run = async (key: string): Promise<void> => {
    try {
      await reconcile(key, signal);
      failures.delete(key);
    } catch (error) {
      failed(key, error);
    }
    running.delete(key);
    next();
  };
  const next = (): void => {
    if (signal.aborted) return;
    for (const key of due) {
      if (running.size >= parallel) return;
      if (running.has(key)) continue;
      due.delete(key);
      running.add(key);
      void run(key);
    }
  };
  const add = (keys: Iterable<string>): void => {
    for (const key of keys) due.add(key);
    // What is added in one piece of work is begun after it.
    queueMicrotask(next);
  };
  return { add };
}
