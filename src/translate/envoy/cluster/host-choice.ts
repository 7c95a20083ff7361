// How a cluster's hosts are made use of: how many connections they get, which of them the next request, and which none for a
// while.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/load_balancing
import type { MeshSettings, Resolution, Service } from '../../../model/mesh/mesh.ts';
import type { ServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { LocalityRule } from '../endpoint/locality.ts';
import { weighsLocalities, zoneAwareness } from '../endpoint/locality.ts';
import { connectionSettings } from './connection-pool.ts';
import { loadBalancing } from './load-balancing.ts';
import { outlierDetection } from './outlier-detection.ts';
import type { EffectivePolicy } from './traffic-policy.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

/** Parts of the cluster's message. */
export const towardsHosts = (
  settings: MeshSettings,
  view: ServiceView,
  policy: EffectivePolicy,
  found: Resolution,
  rule: LocalityRule | undefined,
): readonly Partial<Cluster>[] => [
  connectionSettings(settings, policy.connectionPool, policy.retryBudget, view.limits),
  found === 'passthrough' || found === 'dynamic-dns'
    ? { lb_policy: 'CLUSTER_PROVIDED' }
    : loadBalancing(policy.loadBalancer),
  outlierDetection(policy.outlierDetection),
  { common_lb_config: commonLbConfig(settings, view.service, policy, found, rule) },
];

/** Panic is off by default: unhealthy hosts get nothing rather than everything. */
export function commonLbConfig(
  settings: MeshSettings,
  service: Service,
  policy: EffectivePolicy,
  found: Resolution,
  rule: LocalityRule | undefined,
): NonNullable<Cluster['common_lb_config']> {
  const healthy = policy.outlierDetection?.value.minHealthPercent ?? 0;
  const zoneAware = zoneAwareness(settings, policy);
  return {
    healthy_panic_threshold: healthy > 0 ? { value: healthy } : {},
    ...(service.session !== undefined && { override_host_status: { statuses: sessionStatuses } }),
    ...(zoneAware !== undefined
      ? {
          zone_aware_lb_config: {
            ...(zoneAware.minClusterSize !== undefined && { min_cluster_size: zoneAware.minClusterSize }),
          },
        }
      : found !== 'passthrough' && weighsLocalities(rule) && { locality_weighted_lb_config: {} }),
  };
}

/** A client keeps its endpoint while that one can still answer. */
const sessionStatuses = ['HEALTHY', 'DRAINING', 'UNKNOWN', 'DEGRADED'] as const;
