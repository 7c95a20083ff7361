// What a Pod says about itself in more than one field.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus
import type { KindMap } from '../schema/index.ts';

/** All its addresses, the primary one first; none before it has one. */
export function podAddresses({ status }: KindMap['Pod']): readonly string[] {
  const listed = (status.podIPs ?? []).flatMap(({ ip }) => ip || []);
  return listed.length > 0 ? listed : status.podIP ? [status.podIP] : [];
}
