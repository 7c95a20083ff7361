// Counts and histograms by type of resource, for what happens with every response: plain numbers, which become series when somebody
// asks. prom-client looks a series up by the text of its labels for each value, and a response has five.
// https://prometheus.io/docs/concepts/metric_types/#histogram
import type { Metric, MetricValueWithName, Registry } from 'prom-client';
import { Counter } from 'prom-client';

export type Count = (type: string, by: number) => void;

/** Registers a counter; returns what adds to it. */
export function counterByType(registry: Registry, name: string, help: string): Count {
  const counts = new Map<string, number>();
  function collect(this: Counter<'type'>): void {
    this.reset();
    for (const [type, count] of counts) this.inc({ type }, count);
  }
  registry.registerMetric(new Counter({ name, help, labelNames: ['type'], registers: [], collect }));
  return (type, by) => counts.set(type, (counts.get(type) ?? 0) + by);
}

interface Observed {
  sum: number;
  /** How many values were in each bucket and in no smaller one; the last has no bound. */
  readonly counts: number[];
}

/** Registers a histogram; returns what a value is told to. `bounds` ascend. */
export function histogramByType(registry: Registry, name: string, help: string, bounds: readonly number[]): Count {
  const observed = new Map<string, Observed>();
  const get = (): Promise<object> =>
    Promise.resolve({ name, help, type: 'histogram', values: [...observed].flatMap(seriesOf(name, bounds)) });
  registry.registerMetric({ name, get } as unknown as Metric);
  return (type, value) => {
    let all = observed.get(type);
    if (all === undefined)
      observed.set(type, (all = { sum: 0, counts: Array.from({ length: bounds.length + 1 }, () => 0) }));
    all.sum += value;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? Infinity)) bucket++;
    all.counts[bucket] = (all.counts[bucket] ?? 0) + 1;
  };
}

/** Each bucket counts what the smaller ones do as well. */
const seriesOf =
  (name: string, bounds: readonly number[]) =>
  ([type, { sum, counts }]: readonly [string, Observed]): readonly MetricValueWithName<string>[] => {
    let total = 0;
    const buckets = counts.map((count, i) => {
      const labels = { le: bounds[i] ?? '+Inf', type };
      return { metricName: `${name}_bucket`, labels, value: (total += count) };
    });
    const labels = { type };
    return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: total }]; // prettier-ignore
  };
