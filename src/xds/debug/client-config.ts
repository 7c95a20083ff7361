// envoy.service.status.v3.ClientConfig of one proxy: what `istioctl proxy-status` prints.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/status/v3/csds.proto
import type { ProxyStatus, TypeStatus } from '../../model/proxy/proxy-status.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';

/** Proto JSON. */
export function clientConfig({ proxy, node, types }: ProxyStatus): object {
  const { CLUSTER_ID, ISTIO_VERSION, NAMESPACE } = node.metadata;
  return {
    node: { id: proxy, metadata: { ...text({ CLUSTER_ID, ISTIO_VERSION, NAMESPACE }) } },
    generic_xds_configs: types.map(genericConfig),
  };
}

/** Proto JSON of envoy.config.core.v3.Node. */
export const nodeMessage = ({ id, cluster, metadata, locality }: NodeInfo): object => ({
  id,
  cluster,
  metadata,
  ...(locality !== undefined && { locality }),
});

function genericConfig(status: TypeStatus): object {
  return {
    type_url: status.type,
    config_status: syncState(status),
    ...(status.sentAt > 0 && { last_updated: new Date(Math.max(status.sentAt, status.ackedAt)).toISOString() }),
    ...(status.lastNack !== undefined && { error_state: { details: status.lastNack } }),
  };
}

/** What was never sent is not out of date. */
export function syncState({ sentAt, synced, lastNack }: TypeStatus): 'NOT_SENT' | 'SYNCED' | 'STALE' | 'ERROR' {
  if (lastNack !== undefined) return 'ERROR';
  if (sentAt === 0) return 'NOT_SENT';
  return synced ? 'SYNCED' : 'STALE';
}

const text = (metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(metadata).filter(([, value]) => typeof value === 'string'));
