// The TCP proxy: the network filter that forwards a connection's bytes to a cluster, or to one of several by weight.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto
import { memo } from '../../../model/memo.ts';
import type { DestinationPolicy, MeshSettings } from '../../../model/mesh/mesh.ts';
import type { TrafficPolicy } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { blackHoleCluster } from '../../names.ts';
import { from, merge } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import { accessLog } from './access-log.ts';
import type { ConnectionFacts } from '../listener/listener-facts.ts';
import type { Received, Sent } from '../telemetry/metered.ts';

type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type TcpProxy = MessageOf['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'];

export interface WeightedCluster {
  readonly name: string;
  readonly weight: number;
}

/** Where the connection goes. */
export type TcpTarget =
  | { readonly cluster: string; readonly statPrefix: string }
  | { readonly weighted: readonly WeightedCluster[]; readonly statPrefix: string };

/** To `target`, as the policy of its host (the first of several) and its subset say. `received` and `sent` are canonical. */
export function tcpProxy(
  settings: MeshSettings,
  target: TcpTarget,
  connection: ConnectionFacts,
  policy: DestinationPolicy | undefined,
  subset: string,
  received?: Received,
  sent?: Sent,
): Filter {
  const { idleTimeout } = connection;
  return filter(
    merge<TcpProxy>(
      { stat_prefix: target.statPrefix, ...destination(target) },
      idleTimeout === undefined ? undefined : { idle_timeout: idleTimeout },
      'cluster' in target ? connectionLimits(policy) : undefined,
      hashPolicy(policy, subset),
      tunneling(policy, subset),
      accessLog(settings, connection, 'tcp', received, sent),
    ),
  );
}

/** To a cluster that is no service's: everything else, or the workload itself, for what was `received`. */
export const plainTcpProxy = memo(
  (
    settings: MeshSettings,
    connection: ConnectionFacts,
    cluster: string,
    statPrefix: string,
    received: Received | undefined,
    sent?: Sent,
  ): Filter => tcpProxy(settings, { cluster, statPrefix }, connection, undefined, '', received, sent),
);

/** Ends the connection. It is not logged: such connections are a proxy talking to itself. */
export const blackHole: Filter = filter({ stat_prefix: blackHoleCluster, cluster: blackHoleCluster });

function filter(message: TcpProxy): Filter {
  return extension(
    'envoy.filters.network.tcp_proxy',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    message,
  );
}

function destination(target: TcpTarget): Partial<TcpProxy> {
  if ('cluster' in target) return { cluster: target.cluster };
  const clusters = target.weighted.filter(({ weight }) => weight > 0);
  return clusters.length === 0 ? { cluster: blackHoleCluster } : { weighted_clusters: { clusters } };
}

const policySource = (policy: DestinationPolicy, ...path: readonly string[]): SourceRef =>
  at(policy.trafficPolicySource, ...path);

/** How long a connection may idle and live: the host's settings, which hold for all its ports and subsets. */
function connectionLimits(policy: DestinationPolicy | undefined): Partial<TcpProxy> | undefined {
  const tcp = policy?.trafficPolicy?.connectionPool?.tcp;
  if (policy === undefined || tcp === undefined) return undefined;
  const { idleTimeout, maxConnectionDuration } = tcp;
  return from(policySource(policy, 'connectionPool.tcp'), {
    ...(idleTimeout !== undefined && { idle_timeout: duration(idleTimeout) }),
    ...(maxConnectionDuration !== undefined && {
      max_downstream_connection_duration: duration(maxConnectionDuration),
    }),
  });
}

/** Of consistent hashing only the source address makes sense without requests; a subset's own load balancing decides alone. */
function hashPolicy(policy: DestinationPolicy | undefined, subset: string): Partial<TcpProxy> | undefined {
  const [source, block] = blockOf(policy, subset, 'loadBalancer') ?? [];
  if (source === undefined || block?.consistentHash?.useSourceIp !== true) return undefined;
  return from(source, { hash_policy: [{ source_ip: {} }] });
}

/** HTTP CONNECT, or POST, to the destination through the cluster. */
function tunneling(policy: DestinationPolicy | undefined, subset: string): Partial<TcpProxy> | undefined {
  const [source, block] = blockOf(policy, subset, 'tunnel') ?? [];
  if (source === undefined || block === undefined) return undefined;
  const host = block.targetHost.includes(':') ? `[${block.targetHost}]` : block.targetHost;
  const post = block.protocol?.toUpperCase() === 'POST';
  return from(source, {
    tunneling_config: { hostname: `${host}:${block.targetPort}`, ...(post && { use_post: true }) },
  });
}

/** The subset's block where it has one, else the host's. */
function blockOf<B extends 'loadBalancer' | 'tunnel'>(
  policy: DestinationPolicy | undefined,
  subsetName: string,
  block: B,
): readonly [SourceRef, NonNullable<TrafficPolicy[B]>] | undefined {
  if (policy === undefined) return undefined;
  const subset = subsetName === '' ? undefined : policy.subsets.find(({ name }) => name === subsetName);
  const own = subset?.trafficPolicy?.[block];
  if (subset !== undefined && own !== undefined) return [at(subset.source, 'trafficPolicy', block), own];
  const host = policy.trafficPolicy?.[block];
  return host === undefined ? undefined : [policySource(policy, block), host];
}
