// Outlier detection: when a host that fails is left out for a while.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection
import type { OutlierDetection } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { from } from '../../provenance.ts';
import type { Sourced } from './traffic-policy.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type EnvoyOutlierDetection = MessageOf['envoy.config.cluster.v3.OutlierDetection'];

export const outlierDetection = (policy: Sourced<OutlierDetection> | undefined): Partial<Cluster> =>
  policy === undefined ? {} : from(policy.source, { outlier_detection: detection(policy.value) });

/** Success rates are never judged: Istio's API has no words for them. */
function detection(policy: OutlierDetection): EnvoyOutlierDetection {
  const errors = policy.consecutive5xxErrors ?? policy.consecutiveErrors ?? undefined;
  const gateway = policy.consecutiveGatewayErrors;
  const local = policy.consecutiveLocalOriginFailures;
  return {
    enforcing_success_rate: 0,
    ...(errors !== undefined && { consecutive_5xx: errors, enforcing_consecutive_5xx: enforced(errors) }),
    ...(gateway !== undefined && {
      consecutive_gateway_failure: gateway,
      enforcing_consecutive_gateway_failure: enforced(gateway),
    }),
    ...(policy.splitExternalLocalOriginErrors === true && {
      split_external_local_origin_errors: true,
      enforcing_local_origin_success_rate: 0,
      ...(local !== undefined && {
        consecutive_local_origin_failure: local,
        enforcing_consecutive_local_origin_failure: enforced(local),
      }),
    }),
    ...(policy.interval !== undefined && { interval: duration(policy.interval) }),
    ...(policy.baseEjectionTime !== undefined && { base_ejection_time: duration(policy.baseEjectionTime) }),
    ...(policy.maxEjectionPercent !== undefined &&
      policy.maxEjectionPercent > 0 && { max_ejection_percent: policy.maxEjectionPercent }),
  };
}

/** Zero switches a detector off. */
const enforced = (threshold: number): number => (threshold > 0 ? 100 : 0);
