// Whether a proxy is who it says: what its node claims has to agree with what its connection proved.
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';

/** Why this node may not have configuration under this identity; undefined if it may. */
export function refusal(node: NodeInfo, identity: WorkloadIdentity): string | undefined {
  const namespaces = [node.metadata['NAMESPACE'], namespaceOfId(node.id)].filter((claim) => claim !== undefined);
  if (namespaces.length === 0) return 'the node names no namespace';
  if (namespaces.some((claim) => claim !== identity.namespace)) return 'the node names another namespace than its own';
  const serviceAccount = node.metadata['SERVICE_ACCOUNT'];
  const itsOwn = serviceAccount === undefined || serviceAccount === identity.serviceAccount;
  return itsOwn ? undefined : 'the node names another service account than its own';
}

/** Of `sidecar~10.0.0.1~pod.namespace~namespace.svc.cluster.local`; undefined for other forms. */
function namespaceOfId(id: string): string | undefined {
  const [, , pod, domain, ...more] = id.split('~');
  if (pod === undefined || domain === undefined || more.length > 0) return undefined;
  return pod.slice(pod.lastIndexOf('.') + 1);
}
