// When and how often a failed request is tried again.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry
import type { HTTPRetry } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { extension } from '../../typed.ts';

export type RetryPolicy = MessageOf['envoy.config.route.v3.RetryPolicy'];

const defaultRetryOn = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';
const statusCodes = 'retriable-status-codes';

/**
 * Without a policy of the user's, two more attempts for failures that never reached a server. `sticky`: the request
 * belongs to one host (consistent hashing), so another attempt may go to the same one. Undefined: no retries.
 */
export function retryPolicy(policy: HTTPRetry | undefined, sticky: boolean): RetryPolicy | undefined {
  if (policy !== undefined && (policy.attempts ?? 0) <= 0) return undefined;
  return {
    num_retries: policy?.attempts ?? 2,
    ...conditions(policy?.retryOn),
    ...(!sticky && policy?.retryIgnorePreviousHosts !== false && { retry_host_predicate: [previousHosts] }),
    host_selection_retry_max_attempts: 5,
    ...(policy?.perTryTimeout !== undefined && { per_try_timeout: duration(policy.perTryTimeout) }),
    ...(policy?.retryRemoteLocalities === true && { retry_priority: previousPriorities }),
    ...(policy?.backoff !== undefined && { retry_back_off: { base_interval: duration(policy.backoff) } }),
  };
}

const previousHosts = extension(
  'envoy.retry_host_predicates.previous_hosts',
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
  {},
);

const previousPriorities = extension(
  'envoy.retry_priorities.previous_priorities',
  'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
  { update_frequency: 2 },
);

/** Numbers among the conditions are HTTP status codes, which Envoy wants in a field of their own. */
function conditions(retryOn: string | undefined): Pick<RetryPolicy, 'retry_on' | 'retriable_status_codes'> {
  const parts = (retryOn ?? '').split(',').map((part) => part.trim()).filter((part) => part !== ''); // prettier-ignore
  if (parts.length === 0) return { retry_on: defaultRetryOn };
  const codes = parts.filter((part) => /^\d+$/.test(part)).map(Number);
  const names = parts.filter((part) => !/^\d+$/.test(part));
  if (codes.length === 0) return { retry_on: names.join(',') };
  const complete = names.includes(statusCodes) ? names : [...names, statusCodes];
  return { retry_on: complete.join(','), retriable_status_codes: codes };
}
