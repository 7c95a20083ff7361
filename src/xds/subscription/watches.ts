// Something to be followed for each name that a proxy asks for, as long as it asks for it: its secrets.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret

export class Watches {
  readonly #watches = new Map<string, AbortController>();
  readonly #begin: (name: string, signal: AbortSignal) => void;
  readonly #forget: (name: string) => void;

  /** `begin` is called when a name is new, until its signal aborts; `forget` when it is not asked for any more. */
  constructor(begin: (name: string, signal: AbortSignal) => void, forget: (name: string) => void) {
    this.#begin = begin;
    this.#forget = forget;
  }

  /** These names and no others. */
  keep(names: Pick<ReadonlyMap<string, unknown>, 'has' | 'keys'>): void {
    for (const [name, watch] of this.#watches) {
      if (names.has(name)) continue;
      watch.abort();
      this.#watches.delete(name);
      this.#forget(name);
    }
    for (const name of names.keys()) {
      if (this.#watches.has(name)) continue;
      const watch = new AbortController();
      this.#watches.set(name, watch);
      this.#begin(name, watch.signal);
    }
  }

  close(): void {
    for (const watch of this.#watches.values()) watch.abort();
  }
}
