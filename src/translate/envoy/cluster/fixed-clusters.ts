// Clusters that are no service's: nowhere, and wherever the connection was going, outbound and inbound.
// https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/
import { memo } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { LoadLimit } from '../../../model/mesh/workload-policies.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { blackHoleCluster, inboundPassthroughCluster, passthroughCluster, statName } from '../../names.ts';
import { connectionSettings, passthroughOptions } from './connection-pool.ts';
import type { InboundFacts } from './inbound-cluster.ts';
import { sourceAddress } from './inbound-cluster.ts';
import { duration } from '../../duration.ts';
import type { ClusterFacts } from './outbound-cluster.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

const resource = (message: Cluster & { readonly name: string }): Resource => ({
  type: resourceTypes.cluster,
  name: message.name,
  message,
});

/** Only a sidecar knows where a connection was going; of a waypoint it was told, and what it was not told leads nowhere. */
export const outboundFixedClusters = memo((settings: MeshSettings, { proxyType }: ClusterFacts): readonly Resource[] =>
  proxyType === 'waypoint'
    ? []
    : [
        resource({
          name: blackHoleCluster,
          type: 'STATIC',
          alt_stat_name: statName(blackHoleCluster),
          connect_timeout: duration(settings.connectTimeout ?? '10s'),
        }),
        ...(proxyType === 'sidecar' ? [resource({ name: passthroughCluster, ...passthrough(settings, []) })] : []),
      ],
);

/** `loads`, a shared list, hold for all ports together that nobody names. */
export const inboundFixedClusters = memo(
  (settings: MeshSettings, facts: InboundFacts, loads: readonly LoadLimit[]): readonly Resource[] => [
    resource({
      name: inboundPassthroughCluster,
      ...passthrough(settings, loads),
      ...sourceAddress(ofAnyFamily(facts)),
    }),
  ],
);

/** Connections to ports that nobody names come in at any address that the workload has. */
const ofAnyFamily = ({ families }: InboundFacts): Pick<InboundFacts, 'families'> => ({
  families: families === 'first' ? 'both' : families,
});

/** Both count under the outbound one's name, as dashboards expect. */
const passthrough = (settings: MeshSettings, loads: readonly LoadLimit[]): Partial<Cluster> => ({
  type: 'ORIGINAL_DST',
  lb_policy: 'CLUSTER_PROVIDED',
  alt_stat_name: statName(passthroughCluster),
  ...connectionSettings(settings, undefined, undefined, loads),
  ...passthroughOptions(settings),
});
