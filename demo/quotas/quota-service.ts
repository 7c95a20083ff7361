// A service that counts for all proxies: of the requests with certain descriptors so many may pass in each window of time. It keeps
// its counts in memory, so that one instance of it is all there is; a real one would share them.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/ratelimit/v3/rls.proto
import type { EnvoyService } from '../../scripts/envoy-service.ts';
import { startEnvoyService } from '../../scripts/envoy-service.ts';

/** One without a value is for each value on its own. */
interface QuotaEntry {
  readonly key: string;
  readonly value?: string;
}

export interface Quota {
  readonly domain: string;
  /** A descriptor has exactly these, in this order. */
  readonly entries: readonly QuotaEntry[];
  readonly requests: number;
  /** Of a window. */
  readonly seconds: number;
}

interface Descriptor {
  readonly entries?: readonly { readonly key?: string; readonly value?: string }[];
}

/** A RateLimitRequest. */
export interface Question {
  readonly domain?: string;
  readonly descriptors?: readonly Descriptor[];
  readonly hits_addend?: number;
}

interface Verdict {
  readonly code: 'OK' | 'OVER_LIMIT';
  readonly limit_remaining?: number;
  readonly duration_until_reset?: { readonly seconds: number };
}

/** A RateLimitResponse. */
export interface Decision {
  readonly overall_code: Verdict['code'];
  readonly statuses: readonly Verdict[];
}

/** `now` is in milliseconds. */
export const startQuotaService = (quotas: readonly Quota[], port = 0, now = Date.now): Promise<EnvoyService> =>
  startEnvoyService('envoy.service.ratelimit.v3.RateLimitService', counter(quotas, now), port);

interface Window {
  readonly ends: number;
  readonly left: number;
}

/** Beyond that the oldest counts are forgotten: callers choose the values. */
const mostWindows = 100_000;

/** Every descriptor that has a quota is counted, whatever the others say. */
export function counter(quotas: readonly Quota[], now: () => number): (question: Question) => Decision {
  const windows = new Map<string, Window>();
  const count = ({ requests, seconds }: Quota, name: string, hits: number): Verdict => {
    const time = now();
    const known = windows.get(name);
    const window = known !== undefined && known.ends > time ? known : { ends: time + seconds * 1000, left: requests };
    const left = window.left - hits;
    windows.delete(name);
    windows.set(name, { ...window, left: Math.max(left, 0) });
    if (windows.size > mostWindows) windows.delete(windows.keys().next().value ?? '');
    return {
      code: left < 0 ? 'OVER_LIMIT' : 'OK',
      limit_remaining: Math.max(left, 0),
      duration_until_reset: { seconds: Math.ceil((window.ends - time) / 1000) },
    };
  };
  return ({ domain = '', descriptors = [], hits_addend: hits = 1 }) => {
    const statuses = descriptors.map((descriptor): Verdict => {
      const quota = quotas.find((each) => each.domain === domain && isFor(each, descriptor));
      return quota === undefined
        ? { code: 'OK' }
        : count(quota, JSON.stringify([domain, descriptor]), Math.max(hits, 1));
    });
    return { overall_code: statuses.some(({ code }) => code === 'OVER_LIMIT') ? 'OVER_LIMIT' : 'OK', statuses };
  };
}

const isFor = ({ entries: wanted }: Quota, { entries = [] }: Descriptor): boolean =>
  wanted.length === entries.length &&
  wanted.every(({ key, value }, i) => entries[i]?.key === key && (value === undefined || entries[i].value === value));
