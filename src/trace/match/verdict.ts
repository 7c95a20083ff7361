// Logic in which something may be unknown: a trace rather says so than guesses.

export type Verdict = boolean | 'unknown';

export const not = (verdict: Verdict): Verdict => (verdict === 'unknown' ? verdict : !verdict);

export function every<T>(items: readonly T[], test: (item: T) => Verdict): Verdict {
  const verdicts = new Set(items.map(test));
  if (verdicts.has(false)) return false;
  return verdicts.has('unknown') ? 'unknown' : true;
}

export const some = <T>(items: readonly T[], test: (item: T) => Verdict): Verdict =>
  not(every(items, (item) => not(test(item))));
