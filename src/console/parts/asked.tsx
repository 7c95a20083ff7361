// What is shown while an answer is not there, and when there is none.
import type { ComponentChildren } from 'preact';

import type { Live } from '../live.ts';

interface AskedProps<T> {
  readonly live: Pick<Live<T>, 'data' | 'error'>;
  readonly children: (data: T) => ComponentChildren;
}

/** A fault while something is known is told above it. */
export function Asked<T>({ live: { data, error }, children }: AskedProps<T>) {
  return (
    <>
      {error !== undefined && <Fault words={error} />}
      {data === undefined
        ? error === undefined && <p class="empty asking">Asking the control plane …</p>
        : children(data)}
    </>
  );
}

/** What an answer has no part of: replicas that do not answer. */
export const Missing = ({ warnings }: { readonly warnings: readonly string[] }) =>
  warnings.length > 0 && (
    <p class="missing" role="alert">
      {warnings.map((words) => (
        <span key={words}>{words}. </span>
      ))}
      It is asked again with every look; its log may tell why it is silent.
    </p>
  );

export const Fault = ({ words }: { readonly words: string }) => (
  <p class="fault" role="alert">
    {words}
  </p>
);
