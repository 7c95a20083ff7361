// What a proxy receives: the target ports of the services that lead to its workload, or those its Sidecar object
// lists instead, and how each is secured.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener
import { memo, sharedList } from '../../model/memo.ts';
import type { DestinationPolicy, MtlsMode, Service, ServiceEndpoints, ServicePort } from '../../model/mesh/mesh.ts';
import { serviceKey } from '../../model/mesh/mesh.ts';
import type { Problem } from '../../model/problem.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { ConnectionPoolSettings, KindMap } from '../../model/schema/index.ts';
import type { SourceRef } from '../../model/source.ts';
import { at, describeSource } from '../../model/source.ts';
import type { InboundPort, InboundView } from '../../model/view.ts';
import type { WorkloadPolicies } from '../../model/mesh/workload-policies.ts';
import { indexPolicies, policyFor } from '../resolve/destination-policy.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { selects } from '../../model/mesh/labels.ts';
import { compareText } from '../resolve/order.ts';
import type { WorkloadMtls } from '../resolve/security/peer-authentication.ts';
import { mtlsSources, workloadMtls } from '../resolve/security/peer-authentication.ts';
import { targetPortOf } from '../resolve/kubernetes/pods.ts';
import { istioProtocol } from '../resolve/protocol.ts';
import { workloadPolicies } from './policies.ts';
import { podNameOf } from './proxy.ts';
import { sidecarFor } from './sidecar-scope.ts';

type Sidecar = KindMap['Sidecar'];
type Pod = KindMap['Pod'];

/** A service port and the port of this workload that it leads to. */
export interface Target {
  readonly service: Service;
  readonly servicePort: ServicePort;
  readonly targetPort: number;
}

export function inboundView(resolved: ResolvedMesh, proxy: Proxy): InboundView {
  const { mesh, sidecars, mtls } = resolved;
  const { settings } = mesh;
  const sidecar = sidecarFor(sidecars, proxy.namespace, proxy.labels, settings.rootNamespace);
  const policies = indexPolicies(mesh.destinationPolicies);
  const targets = serviceTargets(resolved, proxy);
  const asked = workloadMtls(mtls(proxy.namespace), proxy.labels);
  const policy = (service: Service): DestinationPolicy | undefined =>
    policyFor(policies, service, proxy.namespace, proxy.labels, settings.rootNamespace);
  const listed = sidecar !== undefined && (sidecar.spec.ingress ?? []).length > 0;
  // Where nothing is intercepted, traffic only comes in where a Sidecar object has a port opened for it.
  const derived = proxy.interceptionMode === 'NONE' ? [] : servicePorts(sidecar, targets, asked, policy);
  const ports = listed ? ingressPorts(sidecar, targets, asked, policy) : derived;
  const sources = mtlsSources(mtls(proxy.namespace), proxy.labels);
  return view(sharedList(ports), asked, sources, workloadPolicies(resolved, proxy), `inbound|${proxy.id}`);
}

/** Services that lead to a port of the workload and want something else of it than the oldest one does. */
export function inboundConflicts(resolved: ResolvedMesh, proxy: Proxy): readonly Problem[] {
  const byPort = Map.groupBy(serviceTargets(resolved, proxy), ({ targetPort }) => targetPort);
  return [...byPort].flatMap(([targetPort, [winner, ...others]]) =>
    others
      .filter(({ servicePort }) => winner !== undefined && servicePort.protocol !== winner.servicePort.protocol)
      .map(({ service, servicePort }): Problem => ({
        code: 'port-conflict',
        severity: 'warning',
        message: `Port ${targetPort} of ${proxy.id} receives ${winner?.servicePort.protocol} because of ${winner === undefined ? '' : describeSource(winner.service.source)}; that it is ${servicePort.protocol} here is not used.`,
        source: at(service.source, `spec.ports[${service.ports.indexOf(servicePort)}]`),
      })),
  );
}

const view = memo(
  (
    ports: readonly InboundPort[],
    asked: WorkloadMtls,
    mtlsSources: readonly SourceRef[],
    policies: WorkloadPolicies,
    scope: string,
  ): InboundView => ({
    scope,
    ports,
    defaultMtls: asked.mode,
    portMtls: asked.ports,
    mtlsSources,
    policies,
  }),
);

/** The service ports that lead to the workload, by creation time, then host: the first service that leads to a port has it. */
export const serviceTargets = (resolved: ResolvedMesh, proxy: Proxy): readonly Target[] =>
  workloadTargets(resolved, proxy).filter(({ servicePort }) => servicePort.protocol !== 'UDP');

