// A value that does not fit its message: found deep inside, told with the path that leads there.
import { Bug } from '../../model/invariant.ts';

export class Misfit extends Error {
  readonly #path: string[] = [];

  /** `value` is shown when it is short and plain: long texts may be keys. */
  constructor(complaint: string, value?: unknown) {
    super(value === undefined ? complaint : `${complaint}: ${brief(value)}`);
  }

  /** The same, seen from one level further out. */
  within(segment: string): this {
    this.#path.unshift(segment);
    return this;
  }

  toBug(what: string): Bug {
    const path = this.#path.join('').replace(/^\./, '');
    return new Bug(`${what}: ${path === '' ? 'the message' : path} ${this.message}`, { cause: this });
  }
}

/** Runs `write` for each item. A misfit found in one is told to be at its segment of the path. */
export function atEach<T>(
  items: readonly T[],
  segment: (item: T, index: number) => string,
  write: (item: T) => void,
): void {
  for (const [index, item] of items.entries()) {
    try {
      write(item);
    } catch (error) {
      throw error instanceof Misfit ? error.within(segment(item, index)) : error;
    }
  }
}

function brief(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return value.length > 40 ? `${value.length} characters` : JSON.stringify(value);
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? `${value}` : `an ${typeof value}`;
}
