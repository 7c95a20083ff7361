// CORS policies and injected faults of an HTTP route.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy
import type { CorsPolicy, HTTPFaultInjection, Percent } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { doubtful, invalid, missing, unsupported } from '../../draft.ts';
import { parseDuration } from '../../../model/duration.ts';
import { atMostOne, checkDuration } from '../common.ts';
import { checkRegex } from './http-match.ts';
import { isHeaderName } from '../syntax/header.ts';

export const isHttpStatus = (status: number): boolean => status >= 200 && status <= 600;

const methods: ReadonlySet<string> = new Set('GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE *'.split(' '));

export function* checkCors(policy: CorsPolicy | undefined, path: FieldPath): Drafts {
  if (!policy) return;
  for (const [index, origin] of (policy.allowOrigins ?? []).entries()) {
    const at = [...path, 'allowOrigins', index];
    if (!(origin.exact ?? origin.prefix ?? origin.regex))
      yield invalid(at, 'an allowed origin needs one of exact, prefix and regex');
    else yield* checkRegex(origin, at);
  }
  for (const [index, method] of (policy.allowMethods ?? []).entries()) {
    if (!methods.has(method)) yield invalid([...path, 'allowMethods', index], `"${method}" is not an HTTP method`);
  }
  for (const field of ['allowHeaders', 'exposeHeaders'] as const) {
    for (const [index, name] of (policy[field] ?? []).entries()) {
      if (name !== '*' && !isHeaderName(name)) yield invalid([...path, field, index], `"${name}" is not a header name`);
    }
  }
  const maxAge = policy.maxAge === undefined ? 0 : (parseDuration(policy.maxAge) ?? 0);
  if (maxAge % 1000 !== 0) yield invalid([...path, 'maxAge'], `${policy.maxAge} is not a number of seconds`);
}

/** https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
const grpcStatuses: ReadonlySet<string> = new Set(
  (
    'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED ' +
    'RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS ' +
    'UNAUTHENTICATED'
  ).split(' '),
);

export function* checkFault(fault: HTTPFaultInjection | undefined, path: FieldPath): Drafts {
  if (!fault) return;
  if (!fault.abort && !fault.delay) yield missing(path, 'abort or delay is required');
  yield* checkAbort(fault.abort, [...path, 'abort']);
  const { delay } = fault;
  if (!delay) return;
  yield* atMostOne(delay, [...path, 'delay'], ['fixedDelay', 'exponentialDelay']);
  yield* checkFraction(delay.percentage, [...path, 'delay', 'percentage', 'value']);
  yield* checkDuration(delay.fixedDelay, [...path, 'delay', 'fixedDelay']);
  if (delay.exponentialDelay !== undefined)
    yield unsupported([...path, 'delay', 'exponentialDelay'], 'Envoy has no exponential delay');
}

function* checkAbort(abort: HTTPFaultInjection['abort'], path: FieldPath): Drafts {
  if (!abort) return;
  const { httpStatus, grpcStatus, http2Error } = abort;
  yield* atMostOne(abort, path, ['httpStatus', 'grpcStatus', 'http2Error']);
  yield* checkFraction(abort.percentage, [...path, 'percentage', 'value']);
  if (grpcStatus !== undefined && !grpcStatuses.has(grpcStatus))
    yield invalid([...path, 'grpcStatus'], `"${grpcStatus}" is not a gRPC status such as NOT_FOUND`);
  if (httpStatus !== undefined && !isHttpStatus(httpStatus))
    yield invalid([...path, 'httpStatus'], `${httpStatus} is not an HTTP status: 200 to 599`);
  if (http2Error !== undefined) yield unsupported([...path, 'http2Error'], 'Envoy does not inject HTTP/2 errors');
  if (httpStatus === undefined && grpcStatus === undefined && http2Error === undefined)
    yield doubtful(path, 'an abort without httpStatus or grpcStatus does nothing');
}

/** A share of requests: Envoy counts in ten-thousandths of a percent. */
function* checkFraction(percent: Percent | undefined, path: FieldPath): Drafts {
  const value = percent?.value ?? 0;
  if (value < 0 || value > 100 || (value > 0 && value < 0.0001))
    yield invalid(path, `${value} is neither 0 nor between 0.0001 and 100`);
}
