// ExternalProcessor: a service that sees requests and responses on their way, and may change them. A kind of Keelson's own.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/ext_proc_filter
import type { Static } from './fields.ts';
import { anyDuration, boolean, int32, integer, list, message, oneOf, text } from './fields.ts';
import { PolicyWorkloadSelector, targetReferences, TrafficSelector } from './common.ts';

/** Which parts the service is sent. */
export const ProcessedParts = message({
  headers: boolean,
  body: oneOf('NONE', 'STREAMED', 'BUFFERED', 'BUFFERED_PARTIAL'),
  trailers: boolean,
});
export type ProcessedParts = Static<typeof ProcessedParts>;

export const ExternalProcessorSpec = message(
  {
    selector: PolicyWorkloadSelector,
    targetRefs: targetReferences,
    phase: oneOf('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
    priority: int32,
    match: list(TrafficSelector),
    service: text({ minLength: 1, maxLength: 320 }),
    port: integer(1, 65_535),
    timeout: anyDuration,
    onFailure: oneOf('DENY', 'ALLOW'),
    request: ProcessedParts,
    response: ProcessedParts,
  },
  ['service', 'port'],
);
export type ExternalProcessorSpec = Static<typeof ExternalProcessorSpec>;
