// Telemetry: metrics, access logs and traces of a mesh, namespace or workload.
// https://istio.io/latest/docs/reference/config/telemetry/
import type { Static } from './fields.ts';
import { boolean, duration, list, map, message, number, oneOf, string, text } from './fields.ts';
import { PolicyTargetReference, PolicyWorkloadSelector, targetReferences } from './common.ts';

const nonEmpty = text({ minLength: 1 });
const mode = oneOf('CLIENT_AND_SERVER', 'CLIENT', 'SERVER');
const providers = list(message({ name: nonEmpty }, ['name']));

/** One of literal, environment, header and formatter. */
export const CustomTag = message({
  literal: message({ value: nonEmpty }, ['value']),
  environment: message({ name: nonEmpty, defaultValue: string }, ['name']),
  header: message({ name: nonEmpty, defaultValue: string }, ['name']),
  formatter: message({ value: nonEmpty }, ['value']),
});
export type CustomTag = Static<typeof CustomTag>;

export const Tracing = message({
  match: message({ mode }),
  providers,
  randomSamplingPercentage: number({ minimum: 0, maximum: 100 }),
  disableSpanReporting: boolean,
  disableContextPropagation: boolean,
  customTags: map(CustomTag),
  enableIstioTags: boolean,
  useRequestIdForTraceSampling: boolean,
});
export type Tracing = Static<typeof Tracing>;

/** At most one of metric and customMetric. */
export const MetricSelector = message({
  metric: oneOf(
    'ALL_METRICS',
    'REQUEST_COUNT',
    'REQUEST_DURATION',
    'REQUEST_SIZE',
    'RESPONSE_SIZE',
    'TCP_OPENED_CONNECTIONS',
    'TCP_CLOSED_CONNECTIONS',
    'TCP_SENT_BYTES',
    'TCP_RECEIVED_BYTES',
    'GRPC_REQUEST_MESSAGES',
    'GRPC_RESPONSE_MESSAGES',
  ),
  customMetric: nonEmpty,
  mode,
});
export type MetricSelector = Static<typeof MetricSelector>;

export const TagOverride = message({ operation: oneOf('UPSERT', 'REMOVE'), value: string });
export type TagOverride = Static<typeof TagOverride>;

export const MetricsOverrides = message({ match: MetricSelector, disabled: boolean, tagOverrides: map(TagOverride) });
export type MetricsOverrides = Static<typeof MetricsOverrides>;

export const Metrics = message({ providers, overrides: list(MetricsOverrides), reportingInterval: duration });
export type Metrics = Static<typeof Metrics>;

export const AccessLogging = message({
  match: message({ mode }),
  providers,
  disabled: boolean,
  filter: message({ expression: string }),
});
export type AccessLogging = Static<typeof AccessLogging>;

export const TelemetrySpec = message({
  selector: PolicyWorkloadSelector,
  targetRef: PolicyTargetReference,
  targetRefs: targetReferences,
  tracing: list(Tracing),
  metrics: list(Metrics),
  accessLogging: list(AccessLogging),
});
export type TelemetrySpec = Static<typeof TelemetrySpec>;
