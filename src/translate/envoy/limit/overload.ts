// Limits that find themselves: as many requests at a time as the workload answers without delay, and fewer of them the more
// it fails.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/admission_control_filter
import { at } from '../../../model/source.ts';
import type { WorkloadLimits } from '../../../model/mesh/workload-policies.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { from } from '../../provenance.ts';
import { extension } from '../../typed.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type AdaptiveConcurrency = MessageOf['envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency'];
type AdmissionControl = MessageOf['envoy.extensions.filters.http.admission_control.v3.AdmissionControl'];

export const overloadFilters = ({ policy }: WorkloadLimits): readonly HttpFilter[] => [
  ...admissionControl(policy),
  ...adaptiveConcurrency(policy),
];

const enabled = { default_value: true } as const;

function adaptiveConcurrency({ spec, source }: WorkloadLimits['policy']): readonly HttpFilter[] {
  const asked = spec.adaptiveConcurrency;
  if (asked === undefined) return [];
  const { latencyPercentile = 50, maxConcurrency = 1000 } = asked;
  const message: AdaptiveConcurrency = {
    gradient_controller_config: {
      sample_aggregate_percentile: { value: latencyPercentile },
      concurrency_limit_params: {
        max_concurrency_limit: maxConcurrency,
        concurrency_update_interval: duration(asked.updateInterval ?? '100ms'),
      },
      min_rtt_calc_params: {
        interval: duration(asked.minLatencyInterval ?? '60s'),
        request_count: asked.minLatencyRequests ?? 50,
        jitter: { value: 10 },
      },
    },
    enabled,
  };
  const type = 'envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency';
  return [
    extension('envoy.filters.http.adaptive_concurrency', type, from(at(source, 'spec.adaptiveConcurrency'), message)),
  ];
}

function admissionControl({ spec, source }: WorkloadLimits['policy']): readonly HttpFilter[] {
  const asked = spec.admissionControl;
  if (asked === undefined) return [];
  const message: AdmissionControl = {
    enabled,
    // What callers do wrong is no failure of the workload.
    success_criteria: { http_criteria: { http_success_status: [{ start: 100, end: 500 }] } },
    sampling_window: duration(asked.window ?? '30s'),
    sr_threshold: { default_value: { value: asked.successThreshold ?? 95 }, runtime_key: 'keelson.admission.success' },
    rps_threshold: { default_value: asked.minRequestsPerSecond ?? 5, runtime_key: 'keelson.admission.rate' },
    max_rejection_probability: {
      default_value: { value: asked.maxRejection ?? 80 },
      runtime_key: 'keelson.admission.rejection',
    },
  };
  const type = 'envoy.extensions.filters.http.admission_control.v3.AdmissionControl';
  return [extension('envoy.filters.http.admission_control', type, from(at(source, 'spec.admissionControl'), message))];
}
