// What others change in a status is written again: the first time at once, then later each time, so that two who disagree do
// not keep each other and the API server busy for ever.

const shortestMs = 1000;
const longestMs = 300_000;
/** After so long without a change by others the next one is the first again. */
const forgottenMs = 600_000;

interface Dispute {
  readonly times: number;
  readonly at: number;
}

export class Disputes {
  readonly #known = new Map<string, Dispute>();

  /** Somebody has changed it: after how many milliseconds it is to be looked at. */
  raised(key: string, now: number): number {
    const before = this.#known.get(key);
    const times = before === undefined || now - before.at > forgottenMs ? 0 : before.times;
    this.#known.set(key, { times: times + 1, at: now });
    return times === 0 ? 0 : Math.min(shortestMs * 2 ** (times - 1), longestMs);
  }

  forget(key: string): void {
    this.#known.delete(key);
  }
}
