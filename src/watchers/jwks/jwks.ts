// Keeps the key sets that RequestAuthentications refer to: fetched when a rule first names them, again and again in the
// background, and kept when a fetch fails. Translation only ever sees the last good ones.
// https://istio.io/latest/docs/reference/config/security/request_authentication/#JWTRule
import type { KeySets, KeySource } from '../../model/external/key-source.ts';
import type { Problem } from '../../model/problem.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { SourceRef } from '../../model/source.ts';
import type { Named, Timing } from '../fetch/fetched-sources.ts';
import type { FetchOptions } from './jwks-fetch.ts';

import { keySourceOf, noKeySets } from '../../model/external/key-source.ts';
import { at } from '../../model/source.ts';
import { FetchedSources } from '../fetch/fetched-sources.ts';
import { fetchKeys } from './jwks-fetch.ts';

export interface KeyWatcherOptions extends FetchOptions, Timing {
  /** Called when a key set is new or has changed, and when a fetch begins or ceases to fail. */
  readonly onChange: () => void;
}

const refresh = 20 * 60_000;

export class KeyWatcher {
  readonly #sources: FetchedSources<KeySource, string>;
  #keySets: KeySets = noKeySets;

  constructor(options: KeyWatcherOptions) {
    this.#sources = new FetchedSources({
      ...options,
      fetch: (source, signal) => fetchKeys(source, options, signal),
      mostAtOnce: 8,
      most: Infinity,
      firstRetry: 1_000,
      longestRetry: refresh,
      refresh,
      onChange: () => {
        this.#publish();
        options.onChange();
      },
    });
  }

  /** The last good keys by address. Its identity changes only with its content. */
  get keySets(): KeySets {
    return this.#keySets;
  }

  /** Follows what `snapshot` names, and forgets the rest. */
  follow(snapshot: Snapshot): void {
    if (this.#sources.follow(sourcesOf(snapshot))) this.#publish();
  }

  /** Resolves when every address has been tried once. */
  settled(): Promise<void> {
    return this.#sources.settled();
  }

  /** What could not be fetched, at the rules that need it. */
  problems(): readonly Problem[] {
    return [...this.#sources.followed.values()].flatMap(({ fault, value, users }) =>
      fault === undefined ? [] : users.map((source): Problem => problem(source, fault, value !== undefined)),
    );
  }

  stop(): void {
    this.#sources.stop();
  }

  #publish(): void {
    const followed = [...this.#sources.followed];
    const known = new Map(followed.flatMap(([uri, { value }]) => (value === undefined ? [] : [[uri, value] as const])));
    const same =
      known.size === this.#keySets.size && [...known].every(([uri, text]) => this.#keySets.get(uri) === text);
    if (!same) this.#keySets = known;
  }
}

function sourcesOf({ objects }: Snapshot): Named<KeySource> {
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
