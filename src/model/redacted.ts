// A value that must not be seen: it prints as `[redacted]` in JSON, templates and console output, so that key
// material can travel through a snapshot without reaching logs, errors or dumps.
const inspect = Symbol.for('nodejs.util.inspect.custom');
const mask = '[redacted]';

export interface Redacted<T> {
  /** The value itself: to be called where it is used, never to be kept. */
  readonly reveal: () => T;
  readonly toJSON: () => string;
  readonly toString: () => string;
}

const show = (): string => mask;

/** `value`, hidden from everything but `reveal()`. */
export function redacted<T>(value: T): Redacted<T> {
  const hidden = { reveal: () => value, toJSON: show, toString: show, [inspect]: show };
  for (const key of Reflect.ownKeys(hidden)) Object.defineProperty(hidden, key, { enumerable: false });
  return Object.freeze(hidden);
}
