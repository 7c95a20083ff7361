// What a proxy tells Prometheus, read back: every series with its labels.
// https://prometheus.io/docs/instrumenting/exposition_formats/

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export const seriesOf = (text: string): readonly Series[] =>
  text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = /^([a-z]\w*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]);
    return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
  });

/** The sum of a metric by one of its labels. */
export function sumBy(series: readonly Series[], metric: string, label: string): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { name, labels, value } of series)
    if (name === metric) sums[labels[label] ?? ''] = (sums[labels[label] ?? ''] ?? 0) + value;
  return sums;
}