/** The same, and those of UDP. */
export function workloadTargets({ mesh, pods }: ResolvedMesh, proxy: Proxy): readonly Target[] {
  const pod = pods.byName(proxy.namespace, podNameOf(proxy.id, proxy.namespace));
  const byAddress = targetsByAddress(mesh.services, mesh.endpoints);
  const addressed = proxy.ipAddresses.flatMap((address) => byAddress.get(address) ?? []);
  const known = new Set(addressed.map(({ service }) => service));
  // Before it is ready a workload is no endpoint yet, but its proxy has to know what will come.
  const selecting = (selectorsByNamespace(mesh.services).get(proxy.namespace) ?? []).filter(
    (service) => !known.has(service) && selects(service.selector ?? {}, proxy.labels),
  );
  return [...addressed, ...selecting.flatMap((service) => selectedTargets(service, pod))].toSorted(
    (a, b) => compareText(a.service.created, b.service.created) || compareText(a.service.hostname, b.service.hostname),
  );
}

const selectorsByNamespace = memo((services: readonly Service[]) =>
  Map.groupBy(
    services.filter((service) => service.registry === 'Kubernetes' && service.selector !== undefined),
    (service) => service.namespace,
  ),
);

function selectedTargets(service: Service, pod: Pod | undefined): readonly Target[] {
  return service.ports.flatMap((servicePort) => {
    const targetPort = targetPortOf(pod, servicePort.targetPort ?? servicePort.number);
    return targetPort === undefined ? [] : [{ service, servicePort, targetPort }];
  });
}

const targetsByAddress = memo(
  (
    services: readonly Service[],
    endpoints: ReadonlyMap<string, ServiceEndpoints>,
  ): ReadonlyMap<string, readonly Target[]> => {
    const targets = new Map<string, Target[]>();
    for (const service of services) {
      for (const servicePort of service.ports) {
        for (const { address, port } of endpoints.get(serviceKey(service))?.get(servicePort.number) ?? []) {
          const own = targets.get(address) ?? [];
          targets.set(address, own);
          const known = own.some((target) => target.service === service && target.servicePort === servicePort);
          if (!known) own.push({ service, servicePort, targetPort: port });
        }
      }
    }
    return targets;
  },
);

type PolicyOf = (service: Service) => DestinationPolicy | undefined;

function servicePorts(
  sidecar: Sidecar | undefined,
  targets: readonly Target[],
  asked: WorkloadMtls,
  policy: PolicyOf,
): readonly InboundPort[] {
  const byPort = Map.groupBy(targets, (target) => target.targetPort);
  return [...byPort.entries()]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([targetPort, [winner]]) =>
      winner === undefined
        ? []
        : servicePort(
            winner.service,
            winner.servicePort,
            targetPort,
            modeFor(asked, targetPort),
            policy(winner.service),
            sidecar?.spec.inboundConnectionPool,
          ),
    );
}

const modeFor = (asked: WorkloadMtls, port: number): MtlsMode => asked.ports[port] ?? asked.mode;

const servicePort = memo(
  (
    service: Service,
    port: ServicePort,
    targetPort: number,
    mtls: MtlsMode,
    policy: DestinationPolicy | undefined,
    connectionPool: ConnectionPoolSettings | undefined,
  ): InboundPort => ({ source: service.source, targetPort, servicePort: port, service, mtls, policy, connectionPool }),
);

/** The Sidecar's listeners replace all that services would give. */
function ingressPorts(
  sidecar: Sidecar,
  targets: readonly Target[],
  asked: WorkloadMtls,
  policy: PolicyOf,
): readonly InboundPort[] {
  const numbers = (sidecar.spec.ingress ?? []).map(({ port }, i) => [port.number ?? 0, i] as const);
  return numbers
    .toSorted(([a], [b]) => a - b)
    .map(([number, i]) => {
      const leading = targets.find((target) => target.targetPort === number);
      return ingressPort(
        sidecar,
        i,
        leading?.service,
        modeFor(asked, number),
        leading === undefined ? undefined : policy(leading.service),
      );
    });
}

const ingressPort = memo(
  (
    sidecar: Sidecar,
    i: number,
    service: Service | undefined,
    mtls: MtlsMode,
    policy: DestinationPolicy | undefined,
  ): InboundPort => {
    const ingress = sidecar.spec.ingress?.[i];
    const source: SourceRef = at(sidecar.source, `spec.ingress[${i}]`);
    const number = ingress?.port.number ?? 0;
    return {
      source,
      targetPort: number,
      servicePort: { name: ingress?.port.name ?? '', number, protocol: istioProtocol(ingress?.port.protocol) },
      service,
      mtls,
      policy,
      connectionPool: ingress?.connectionPool ?? sidecar.spec.inboundConnectionPool,
      ...(ingress !== undefined && { ingress }),
    };
  },
);
