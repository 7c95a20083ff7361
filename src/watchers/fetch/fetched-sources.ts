// Keeps what is fetched from the addresses that objects name: begun when one is first named, some at a time, again after a
// failure less and less soon, and forgotten when nothing names it any more. A fetch that fails takes nothing away.
import type { SourceRef } from '../../model/source.ts';

/** Time and chance, for tests. */
export interface Timing {
  readonly after?: (milliseconds: number, run: () => void) => () => void;
  readonly random?: () => number;
}

export interface FetchPlan<S, V> extends Timing {
  readonly fetch: (source: S, signal: AbortSignal) => Promise<V>;
  /** Of sources at a time, and of sources altogether: further ones are not begun. */
  readonly mostAtOnce: number;
  readonly most: number;
  /** Milliseconds. */
  readonly firstRetry: number;
  readonly longestRetry: number;
  /** After how long what was had is fetched anew; without it, never. */
  readonly refresh?: number;
  /** Called when a value is new or has changed, and when a fetch begins or ceases to fail. */
  readonly onChange: () => void;
}

/** What is named, by a key that says all of it, and who names it. */
export type Named<S> = ReadonlyMap<string, { readonly source: S; readonly users: readonly SourceRef[] }>;

export interface Followed<S, V> {
  readonly source: S;
  users: readonly SourceRef[];
  /** The last good one. */
  value?: V;
  /** Why the last fetch failed. */
  fault?: string;
  failures: number;
  readonly stopping: AbortController;
  cancel: () => void;
}

export class FetchedSources<S, V> {
  readonly #plan: FetchPlan<S, V>;
  readonly #followed = new Map<string, Followed<S, V>>();
  readonly #waiting: Followed<S, V>[] = [];
  #running = 0;
  #idle: (() => void)[] = [];

  constructor(plan: FetchPlan<S, V>) {
    this.#plan = plan;
  }

  get followed(): ReadonlyMap<string, Readonly<Followed<S, V>>> {
    return this.#followed;
  }

  /** Follows what is named, and forgets the rest. Says whether anything was begun or forgotten. */
  follow(named: Named<S>): boolean {
    let changed = false;
    for (const [key, followed] of this.#followed) {
      if (named.has(key)) continue;
      this.#forget(key, followed);
      changed = true;
    }
    for (const [key, { source, users }] of named) {
      const known = this.#followed.get(key);
      if (known !== undefined) known.users = users;
      else if (this.#followed.size < this.#plan.most) {
        this.#begin(key, source, users);
        changed = true;
      }
    }
    return changed;
  }

  /** Resolves when every source has been tried once. */
  settled(): Promise<void> {
    if (this.#running + this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  stop(): void {
    for (const [key, followed] of this.#followed) this.#forget(key, followed);
  }

  #begin(key: string, source: S, users: readonly SourceRef[]): void {
    const followed: Followed<S, V> = { source, users, failures: 0, stopping: new AbortController(), cancel: () => {} };
    this.#followed.set(key, followed);
    this.#enqueue(followed);
  }

  #forget(key: string, followed: Followed<S, V>): void {
    this.#followed.delete(key);
    followed.cancel();
    followed.stopping.abort(new Error('no longer needed'));
  }

  #enqueue(followed: Followed<S, V>): void {
    this.#waiting.push(followed);
    this.#next();
  }

  #next(): void {
    while (this.#running < this.#plan.mostAtOnce) {
      const followed = this.#waiting.shift();
      if (followed === undefined) break;
      this.#running++;
      void this.#fetch(followed).finally(() => {
        this.#running--;
        this.#next();
        if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
      });
    }
  }

  async #fetch(followed: Followed<S, V>): Promise<void> {
    const { source, stopping } = followed;
    if (stopping.signal.aborted) return;
    const before = { value: followed.value, fault: followed.fault };
    try {
      followed.value = await this.#plan.fetch(source, stopping.signal);
      delete followed.fault;
      followed.failures = 0;
    } catch (error) {
      followed.fault = error instanceof Error ? error.message : String(error);
      followed.failures++;
    }
    if (stopping.signal.aborted) return;
    followed.cancel = this.#schedule(followed);
    if (followed.value !== before.value || followed.fault !== before.fault) this.#plan.onChange();
  }

  /** Not all at the same moment; after a failure soon, and then less and less soon. */
  #schedule(followed: Followed<S, V>): () => void {
    const { after = afterTimeout, random = Math.random, refresh, firstRetry, longestRetry } = this.#plan;
    const { failures } = followed;
    const wait = failures === 0 ? refresh : Math.min(longestRetry, firstRetry * 2 ** (failures - 1));
    if (wait === undefined) return () => {};
    return after(wait * (0.8 + 0.4 * random()), () => this.#enqueue(followed));
  }
}

function afterTimeout(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds).unref();
  return () => clearTimeout(timer);
}
