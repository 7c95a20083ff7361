// A table of a stretch of a list: columns, pages, and what stands there instead of nothing. On narrow screens each row
// becomes a card whose cells name their columns.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { Stretch } from '../../admin/console/api.ts';
import type { Place } from '../place.ts';
import { replaceQuery } from '../place.ts';
import { numeral } from '../words.ts';

export interface Column<T> {
  readonly head: string;
  readonly cell: (item: T) => ComponentChildren;
  /** Numbers stand to the right. */
  readonly number?: boolean;
}

interface TableProps<T> {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  readonly empty: string;
}

/** Rows of a screen. */
const firstRows = 20;
/** Milliseconds until those below it follow: who has just come sees the first without waiting for the last. */
const restAfter = 50;

export function Table<T>({ caption, columns, items, keyOf, empty }: TableProps<T>) {
  const [isWhole, setWhole] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setWhole(true), restAfter);
    return () => clearTimeout(timer);
  }, []);
  if (items.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="table">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ head, number }) => (
              <th key={head} scope="col" class={number === true ? 'number' : ''}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {(isWhole ? items : items.slice(0, firstRows)).map((item) => (
            <tr key={keyOf(item)}>
              {columns.map(({ head, cell, number }) => (
                <td key={head} data-head={head} class={number === true ? 'number' : ''}>
                  {cell(item)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface PagedTableProps<T> extends Omit<TableProps<T>, 'items'> {
  readonly stretch: Stretch<T>;
  readonly place: Place;
}

/** With the pages before and after it; where it begins stands in the view's address. */
export const PagedTable = <T,>({ stretch, place, ...table }: PagedTableProps<T>) => (
  <>
    <Table {...table} items={stretch.items} />
    <Pager stretch={stretch} onOffset={(to) => replaceQuery(place, { offset: String(to) })} />
  </>
);

interface PagerProps {
  readonly stretch: Stretch<unknown>;
  readonly onOffset: (offset: number) => void;
}

/** Rows of a page; the daemon gives as many unless it is asked for others. */
const pageLength = 50;

export function Pager({ stretch: { offset, items, total }, onOffset }: PagerProps) {
  if (total <= pageLength && offset === 0) return null;
  const last = offset + items.length;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={offset === 0} onClick={() => onOffset(Math.max(0, offset - pageLength))}>
        Previous
      </button>
      <span role="status">
        {numeral(offset + 1)}–{numeral(last)} of {numeral(total)}
      </span>
      <button type="button" disabled={last >= total} onClick={() => onOffset(last)}>
        Next
      </button>
    </nav>
  );
}
