// Names, labels and owners of what is deployed for a Gateway; they go when it goes.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#resource-attachment-and-scaling
import type { OwnerReference } from '../../../../model/object.ts';
import type { KindMap } from '../../../../model/schema/index.ts';
import type { GatewayClass } from '../gateway-class.ts';

type KubernetesGateway = KindMap['KubernetesGateway'];
type Texts = Readonly<Record<string, string>>;

export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly ownerReferences?: readonly OwnerReference[];
}

export const gatewayLabels = ({ metadata }: KubernetesGateway): Texts => ({
  'gateway.networking.k8s.io/gateway-name': metadata.name,
});

const managedLabel = 'gateway.istio.io/managed';

const ownLabels = (gateway: KubernetesGateway, { kind }: GatewayClass): Texts => ({
  ...wantedBy(gateway, 'labels'),
  ...gatewayLabels(gateway),
  'gateway.networking.k8s.io/gateway-class-name': gateway.spec.gatewayClassName,
  [managedLabel]: kind === 'waypoint' ? 'istio.io-mesh-controller' : 'istio.io-gateway-controller',
});

export const podLabels = (gateway: KubernetesGateway, gatewayClass: GatewayClass, workload: string): Texts => ({
  'service.istio.io/canonical-name': workload,
  'service.istio.io/canonical-revision': 'latest',
  ...ownLabels(gateway, gatewayClass),
  'sidecar.istio.io/inject': 'true',
});

export function ownMetadata(gateway: KubernetesGateway, gatewayClass: GatewayClass, name: string): Metadata {
  const { metadata } = gateway;
  return {
    name,
    namespace: metadata.namespace,
    labels: ownLabels(gateway, gatewayClass),
    annotations: wantedBy(gateway, 'annotations'),
    ...(metadata.uid !== undefined && {
      ownerReferences: [
        { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: metadata.name, uid: metadata.uid },
      ],
    }),
  };
}

const forTheGatewayOnly: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'gateway.istio.io/name-override',
  'gateway.istio.io/service-account',
  'gateway.istio.io/controller-version',
]);

/** What the Gateway's infrastructure asks for; without it what stands on the Gateway itself. */
function wantedBy({ spec, metadata }: KubernetesGateway, field: 'labels' | 'annotations'): Texts {
  const asked = spec.infrastructure?.[field];
  const all = Object.entries(asked ?? metadata[field]);
  return Object.fromEntries(
    all.filter(
      ([key]) => !forTheGatewayOnly.has(key) && !(asked !== undefined && key.startsWith('gateway.networking.k8s.io/')),
    ),
  );
}
