// What a proxy receives: the target ports of the services that lead to its workload, or those its Sidecar object
// lists instead, and how each is secured.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener
import { memo, memoLast, sharedList } from '../../model/memo.ts';
import type { DestinationPolicy, MeshSettings, MtlsMode, Service, ServicePort } from '../../model/mesh/mesh.ts';
import type { Problem } from '../../model/problem.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { ConnectionPoolSettings, KindMap } from '../../model/schema/index.ts';
import type { SourceRef } from '../../model/source.ts';
import { at, describeSource } from '../../model/source.ts';
import type { InboundPort, InboundView } from '../../model/view.ts';
import type { WorkloadPolicies } from '../../model/mesh/workload-policies.ts';
import { indexPolicies, policyFor } from '../resolve/routing/destination-policy.ts';
import type { PeerAuthentications, WorkloadMtls } from '../resolve/security/peer-authentication.ts';
import { mtlsSources, workloadMtls } from '../resolve/security/peer-authentication.ts';
import { istioProtocol } from '../resolve/services/protocol.ts';
import { workloadPolicies } from './policies.ts';
import type { OwnBasis } from './view-basis.ts';
import { sidecarFor } from './sidecar-scope.ts';
import type { Target } from './targets.ts';

type Sidecar = KindMap['Sidecar'];

/** `targets`: the service ports that lead to the workload, of connections; `policies`: `inboundPolicies` of these. */
export function inboundView(
  from: OwnBasis,
  targets: readonly Target[],
  policies: readonly object[],
  proxy: Proxy,
): InboundView {
  const { mesh, sidecars, mtls } = from;
  const { settings } = mesh;
  const { namespace, labels } = proxy;
  return build(
    settings,
    sidecarFor(sidecars, namespace, labels, settings.rootNamespace),
    mtls(namespace),
    workloadPolicies(from, proxy),
    targets,
    policies,
    proxy,
  );
}

/** What is in force of each target's service for the workload itself; the same list as long as it is the same. */
export const inboundPolicies = memoLast(
  (
    { namespace, labels }: Proxy,
    targets: readonly Target[],
    all: readonly DestinationPolicy[],
    rootNamespace: string,
  ): readonly object[] => {
    const policies = indexPolicies(all);
    return sharedList(
      targets.map(({ service }) => policyFor(policies, service, namespace, labels, rootNamespace) ?? noPolicy),
    );
  },
);

/** Stands for none in lists whose elements are compared by identity. */
const noPolicy: object = {};

const build = memo(
  (
    settings: MeshSettings,
    sidecar: Sidecar | undefined,
    mtls: PeerAuthentications,
    workload: WorkloadPolicies,
    targets: readonly Target[],
    policies: readonly object[],
    proxy: Proxy,
  ): InboundView => {
    const asked = workloadMtls(mtls, proxy.labels);
    const policy = (service: Service): DestinationPolicy | undefined => {
      const own = policies[targets.findIndex((each) => each.service === service)];
      return own === noPolicy ? undefined : (own as DestinationPolicy | undefined);
    };
    const listed = sidecar !== undefined && (sidecar.spec.ingress ?? []).length > 0;
    // Where nothing is intercepted, traffic only comes in where a Sidecar object has a port opened for it.
    const derived = proxy.interceptionMode === 'NONE' ? [] : servicePorts(sidecar, targets, asked, policy);
    const ports = listed ? ingressPorts(sidecar, targets, asked, policy) : derived;
    return view(sharedList(ports), asked, mtlsSources(mtls, proxy.labels), workload, `inbound|${proxy.id}`);
  },
);

/** Services that lead (by `targets`) to a port of the workload and want something else of it than the oldest one does. */
export function inboundConflicts(proxy: Proxy, targets: readonly Target[]): readonly Problem[] {
  const byPort = Map.groupBy(targets, ({ targetPort }) => targetPort);
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
