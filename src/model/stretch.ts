// Where two lists differ, taken to be one stretch: what was there, and what is there instead.

export interface Stretch<T> {
  readonly gone: readonly T[];
  readonly come: readonly T[];
}

/** What lies between the common beginning and the common end of the lists. */
export function stretch<T>(before: readonly T[], after: readonly T[]): Stretch<T> {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  return { gone: before.slice(head, before.length - tail), come: after.slice(head, after.length - tail) };
}
