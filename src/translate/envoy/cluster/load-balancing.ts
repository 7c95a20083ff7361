// Load balancing: which host of a cluster gets the next request.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings
import type { LoadBalancerSettings } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { from } from '../../provenance.ts';
import type { Sourced } from './traffic-policy.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type SlowStartConfig = MessageOf['envoy.config.cluster.v3.Cluster.SlowStartConfig'];

const leastRequest: Partial<Cluster> = { lb_policy: 'LEAST_REQUEST' };

/** Whether connections go wherever the caller addressed them, past all balancing. */
export const passesThrough = (settings: LoadBalancerSettings | undefined): boolean =>
  settings?.simple === 'PASSTHROUGH';

export function loadBalancing(policy: Sourced<LoadBalancerSettings> | undefined): Partial<Cluster> {
  if (policy === undefined) return leastRequest;
  const hashed = consistentHash(policy.value.consistentHash);
  return from(policy.source, hashed ?? simple(policy.value));
}

function simple(settings: LoadBalancerSettings): Partial<Cluster> {
  const slowStart = slowStartConfig(settings);
  switch (settings.simple) {
    case 'RANDOM':
      return { lb_policy: 'RANDOM' };
    case 'ROUND_ROBIN':
      return {
        lb_policy: 'ROUND_ROBIN',
        ...(slowStart !== undefined && { round_robin_lb_config: { slow_start_config: slowStart } }),
      };
    default:
      return {
        ...leastRequest,
        ...(slowStart !== undefined && { least_request_lb_config: { slow_start_config: slowStart } }),
      };
  }
}

/** A new host gets its full share only after the window; `aggression` bends the curve. */
function slowStartConfig({ warmup, warmupDurationSecs }: LoadBalancerSettings): SlowStartConfig | undefined {
  if (warmup?.duration !== undefined) {
    return {
      slow_start_window: duration(warmup.duration),
      // Envoy wants a runtime key; nobody looks this one up.
      aggression: { default_value: warmup.aggression ?? 1, runtime_key: '(' },
      min_weight_percent: { value: warmup.minimumPercent ?? 10 },
    };
  }
  return warmupDurationSecs === undefined ? undefined : { slow_start_window: duration(warmupDurationSecs) };
}

function consistentHash(hash: LoadBalancerSettings['consistentHash']): Partial<Cluster> | undefined {
  if (hash === undefined) return undefined;
  if (hash.maglev !== undefined) {
    const size = hash.maglev.tableSize;
    return {
      lb_policy: 'MAGLEV',
      ...(size !== undefined && size > 0 && { maglev_lb_config: { table_size: size } }),
    };
  }
  const minimum = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize;
  return {
    lb_policy: 'RING_HASH',
    ring_hash_lb_config: { minimum_ring_size: minimum === undefined || minimum === 0 ? 1024 : minimum },
  };
}
