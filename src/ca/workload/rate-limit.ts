// How often somebody may ask: a bucket per key that fills at a steady rate and is emptied by one for each question.

export interface RateLimit {
  /** Per second. */
  readonly rate: number;
  readonly burst: number;
}

export interface RateLimiter {
  /** False if it is too often. `now` in milliseconds. */
  allows(key: string, now: number): boolean;
  readonly size: number;
}

const tidySize = 1024;

export function rateLimiter({ rate, burst }: RateLimit): RateLimiter {
  const buckets = new Map<string, { readonly left: number; readonly at: number }>();
  let nextTidy = tidySize;
  const level = (key: string, now: number): number => {
    const bucket = buckets.get(key);
    return bucket === undefined ? burst : Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * rate);
  };
  /** A full bucket is like none. */
  const tidy = (now: number): void => {
    for (const key of buckets.keys()) if (level(key, now) >= burst) buckets.delete(key);
    nextTidy = Math.max(tidySize, buckets.size * 2);
  };
  return {
    get size() {
      return buckets.size;
    },
    allows(key, now) {
      if (buckets.size >= nextTidy) tidy(now);
      const left = level(key, now);
      buckets.set(key, { left: left < 1 ? left : left - 1, at: now });
      return left >= 1;
    },
  };
}
