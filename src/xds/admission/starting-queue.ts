// Requests of proxies that are still to get their first configuration, one after the other: answering one of them takes long,
// and when many come at once, handshakes of others and what settled proxies say must get their turn in between.
import { breather } from './breather.ts';

export class StartingQueue<T extends object> {
  readonly #sliceMs: number;
  readonly #tasks: (readonly [one: T, task: () => void])[] = [];
  /** How many tasks of each are still to be done. */
  readonly #open = new Map<T, number>();
  #isRunning = false;

  /** `sliceMs`: how long it works before others get their turn. */
  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs;
  }

  /** Whether anybody waits. */
  get isBusy(): boolean {
    return this.#isRunning;
  }

  /** Whether something of this one's waits, before which nothing later of its may be done. */
  holds(one: T): boolean {
    return this.#open.has(one);
  }

  /** `task` is done after all that came before it, and throws nothing. */
  add(one: T, task: () => void): void {
    this.#tasks.push([one, task]);
    this.#open.set(one, (this.#open.get(one) ?? 0) + 1);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const breathe = breather(() => this.#sliceMs);
    for (let next = this.#tasks.shift(); next !== undefined; next = this.#tasks.shift()) {
      const [one, task] = next;
      const left = (this.#open.get(one) ?? 1) - 1;
      if (left === 0) this.#open.delete(one);
      else this.#open.set(one, left);
      task();
      await breathe();
    }
    this.#isRunning = false;
  }
}
