// RateLimitPolicy: how much may come to workloads, gateways and services, and what happens to the rest. A kind of Keelson's
// own.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/other_features/global_rate_limiting
import type { Static } from './fields.ts';
import { anyDuration, boolean, integer, list, message, number, oneOf, string, text } from './fields.ts';
import { PolicyWorkloadSelector } from './common.ts';
import { RetryBudget } from './destination-rule.ts';

const headerName = text({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9][-_A-Za-z0-9]*$' });
const value = text({ minLength: 1, maxLength: 1024 });
const positive = integer(1, 4_294_967_295);

/** Of the policy's own namespace. */
export const LimitTarget = message(
  {
    group: text({ maxLength: 253 }),
    kind: text({ minLength: 1, maxLength: 63 }),
    name: text({ minLength: 1, maxLength: 253 }),
    namespace: string,
  },
  ['kind', 'name'],
);
export type LimitTarget = Static<typeof LimitTarget>;

/** Which requests are meant: those that fulfill all of it. */
export const RequestMatch = message({
  methods: list(text({ minLength: 1, maxLength: 32, pattern: '^[A-Z]+$' }), { maxItems: 16 }),
  /** A `*` at its end stands for whatever follows. */
  path: text({ minLength: 1, maxLength: 1024, pattern: '^/' }),
  headers: list(message({ name: headerName, value }, ['name']), { maxItems: 16 }),
});
export type RequestMatch = Static<typeof RequestMatch>;

const attributes = {
  header: headerName,
  /** A claim of a verified token. */
  claim: text({ minLength: 1, maxLength: 256 }),
  path: boolean,
  /** Who calls, by its certificate. */
  principal: boolean,
  /** The caller's address. */
  address: boolean,
};

/** Exactly one of its fields is set. */
export const RequestAttribute = message(attributes);
export type RequestAttribute = Static<typeof RequestAttribute>;

export const LocalLimit = message(
  {
    match: RequestMatch,
    per: list(RequestAttribute, { maxItems: 4 }),
    requests: positive,
    interval: anyDuration,
    burst: positive,
    maxValues: integer(1, 100_000),
  },
  ['requests'],
);
export type LocalLimit = Static<typeof LocalLimit>;

export const LimitDescriptor = message(
  {
    match: RequestMatch,
    entries: list(message({ ...attributes, key: value, value }), { minItems: 1, maxItems: 8 }),
  },
  ['entries'],
);
export type LimitDescriptor = Static<typeof LimitDescriptor>;

export const GlobalLimit = message(
  {
    service: text({ minLength: 1, maxLength: 320 }),
    port: integer(1, 65_535),
    domain: text({ minLength: 1, maxLength: 253 }),
    timeout: anyDuration,
    onFailure: oneOf('ALLOW', 'DENY'),
    descriptors: list(LimitDescriptor, { minItems: 1, maxItems: 16 }),
  },
  ['service', 'port', 'domain', 'descriptors'],
);
export type GlobalLimit = Static<typeof GlobalLimit>;

const percentage = number({ minimum: 0, maximum: 100 });

/** What may be under way at a time, in the cluster of one proxy. */
export const CircuitBreaker = message({
  maxConnections: positive,
  maxPendingRequests: positive,
  maxRequests: positive,
  maxRetries: positive,
});
export type CircuitBreaker = Static<typeof CircuitBreaker>;

export const RateLimitPolicySpec = message({
  selector: PolicyWorkloadSelector,
  targetRefs: list(LimitTarget, { maxItems: 16 }),
  local: list(LocalLimit, { maxItems: 16 }),
  global: GlobalLimit,
  adaptiveConcurrency: message({
    latencyPercentile: percentage,
    maxConcurrency: positive,
    updateInterval: anyDuration,
    minLatencyInterval: anyDuration,
    minLatencyRequests: positive,
  }),
  admissionControl: message({
    window: anyDuration,
    successThreshold: percentage,
    minRequestsPerSecond: integer(0, 4_294_967_295),
    maxRejection: percentage,
  }),
  circuitBreaker: CircuitBreaker,
  retryBudget: RetryBudget,
});
export type RateLimitPolicySpec = Static<typeof RateLimitPolicySpec>;
