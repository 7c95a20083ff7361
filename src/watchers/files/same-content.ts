// Whether two parsed objects mean the same, so that the older one can stand for both.
import type { AnyObject } from '../../model/schema/index.ts';
import type { Redacted } from '../../model/redacted.ts';

/** Where an object stands in its file, and how often it was written, is not part of what it means. Functions tell what the rest says. */
const ignored: ReadonlySet<string> = new Set(['position', 'resourceVersion']);

export const sameContent = (a: AnyObject, b: AnyObject): boolean => same(a, b);

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (isRedacted(a) && isRedacted(b)) return a.reveal() === b.reveal();
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => same(item, b[index]));
  const [left, right] = [fields(a), fields(b)];
  return (
    left.length === right.length &&
    left.every(([key, value]) => Object.hasOwn(b, key) && same(value, (b as Record<string, unknown>)[key]))
  );
}

const fields = (value: object): readonly [string, unknown][] =>
  Object.entries(value).filter(([key, field]) => !ignored.has(key) && typeof field !== 'function');

const isRedacted = (value: object): value is Redacted<unknown> =>
  typeof (value as Partial<Redacted<unknown>>).reveal === 'function';
