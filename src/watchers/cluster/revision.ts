// Which objects a control plane of a revision reads: those without a revision's label are everybody's, the others only of the
// revision that they name. Gateways of Gateway API are read by all, so that nothing goes out while one is handed over: their
// label says who deploys them and writes their status. Objects of Kubernetes' own kinds have the label for injection.
// https://istio.io/latest/docs/reference/config/labels/#IoIstioRev
import type { KubernetesMetadata } from '../../kubernetes/resource.ts';
import type { Kind } from '../../model/schema/index.ts';
import type { KindRow } from '../kinds.ts';

export const revisionLabel = 'istio.io/rev';

const gatewayApi = 'gateway.networking.k8s.io';
const readByAll: ReadonlySet<Kind> = new Set(['KubernetesGateway', 'ListenerSet', 'GatewayClass']);

export function isOfRevision(
  { kind, group }: Pick<KindRow, 'kind' | 'group'>,
  { labels }: Pick<KubernetesMetadata, 'labels'>,
  revision: string,
): boolean {
  const named = labels?.[revisionLabel];
  if (named === undefined || named === revision) return true;
  const isConfiguration = group.endsWith('.istio.io') || group.endsWith('.keelson.io') || group === gatewayApi;
  return !isConfiguration || readByAll.has(kind);
}
