// Time, so that tests can have their own.

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls once after so many milliseconds; returns how to prevent it. */
  after(milliseconds: number, call: () => void): () => void;
}

/** What a timer of Node can wait at most. */
export const longestTimer = 2 ** 31 - 1;

/** Timers do not keep the program running. */
export const systemClock: Clock = {
  now: Date.now,
  after(milliseconds, call) {
    const timer = setTimeout(call, Math.min(milliseconds, longestTimer));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
