// Kubernetes' core kinds, down to the fields that a mesh reads.
// https://kubernetes.io/docs/reference/kubernetes-api/
import type { Redacted } from '../redacted.ts';
import type { Static } from './fields.ts';
import { boolean, int32, intOrString, list, map, openMessage, port, string, text } from './fields.ts';

export const ServicePort = openMessage(
  {
    name: string,
    port,
    protocol: string,
    appProtocol: string,
    targetPort: intOrString,
    nodePort: port,
  },
  ['port'],
);
export type ServicePort = Static<typeof ServicePort>;

export const ServiceSpec = openMessage({
  type: string,
  clusterIP: string,
  clusterIPs: list(string),
  ports: list(ServicePort),
  selector: map(string),
  externalName: string,
  externalIPs: list(string),
  ipFamilies: list(string),
  ipFamilyPolicy: string,
  sessionAffinity: string,
  sessionAffinityConfig: openMessage({ clientIP: openMessage({ timeoutSeconds: int32 }) }),
  internalTrafficPolicy: string,
  externalTrafficPolicy: string,
  trafficDistribution: string,
  publishNotReadyAddresses: boolean,
  loadBalancerIP: string,
  loadBalancerClass: string,
  loadBalancerSourceRanges: list(string),
});
export type ServiceSpec = Static<typeof ServiceSpec>;

export const LoadBalancerIngress = openMessage({
  ip: string,
  ipMode: string,
  hostname: string,
  ports: list(openMessage({ port, protocol: string })),
});
export type LoadBalancerIngress = Static<typeof LoadBalancerIngress>;

export const ServiceStatus = openMessage({ loadBalancer: openMessage({ ingress: list(LoadBalancerIngress) }) });
export type ServiceStatus = Static<typeof ServiceStatus>;

export const ContainerPort = openMessage({ name: string, containerPort: port, hostPort: port, protocol: string }, [
  'containerPort',
]);
export type ContainerPort = Static<typeof ContainerPort>;

export const Probe = openMessage({
  httpGet: openMessage({ path: string, port: intOrString, host: string, scheme: string }),
  tcpSocket: openMessage({ port: intOrString, host: string }),
  grpc: openMessage({ port, service: string }),
});
export type Probe = Static<typeof Probe>;

export const Container = openMessage(
  {
    name: string,
    image: string,
    ports: list(ContainerPort),
    readinessProbe: Probe,
    livenessProbe: Probe,
    startupProbe: Probe,
    restartPolicy: string,
  },
  ['name'],
);
export type Container = Static<typeof Container>;

export const PodSpec = openMessage({
  serviceAccountName: string,
  nodeName: string,
  hostNetwork: boolean,
  hostname: string,
  subdomain: string,
  containers: list(Container),
  initContainers: list(Container),
});
export type PodSpec = Static<typeof PodSpec>;

export const StatusCondition = openMessage({ type: string, status: string }, ['type', 'status']);
export type StatusCondition = Static<typeof StatusCondition>;

export const PodStatus = openMessage({
  phase: string,
  podIP: string,
  podIPs: list(openMessage({ ip: string })),
  hostIP: string,
  conditions: list(StatusCondition),
});
export type PodStatus = Static<typeof PodStatus>;

export const NodeAddress = openMessage({ type: string, address: string }, ['type', 'address']);
export type NodeAddress = Static<typeof NodeAddress>;

export const NodeStatus = openMessage({
  addresses: list(NodeAddress),
  conditions: list(StatusCondition),
  nodeInfo: openMessage({ kubeletVersion: string }),
});
export type NodeStatus = Static<typeof NodeStatus>;

export const ServiceBody = openMessage({ spec: ServiceSpec, status: ServiceStatus }, ['spec', 'status']);
export const PodBody = openMessage({ spec: PodSpec, status: PodStatus }, ['spec', 'status']);
export const NodeBody = openMessage({ status: NodeStatus }, ['status']);
export const NamespaceBody = openMessage({});
export const ServiceAccountBody = openMessage({});

const base64 = text({ pattern: '^[A-Za-z0-9+/=\\s]*$' });
/** `data` and `stringData` are one, in base64, and hidden once parsed. */
export const SecretBody = openMessage({ type: string, data: map(base64), stringData: map(string) });
export interface Validity {
  readonly from: number;
  readonly to: number;
}

export interface SecretFields {
  readonly type: string;
  /** Values in base64, as the API has them. */
  readonly data: Readonly<Record<string, Redacted<string>>>;
  /** Why it cannot be the certificate and key of a server; undefined when it can. */
  readonly keyPairFault: () => string | undefined;
  /** From when until when its certificate is good, in milliseconds since 1970; undefined without a certificate. */
  readonly keyPairValidity: () => Validity | undefined;
  /** Why it cannot be the certificates of authorities; undefined when it can. */
  readonly bundleFault: () => string | undefined;
}

export const ConfigMapBody = openMessage({ data: map(string) }, ['data']);
