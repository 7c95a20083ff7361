// What somebody uses, found by a number that follows from its content; two may come to the same number, and the later one is found.

/** When it is looked first which are collected. To be told of each one that is would cost more. */
const leastSwept = 1000;

export class Known<T extends object> {
  readonly #references = new Map<number, WeakRef<T>>();
  #sweepAt = leastSwept;

  at(print: number): T | undefined {
    return this.#references.get(print)?.deref();
  }

  note(print: number, reference: WeakRef<T>): void {
    this.#references.set(print, reference);
    if (this.#references.size > this.#sweepAt) this.#sweep();
  }

  #sweep(): void {
    for (const [print, reference] of this.#references)
      if (reference.deref() === undefined) this.#references.delete(print);
    this.#sweepAt = Math.max(leastSwept, 2 * this.#references.size);
  }
}
