// What the annotations of a Pod say of its proxy's statistics: in which buckets values are counted, how often they are flushed,
// and when those that nobody counts in any more are forgotten. None of it can keep an Envoy from starting.
// https://istio.io/latest/docs/reference/config/annotations/
import type { MessageOf } from '../xds/generated/messages.ts';

import { parseDuration } from '../model/duration.ts';
import { ownMetrics } from './metric-names.ts';

type Annotations = Readonly<Record<string, unknown>>;
type Bootstrap = MessageOf['envoy.config.bootstrap.v3.Bootstrap'];
type Buckets = MessageOf['envoy.config.metrics.v3.HistogramBucketSettings'];

const names = {
  buckets: 'sidecar.istio.io/statsHistogramBuckets',
  bins: 'sidecar.istio.io/statsHistogramBins',
  flush: 'sidecar.istio.io/statsFlushInterval',
  eviction: 'sidecar.istio.io/statsEvictionInterval',
} as const;

/** What is wrong with an annotation, in a sentence that says what to write; undefined: nothing. */
export const statsAnnotationChecks: Readonly<Record<string, (value: string) => string | undefined>> = {
  [names.buckets]: (value) =>
    byPrefix(value, isBuckets) === undefined
      ? `write a JSON object of ascending positive numbers by prefix, for example {"${istioPrefix}": [5, 50, 500]}`
      : undefined,
  [names.bins]: (value) =>
    byPrefix(value, isBins) === undefined
      ? `write a JSON object of whole numbers by prefix, for example {"${istioPrefix}": 50}`
      : undefined,
  [names.flush]: (value) => (isFlush(value) ? undefined : 'write a duration from 1ms to less than 5m, for example 10s'),
  [names.eviction]: (value) =>
    isInterval(value) ? undefined : 'write a duration that is a multiple of the flush interval, for example 1h',
};

/** What a proxy takes along of its Pod's annotations as metadata of its node. */
export function nodeAnnotations(annotations: Readonly<Record<string, string>>): { readonly ANNOTATIONS?: Annotations } {
  const read = Object.entries(annotations).filter(([name]) => taken.test(name));
  return read.length === 0 ? {} : { ANNOTATIONS: Object.fromEntries(read) };
}

const taken = /^(?:sidecar\.istio\.io\/stats|resource\.opentelemetry\.io\/)/;

/** Of the metrics with Istio's names, whatever they are called inside of the proxy. */
const istioPrefix = 'istiocustom';

/** How many values a histogram of Envoy's tells apart, and where the bounds between buckets are; the first match counts. */
export function histogramBuckets(annotations: Annotations): readonly Buckets[] {
  const buckets = byPrefix(annotations[names.buckets], isBuckets) ?? {};
  const bins = byPrefix(annotations[names.bins], isBins) ?? {};
  const prefixes = [...new Set([...Object.keys(buckets), ...Object.keys(bins)])];
  return prefixes
    .toSorted((a, b) => b.length - a.length)
    .map((prefix) => ({
      match: { prefix: ownPrefix(prefix) },
      ...(buckets[prefix] !== undefined && { buckets: buckets[prefix] }),
      ...(bins[prefix] !== undefined && { bins: bins[prefix] }),
    }));
}

const ownPrefix = (prefix: string): string =>
  prefix.startsWith(istioPrefix) ? ownMetrics + prefix.slice(istioPrefix.length) : prefix;

const usualFlush = 5000;
const usualEviction = 3_600_000;

/**
 * Envoy wants the one to be a multiple of the other, and does not start otherwise: series that nobody counts in are kept for
 * the usual time, or as much longer as it takes.
 */
export function statsIntervals(
  annotations: Annotations,
): Pick<Bootstrap, 'stats_flush_interval' | 'stats_eviction_interval'> {
  const asked = annotations[names.flush];
  const step = isFlush(asked) ? milliseconds(asked) : usualFlush;
  const eviction = annotations[names.eviction];
  const fits = isInterval(eviction) && milliseconds(eviction) % step === 0;
  return {
    stats_flush_interval: seconds(step),
    stats_eviction_interval: seconds(fits ? milliseconds(eviction) : Math.ceil(usualEviction / step) * step),
  };
}

const seconds = (each: number): `${number}s` => `${each / 1000}s`;
const milliseconds = (text: string): number => parseDuration(text) ?? 0;
const isInterval = (value: unknown): value is string => typeof value === 'string' && isWhole(milliseconds(value));
const isFlush = (value: unknown): value is string => isInterval(value) && milliseconds(value) < 300_000;
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

const mostBins = 1000;
const isBins = (value: unknown): value is number => isWhole(value) && value <= mostBins;
const isBuckets = (value: unknown): value is readonly number[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= mostBins &&
  value.every((bound: unknown, i) => typeof bound === 'number' && bound > (i === 0 ? 0 : Number(value[i - 1])));

const mostPrefixes = 100;

/** undefined: there is none, or it is not all that it should be. */
function byPrefix<T>(text: unknown, fits: (value: unknown) => value is T): Readonly<Record<string, T>> | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value as Record<string, unknown>);
    if (entries.length > mostPrefixes) return undefined;
    const read = entries.filter((entry): entry is [string, T] => entry[0] !== '' && fits(entry[1]));
    return read.length === entries.length ? Object.fromEntries(read) : undefined;
  } catch {
    return undefined;
  }
}
