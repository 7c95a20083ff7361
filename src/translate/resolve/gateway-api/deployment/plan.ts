// What is deployed for a Gateway: proxies, the Service in front of them, and the account that they run as. The proxies themselves are
// put into the Pods by injection; who applies the plan merges what users laid over it.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment
import { memo } from '../../../../model/memo.ts';
import type { KindMap } from '../../../../model/schema/index.ts';
import { objectKey } from '../../../../model/object.ts';
import { byObjectAge } from '../../order.ts';
import type { GatewayClass } from '../gateway-class.ts';
import { deployedName } from '../listeners/gateway-services.ts';
import type { GatewayResult } from '../listeners/gateways.ts';
import { gatewayLabels, ownMetadata, podLabels, type Metadata } from './metadata.ts';
import { servicePorts } from './ports.ts';

type KubernetesGateway = KindMap['KubernetesGateway'];
type Texts = Readonly<Record<string, string>>;

/** An object as the API server takes it. */
export interface PlannedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface DeploymentPlan {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly objects: readonly PlannedObject[];
  /**
   * Patches in YAML by the name of what they are for (`deployment`, `service`, `serviceAccount`, `horizontalPodAutoscaler`,
   * `podDisruptionBudget`), those of the class first: strategic merges, the later going over the earlier. An autoscaler and a
   * budget are made only where a patch is for them.
   */
  readonly overlays: readonly Texts[];
}

/** Undefined for Gateways whose proxies are none of ours. `systemNamespace` has the overlays of classes. */
export const deploymentPlan = memo(
  (
    { object, gatewayClass, sets, serviceAccount }: GatewayResult,
    configMaps: ReadonlyMap<string, KindMap['ConfigMap']>,
    systemNamespace: string,
  ): DeploymentPlan | undefined => {
    if (gatewayClass.kind === 'remote' || serviceAccount === undefined) return undefined;
    const name = deployedName(object, gatewayClass);
    const listeners = [
      ...(object.spec.listeners ?? []),
      ...sets.flatMap((set) => (set.refusal === undefined ? set.object.spec.listeners : [])),
    ];
    const always = [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: ownMetadata(object, gatewayClass, serviceAccount) },
      deployment(object, gatewayClass, name, serviceAccount),
      service(object, gatewayClass, name, listeners),
    ];
    const overlays = overlaysOf(object, configMaps, systemNamespace);
    const wanted = new Set(overlays.flatMap((overlay) => Object.keys(overlay)));
    return {
      gateway: objectKey(object.metadata.namespace, object.metadata.name),
      objects: [
        ...always,
        ...(wanted.has('horizontalPodAutoscaler') ? [autoscaler(object, gatewayClass, name)] : []),
        ...(wanted.has('podDisruptionBudget') ? [budget(object, gatewayClass, name)] : []),
      ],
      overlays,
    };
  },
);

const selectorOf = ({ metadata }: KubernetesGateway): Texts => ({
  'gateway.networking.k8s.io/gateway-name': metadata.name,
});

function deployment(gateway: KubernetesGateway, ours: GatewayClass, name: string, account: string): PlannedObject {
  const waypoint = ours.kind === 'waypoint';
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: ownMetadata(gateway, ours, name),
    spec: {
      selector: { matchLabels: selectorOf(gateway) },
      template: {
        metadata: {
          annotations: {
            ...ownMetadata(gateway, ours, name).annotations,
            'inject.istio.io/templates': waypoint ? 'waypoint' : 'gateway',
          },
          labels: podLabels(gateway, ours, name),
        },
        spec: {
          serviceAccountName: account,
          // Proxies are nobody's root, and listen on ports below 1024 all the same.
          securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
          // Injection says which image; one without a tag Kubernetes would pull each time, and says so before that.
          containers: [{ name: 'istio-proxy', image: 'auto', imagePullPolicy: 'IfNotPresent' }],
        },
      },
    },
  };
}

function service(
  gateway: KubernetesGateway,
  ours: GatewayClass,
  name: string,
  listeners: Parameters<typeof servicePorts>[0],
): PlannedObject {
  const type =
    gateway.metadata.annotations['networking.istio.io/service-type'] ||
    (ours.kind === 'waypoint' ? 'ClusterIP' : 'LoadBalancer');
  const [address] = gateway.spec.addresses ?? [];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownMetadata(gateway, ours, name),
    spec: {
      type,
      ipFamilyPolicy: 'PreferDualStack',
      ports: servicePorts(listeners),
      selector: selectorOf(gateway),
      ...(type === 'LoadBalancer' && address?.value !== undefined && { loadBalancerIP: address.value }),
    },
  };
}

const autoscaler = (gateway: KubernetesGateway, ours: GatewayClass, name: string): PlannedObject => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: ownMetadata(gateway, ours, name),
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, maxReplicas: 1 },
});

const budget = (gateway: KubernetesGateway, ours: GatewayClass, name: string): PlannedObject => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: ownMetadata(gateway, ours, name),
  spec: { selector: { matchLabels: gatewayLabels(gateway) } },
});

const classLabel = 'gateway.istio.io/defaults-for-class';

/** The oldest ConfigMap for the class, then that of the Gateway itself. */
function overlaysOf(
  { metadata, spec }: KubernetesGateway,
  configMaps: ReadonlyMap<string, KindMap['ConfigMap']>,
  systemNamespace: string,
): readonly Texts[] {
  const [ofClass] = [...configMaps.values()]
    .filter(
      (map) => map.metadata.namespace === systemNamespace && map.metadata.labels[classLabel] === spec.gatewayClassName,
    )
    .toSorted(byObjectAge);
  const reference = spec.infrastructure?.parametersRef;
  const own =
    reference?.group === '' && reference.kind === 'ConfigMap'
      ? configMaps.get(objectKey(metadata.namespace, reference.name))
      : undefined;
  return [ofClass, own].flatMap((map) => (map === undefined ? [] : [map.data]));
}
