// Keeps the key sets that RequestAuthentications refer to: fetched when a rule first names them, again and again in the
// background, and kept when a fetch fails. Translation only ever sees the last good ones.
// https://istio.io/latest/docs/reference/config/security/request_authentication/#JWTRule
import type { KeySets, KeySource } from '../../model/key-source.ts';
import type { Problem } from '../../model/problem.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { SourceRef } from '../../model/source.ts';
import type { FetchOptions } from './jwks-fetch.ts';

import { keySourceOf, noKeySets } from '../../model/key-source.ts';
import { at } from '../../model/source.ts';
import { fetchKeys } from './jwks-fetch.ts';

export interface KeyWatcherOptions extends FetchOptions {
  /** Called when a key set is new or has changed, and when a fetch begins or ceases to fail. */
  readonly onChange: () => void;
  /** Time and chance, for tests. */
  readonly after?: (milliseconds: number, run: () => void) => () => void;
  readonly random?: () => number;
}

const refresh = 20 * 60_000;
const firstRetry = 1_000;
const maxAtOnce = 8;

interface Followed {
  readonly source: KeySource;
  /** The rules that need these keys. */
  users: readonly SourceRef[];
  text?: string;
  fault?: string;
  failures: number;
  readonly stopping: AbortController;
  cancel: () => void;
}

export class KeyWatcher {
  readonly #options: KeyWatcherOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #waiting: Followed[] = [];
  #running = 0;
  #keySets: KeySets = noKeySets;
  #idle: (() => void)[] = [];

  constructor(options: KeyWatcherOptions) {
    this.#options = options;
  }

  /** The last good keys by address. Its identity changes only with its content. */
  get keySets(): KeySets {
    return this.#keySets;
  }

  /** Follows what `snapshot` names, and forgets the rest. */
  follow(snapshot: Snapshot): void {
    const named = sourcesOf(snapshot);
    for (const [uri, followed] of this.#followed) if (!named.has(uri)) this.#forget(uri, followed);
    for (const [uri, { source, users }] of named) {
      const known = this.#followed.get(uri);
      if (known === undefined) this.#begin(uri, source, users);
      else known.users = users;
    }
  }

  /** Resolves when every address has been tried once. */
  settled(): Promise<void> {
    if (this.#running + this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** What could not be fetched, at the rules that need it. */
  problems(): readonly Problem[] {
    return [...this.#followed.values()].flatMap(({ fault, text, users }) =>
      fault === undefined ? [] : users.map((source): Problem => problem(source, fault, text !== undefined)),
    );
  }

  stop(): void {
    for (const [uri, followed] of this.#followed) this.#forget(uri, followed);
  }

  #begin(uri: string, source: KeySource, users: readonly SourceRef[]): void {
    const followed: Followed = { source, users, failures: 0, stopping: new AbortController(), cancel: () => {} };
    this.#followed.set(uri, followed);
    this.#enqueue(followed);
  }

  #forget(uri: string, followed: Followed): void {
    this.#followed.delete(uri);
    followed.cancel();
    followed.stopping.abort(new Error('no longer needed'));
    if (followed.text !== undefined) this.#publish();
  }

  #enqueue(followed: Followed): void {
    this.#waiting.push(followed);
    this.#next();
  }

  #next(): void {
    while (this.#running < maxAtOnce) {
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

  async #fetch(followed: Followed): Promise<void> {
    const { source, stopping } = followed;
    if (stopping.signal.aborted) return;
    const before = { text: followed.text, fault: followed.fault };
    try {
      followed.text = await fetchKeys(source, this.#options, stopping.signal);
      delete followed.fault;
      followed.failures = 0;
    } catch (error) {
      followed.fault = reason(error);
      followed.failures++;
    }
    if (stopping.signal.aborted) return;
    followed.cancel = this.#schedule(followed);
    if (followed.text !== before.text) this.#publish();
    if (followed.text !== before.text || followed.fault !== before.fault) this.#options.onChange();
  }

  /** Not all at the same moment; after a failure soon, and then less and less soon. */
  #schedule(followed: Followed): () => void {
    const { after = afterTimeout, random = Math.random } = this.#options;
    const wait = followed.failures === 0 ? refresh : Math.min(refresh, firstRetry * 2 ** (followed.failures - 1));
    return after(wait * (0.8 + 0.4 * random()), () => this.#enqueue(followed));
  }

  #publish(): void {
    const known = [...this.#followed].flatMap(([uri, { text }]) => (text === undefined ? [] : [[uri, text] as const]));
    this.#keySets = new Map(known);
  }
}

function sourcesOf({ objects }: Snapshot): ReadonlyMap<string, { source: KeySource; users: readonly SourceRef[] }> {
  const found = new Map<string, { source: KeySource; users: SourceRef[] }>();
  for (const { source: object, spec } of objects.RequestAuthentication.values()) {
    for (const [i, rule] of (spec.jwtRules ?? []).entries()) {
      const source = keySourceOf(rule);
      if (source === undefined) continue;
      const user = at(object, `spec.jwtRules[${i}]`);
      const known = found.get(source.uri);
      if (known === undefined) found.set(source.uri, { source, users: [user] });
      else known.users.push(user);
    }
  }
  return found;
}

const problem = (source: SourceRef, fault: string, stale: boolean): Problem => ({
  code: 'keys-unavailable',
  severity: 'warning',
  message: `the keys could not be fetched: ${fault}; ${stale ? 'the last good ones stay in force' : 'every token of this issuer is refused'}`,
  source,
});

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function afterTimeout(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds).unref();
  return () => clearTimeout(timer);
}
