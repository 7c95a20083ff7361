// What a proxy receives: the target ports of the services that lead to its workload, or those its Sidecar object
// lists instead, and how each is secured.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener
import { memo, sharedList } from '../../model/memo.ts';
import type { DestinationPolicy, MtlsMode, Service, ServiceEndpoints, ServicePort } from '../../model/mesh.ts';
import { serviceKey } from '../../model/mesh.ts';
import type { Proxy } from '../../model/proxy.ts';
import type { ConnectionPoolSettings, KindMap } from '../../model/schema/index.ts';
import type { SourceRef } from '../../model/source.ts';
import { at } from '../../model/source.ts';
import type { InboundPort, InboundView } from '../../model/view.ts';
import { indexPolicies, policyFor } from '../resolve/destination-policy.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { compareText } from '../resolve/order.ts';
import type { WorkloadMtls } from '../resolve/peer-authentication.ts';
import { workloadMtls } from '../resolve/peer-authentication.ts';
import { targetPortOf } from '../resolve/pods.ts';
import { istioProtocol } from '../resolve/protocol.ts';
import { sidecarFor } from './sidecar-scope.ts';

type Sidecar = KindMap['Sidecar'];
type Pod = KindMap['Pod'];

/** A service port and the port of this workload that it leads to. */
interface Target {
  readonly service: Service;
  readonly servicePort: ServicePort;
  readonly targetPort: number;
}

export function inboundView(resolved: ResolvedMesh, proxy: Proxy, selectors: ServiceSelectors): InboundView {
  const { mesh, sidecars, mtls } = resolved;
  const { settings } = mesh;
  const sidecar = sidecarFor(sidecars, proxy.namespace, proxy.labels, settings.rootNamespace);
  const policies = indexPolicies(mesh.destinationPolicies);
  const targets = targetsOf(resolved, proxy, selectors);
  const asked = workloadMtls(mtls(proxy.namespace), proxy.labels);
  const policy = (service: Service): DestinationPolicy | undefined => policyFor(policies, service, proxy.namespace, proxy.labels, settings.rootNamespace);
  const listed = sidecar !== undefined && (sidecar.spec.ingress ?? []).length > 0;
  // Where nothing is intercepted, traffic only comes in where a Sidecar object has a port opened for it.
  const derived = proxy.interceptionMode === 'NONE' ? [] : servicePorts(sidecar, targets, asked, policy);
  const ports = listed ? ingressPorts(sidecar, targets, asked, policy) : derived;
  return view(sharedList(ports), asked, `inbound|${proxy.id}`);
}

const view = memo(
  (ports: readonly InboundPort[], asked: WorkloadMtls, scope: string): InboundView => ({ scope, ports, defaultMtls: asked.mode, portMtls: asked.ports }),
);

/** Kubernetes Services that select Pods, by namespace. */
export type ServiceSelectors = (service: Service, labels: Readonly<Record<string, string>>) => boolean;

/** By creation time, then host: the first service that leads to a port has it. */
function targetsOf({ mesh, pods }: ResolvedMesh, proxy: Proxy, selects: ServiceSelectors): readonly Target[] {
  const pod = pods.byName(proxy.namespace, proxy.id.slice(0, -proxy.namespace.length - 1));
  return mesh.services
    .flatMap((service) => {
      if (service.namespace === proxy.namespace && selects(service, proxy.labels)) return selectedTargets(service, pod);
      return addressedTargets(service, mesh.endpoints.get(serviceKey(service)), proxy.ipAddresses);
    })
    .toSorted((a, b) => compareText(a.service.created, b.service.created) || compareText(a.service.hostname, b.service.hostname));
}

function selectedTargets(service: Service, pod: Pod | undefined): readonly Target[] {
  return service.ports.flatMap((servicePort) => {
    const targetPort = targetPortOf(pod, servicePort.targetPort ?? servicePort.number);
    return targetPort === undefined || servicePort.protocol === 'UDP' ? [] : [{ service, servicePort, targetPort }];
  });
}

const addressedTargets = (service: Service, endpoints: ServiceEndpoints | undefined, addresses: readonly string[]): readonly Target[] =>
  service.ports.flatMap((servicePort) => {
    const own = (endpoints?.get(servicePort.number) ?? []).find((endpoint) => addresses.includes(endpoint.address));
    return own === undefined || servicePort.protocol === 'UDP' ? [] : [{ service, servicePort, targetPort: own.port }];
  });

type PolicyOf = (service: Service) => DestinationPolicy | undefined;

function servicePorts(sidecar: Sidecar | undefined, targets: readonly Target[], asked: WorkloadMtls, policy: PolicyOf): readonly InboundPort[] {
  const byPort = Map.groupBy(targets, (target) => target.targetPort);
  return [...byPort.entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([targetPort, group]) => {
      const [winner] = group as [Target, ...Target[]];
      return servicePort(winner.service, winner.servicePort, targetPort, sharedList([...new Set(group.map((target) => target.service))]), modeFor(asked, targetPort), policy(winner.service), sidecar?.spec.inboundConnectionPool);
    });
}

const modeFor = (asked: WorkloadMtls, port: number): MtlsMode => asked.ports[port] ?? asked.mode;

const servicePort = memo(
  (
    service: Service,
    port: ServicePort,
    targetPort: number,
    services: readonly Service[],
    mtls: MtlsMode,
    policy: DestinationPolicy | undefined,
    connectionPool: ConnectionPoolSettings | undefined,
  ): InboundPort => ({ source: service.source, targetPort, servicePort: port, service, services, mtls, policy, connectionPool }),
);

/** The Sidecar's listeners replace all that services would give. */
function ingressPorts(sidecar: Sidecar, targets: readonly Target[], asked: WorkloadMtls, policy: PolicyOf): readonly InboundPort[] {
  return (sidecar.spec.ingress ?? []).map((_, i) => {
    const number = sidecar.spec.ingress?.[i]?.port.number ?? 0;
    const leading = targets.filter((target) => target.targetPort === number);
    return ingressPort(sidecar, i, sharedList([...new Set(leading.map((target) => target.service))]), modeFor(asked, number), leading[0] === undefined ? undefined : policy(leading[0].service));
  });
}

const ingressPort = memo((sidecar: Sidecar, i: number, services: readonly Service[], mtls: MtlsMode, policy: DestinationPolicy | undefined): InboundPort => {
  const ingress = sidecar.spec.ingress?.[i];
  const source: SourceRef = at(sidecar.source, `spec.ingress[${i}]`);
  const number = ingress?.port.number ?? 0;
  return {
    source,
    targetPort: number,
    servicePort: { name: ingress?.port.name ?? '', number, protocol: istioProtocol(ingress?.port.protocol) },
    service: services[0],
    services,
    mtls,
    policy,
    connectionPool: ingress?.connectionPool ?? sidecar.spec.inboundConnectionPool,
    ...(ingress !== undefined && { ingress }),
  };
});

/** What every Kubernetes Service selects, from the objects themselves. */
export const serviceSelectors = memo((objects: ReadonlyMap<string, KindMap['Service']>): ServiceSelectors => {
  return (service, labels) => {
    if (service.registry !== 'Kubernetes') return false;
    const selector = objects.get(`${service.namespace}/${service.name}`)?.spec.selector ?? {};
    const pairs = Object.entries(selector);
    return pairs.length > 0 && pairs.every(([key, value]) => labels[key] === value);
  };
});

