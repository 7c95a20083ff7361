// Faults injected into requests of a route: delays and aborts.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPFaultInjection
import type { HTTPFaultInjection } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { hundredths, millionths } from './fractional-percent.ts';

export type HttpFault = MessageOf['envoy.extensions.filters.http.fault.v3.HTTPFault'];

/** A fault without a percentage hits no request; Envoy reads a missing one as 0%, too. */
export function httpFault({ delay, abort }: HTTPFaultInjection): HttpFault {
  const aborted = abort === undefined ? undefined : abortStatus(abort);
  return {
    ...(delay?.fixedDelay !== undefined && {
      delay: {
        fixed_delay: duration(delay.fixedDelay),
        percentage: delay.percentage === undefined ? hundredths(delay.percent ?? 0) : millionths(delay.percentage),
      },
    }),
    ...(aborted !== undefined && {
      abort: { ...aborted, ...(abort?.percentage !== undefined && { percentage: millionths(abort.percentage) }) },
    }),
  };
}

function abortStatus(abort: NonNullable<HTTPFaultInjection['abort']>): HttpFault['abort'] | undefined {
  if (abort.httpStatus !== undefined) return { http_status: abort.httpStatus };
  const code = grpcCodes.indexOf((abort.grpcStatus ?? '').toUpperCase());
  if (code >= 0) return { grpc_status: code };
  return /^\d+$/.test(abort.grpcStatus ?? '') ? { grpc_status: Number(abort.grpcStatus) } : undefined;
}

// https://grpc.io/docs/guides/status-codes/: a code is the place of its name.
const grpcCodes: readonly string[] = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS',
  'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED',
  'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED',
]; // prettier-ignore
