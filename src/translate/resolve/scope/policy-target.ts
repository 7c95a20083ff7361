// Which proxies an object is for: all of its namespace, those with certain labels, or those of the gateways it names.
// https://istio.io/latest/docs/reference/config/type/workload-selector/
import { selects } from '../../../model/mesh/labels.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { ObjectMeta } from '../../../model/object.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { PolicyTargetReference, PolicyWorkloadSelector } from '../../../model/schema/index.ts';

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
export const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

/** The class that policies of the root namespace name when they are for all waypoints. */
const waypointClass = 'istio-waypoint';

/**
 * Whether an object of the proxy's namespace or of the root namespace is for this proxy, whatever it is asked for. An object
 * that names its targets is only for gateways of its own namespace; for waypoints there are no others.
 */
export function targetedBy(
  { metadata, spec }: Targeting,
  { type, namespace, labels }: Pick<Proxy, 'type' | 'namespace' | 'labels'>,
  rootNamespace: string,
): boolean {
  const targets = targetsOf(spec);
  if (targets.length === 0)
    return type !== 'waypoint' && selects(spec.selector?.matchLabels ?? spec.workloadSelector?.labels ?? {}, labels);
  const gateway = labels[gatewayNameLabel];
  return (
    gateway !== undefined &&
    targets.some(
      ({ group, kind, name }) =>
        group === 'gateway.networking.k8s.io' &&
        (kind === 'Gateway'
          ? name === gateway && metadata.namespace === namespace
          : kind === 'GatewayClass' &&
            name === waypointClass &&
            type === 'waypoint' &&
            metadata.namespace === rootNamespace),
    )
  );
}

/** Whether the object is for requests to this service, at the waypoint that is in front of it. */
export const targetsService = (
  { metadata, spec }: Targeting,
  { namespace, source }: Pick<Service, 'namespace' | 'source'>,
): boolean =>
  metadata.namespace === namespace &&
  targetsOf(spec).some(
    ({ group = '', kind, name }) =>
      kind === source.kind && name === source.name && group === (kind === 'Service' ? '' : 'networking.istio.io'),
  );

export const targetsOf = ({ targetRef, targetRefs }: Targeting['spec']): readonly PolicyTargetReference[] => [
  ...(targetRef === undefined ? [] : [targetRef]),
  ...(targetRefs ?? []),
];
