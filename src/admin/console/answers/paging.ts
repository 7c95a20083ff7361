// A stretch of a list as a query asks for it, with limits.
import type { Stretch } from '../api.ts';

const longest = 200;

/** `offset` and `limit` of the query; what is no number counts as not given. */
export function stretchOf<T, R>(all: readonly T[], query: URLSearchParams, show: (item: T) => R): Stretch<R> {
  const offset = Math.min(numberOf(query.get('offset')) ?? 0, Math.max(0, all.length - 1));
  const limit = Math.min(longest, Math.max(1, numberOf(query.get('limit')) ?? 50));
  return { items: all.slice(offset, offset + limit).map(show), total: all.length, offset };
}

/** undefined for what is no number. */
export const numberOf = (text: string | null): number | undefined =>
  text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;

/** Whether fields together have every word of what is looked for, whatever its case. */
export function matcher(query: URLSearchParams): (...fields: readonly string[]) => boolean {
  const words = (query.get('search') ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return () => true;
  return (...fields) => {
    const text = fields.join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  };
}
