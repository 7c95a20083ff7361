// What is shown while an answer is not there, and when there is none.
import type { ComponentChildren } from 'preact';

import type { Live } from '../live.ts';

interface AskedProps<T> {
  readonly live: Live<T>;
  readonly children: (data: T) => ComponentChildren;
}

/** A fault while something is known is told above it. */
export function Asked<T>({ live: { data, error }, children }: AskedProps<T>) {
  return (
    <>
      {error !== undefined && <Fault words={error} />}
      {data === undefined ? error === undefined && <p class="empty">…</p> : children(data)}
    </>
  );
}

export const Fault = ({ words }: { readonly words: string }) => (
  <p class="fault" role="alert">
    {words}
  </p>
);
