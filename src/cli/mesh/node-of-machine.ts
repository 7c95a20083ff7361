// The node that the Envoy of a machine outside Kubernetes presents itself with: it registers for its WorkloadGroup.
// https://istio.io/latest/docs/reference/config/networking/workload-group/
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { isProbed } from '../../xds/health/workload-probe.ts';

export function nodeOfMachine(
  { metadata: { name, namespace }, spec }: KindMap['WorkloadGroup'],
  address: string,
  network = spec.template.network ?? '',
): NodeInfo {
  const host = `${name}-${address.replaceAll(/[.:]/g, '-')}`;
  const labels = { ...spec.template.labels, ...spec.metadata?.labels };
  return {
    id: `sidecar~${address}~${host}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels['app'] ?? name}.${namespace}`,
    metadata: {
      NAME: host,
      NAMESPACE: namespace,
      AUTO_REGISTER_GROUP: name,
      INSTANCE_IPS: address,
      SERVICE_ACCOUNT: spec.template.serviceAccount || 'default',
      WORKLOAD_NAME: name,
      LABELS: labels,
      STDOUT_STREAM: 'true',
      ...(network !== '' && { NETWORK: network }),
      ...(isProbed(spec.probe) && { HEALTH_DISCOVERY: 'true' }),
    },
  };
}
