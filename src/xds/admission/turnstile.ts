// How many proxies are given their first configuration at a time. A proxy that comes is sent all there is, and after a restart
// of the control plane they all come at once: what is on its way to them would not fit into memory, and who has its
// configuration already would wait for changes behind those who have none.
import type { ProxyStatus } from '../status.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';

/** Listeners come last: who has confirmed them, and owes nothing, has all that it asked for. */
export const isComplete = ({ synced, types }: ProxyStatus): boolean =>
  synced && types.some(({ type }) => type === resourceTypes.listener);

export interface TurnstileOptions {
  /** How many are inside at a time. */
  readonly most: number;
  /** After that many milliseconds somebody inside counts no more: it may never get done. */
  readonly patience: number;
}

export class Turnstile<T extends object> {
  readonly #options: TurnstileOptions;
  readonly #inside = new Map<T, NodeJS.Timeout>();
  /** In the order in which they came. */
  readonly #waiting = new Map<T, () => void>();

  constructor(options: TurnstileOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls `enter` when it is this one's turn, at once if there is room. */
  arrive(one: T, enter: () => void): void {
    this.#waiting.set(one, enter);
    this.#admit();
  }

  /** Whether it waits or is inside. */
  holds(one: T): boolean {
    return this.#waiting.has(one) || this.#inside.has(one);
  }

  /** It has what it came for, or is gone. */
  leave(one: T): void {
    clearTimeout(this.#inside.get(one));
    this.#waiting.delete(one);
    if (this.#inside.delete(one)) this.#admit();
  }

  #admit(): void {
    for (const [one, enter] of this.#waiting) {
      if (this.#inside.size >= this.#options.most) return;
      this.#waiting.delete(one);
      this.#inside.set(one, setTimeout(() => this.leave(one), this.#options.patience).unref());
      enter();
    }
  }
}
