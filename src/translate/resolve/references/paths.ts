// Fields of lists, as paths name them.

/** Each item with its path. */
export const paths = <T>(path: string, items: readonly T[] | undefined): readonly (readonly [string, T])[] =>
  (items ?? []).map((item, i) => [`${path}[${i}]`, item]);
