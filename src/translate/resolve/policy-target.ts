// Which proxies an object is for: all of its namespace, those with certain labels, or those of the gateways it names.
// https://istio.io/latest/docs/reference/config/type/workload-selector/
import { selects } from '../../model/labels.ts';
import type { ObjectMeta } from '../../model/object.ts';
import type { Proxy } from '../../model/proxy.ts';
import type { PolicyTargetReference, PolicyWorkloadSelector } from '../../model/schema/index.ts';

interface Targeting {
  readonly metadata: Pick<ObjectMeta, 'namespace'>;
  readonly spec: {
    readonly selector?: PolicyWorkloadSelector;
    readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
    readonly targetRef?: PolicyTargetReference;
    readonly targetRefs?: readonly PolicyTargetReference[];
  };
}

/** The label of a proxy that a Gateway of Gateway API was given for its own. */
const gatewayLabel = 'gateway.networking.k8s.io/gateway-name';

/**
 * Whether an object of the proxy's namespace or of the root namespace is for this proxy. An object that names its targets is
 * only for gateways of its own namespace.
 */
export function targetedBy(
  { metadata, spec }: Targeting,
  { namespace, labels }: Pick<Proxy, 'namespace' | 'labels'>,
): boolean {
  const targets = [...(spec.targetRef === undefined ? [] : [spec.targetRef]), ...(spec.targetRefs ?? [])];
  if (targets.length === 0) return selects(spec.selector?.matchLabels ?? spec.workloadSelector?.labels ?? {}, labels);
  const gateway = labels[gatewayLabel];
  return (
    gateway !== undefined &&
    metadata.namespace === namespace &&
    targets.some(({ kind, name }) => kind === 'Gateway' && name === gateway)
  );
}
