// What kept the daemon from its work: how late its event loop was, and how long V8 collected garbage. By the names of
// prom-client's default metrics, whose figures of the delay contain the time between two looks, and whose collections are
// one of all those that end in the same turn of the event loop.
// https://nodejs.org/api/perf_hooks.html#perf_hooksmonitoreventloopdelayoptions
import type { PerformanceEntry } from 'node:perf_hooks';
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

import type { Registry } from 'prom-client';
import { collectDefaultMetrics, Gauge, Histogram } from 'prom-client';

/** How often it is looked whether the event loop is late. Each look wakes the process, however idle it is. */
const lookMs = 100;
/** The default metrics would look as well: never, in the life of a process. */
const neverMs = 2 ** 31 - 1;

const gcKinds: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

/** The default metrics of a Node process. What is longest is so since somebody last asked. */
export function processMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  delayMetrics(registry);
  collectionMetrics(registry);
}

function delayMetrics(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: lookMs });
  delay.enable();
  const late = (nanoseconds: number): number =>
    delay.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - lookMs / 1000);
  const figures: Readonly<Record<string, (all: typeof delay) => number>> = {
    min: (all) => late(all.min),
    mean: (all) => late(all.mean),
    stddev: (all) => (all.count === 0 ? 0 : all.stddev / 1e9),
    p50: (all) => late(all.percentile(50)),
    p90: (all) => late(all.percentile(90)),
    p99: (all) => late(all.percentile(99)),
    max: (all) => late(all.max),
  };
  const last = Object.keys(figures).at(-1);
  for (const [figure, read] of Object.entries(figures)) {
    const name = `nodejs_eventloop_lag_${figure}_seconds`;
    registry.removeSingleMetric(name);
    const gauge = new Gauge({
      name,
      help: `The ${figure} of the event loop's delay since this was last asked.`,
      registers: [registry],
      collect: () => {
        gauge.set(read(delay));
        if (figure === last) delay.reset();
      },
    });
  }
}

/** Node's types do not say what stands in such an entry. */
interface Collection extends PerformanceEntry {
  readonly detail: { readonly kind: number };
}

function collectionMetrics(registry: Registry): void {
  const name = 'nodejs_gc_duration_seconds';
  registry.removeSingleMetric(name);
  const durations = new Histogram({
    name,
    help: 'Garbage collections by kind: major, minor, incremental, weakcb.',
    labelNames: ['kind'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers: [registry],
  });
  let longest = 0;
  const gauge = new Gauge({
    name: 'nodejs_gc_duration_max_seconds',
    help: 'The longest garbage collection since this was last asked.',
    registers: [registry],
    collect: () => {
      gauge.set(longest);
      longest = 0;
    },
  });
  new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries() as unknown as readonly Collection[]) {
      const { kind } = detail;
      durations.observe({ kind: gcKinds[kind] ?? 'other' }, duration / 1000);
      longest = Math.max(longest, duration / 1000);
    }
  }).observe({ entryTypes: ['gc'] });
}
