// Which services lead to a workload: by its address among their endpoints, or by selecting it before it is one.
// https://kubernetes.io/docs/concepts/services-networking/service/
import { memo, memoLast, sharedFields, sharedList } from '../../model/memo.ts';
import { selects } from '../../model/mesh/labels.ts';
import type { Mesh, MeshSettings, Service, ServiceEndpoints, ServicePort } from '../../model/mesh/mesh.ts';
import { serviceKey } from '../../model/mesh/mesh.ts';
import { isDatagram, portKey } from '../../model/mesh/service-port.ts';
import { changedKeys, withValues } from '../../model/patched-map.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import { stretch } from '../../model/stretch.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { targetPortOf } from '../resolve/kubernetes/pods.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { compareText } from '../resolve/order.ts';
import { podNameOf } from './proxy.ts';

type Pod = KindMap['Pod'];

/** A service port and the port of this workload that it leads to. */
export interface Target {
  readonly service: Service;
  readonly servicePort: ServicePort;
  readonly targetPort: number;
}

/** What leads to workloads. */
export interface TargetSources {
  readonly pods: ResolvedMesh['pods'];
  readonly byAddress: Targets;
  readonly selecting: ReadonlyMap<string, readonly Service[]>;
}

/** The same object while all of it is. */
export const targetSources = memo(({ mesh, pods }: ResolvedMesh): TargetSources =>
  sharedFields({ pods, byAddress: targetsByAddress(mesh), selecting: selectorsByNamespace(mesh.services) }),
);

/** The service ports that lead to the workload, by creation time, then host: the first service that leads to a port has it. */
export const serviceTargets = (sources: TargetSources, proxy: Proxy): readonly Target[] =>
  ofConnections(workloadTargets(sources, proxy));

const ofConnections = memo((targets: readonly Target[]): readonly Target[] =>
  targets.filter(({ servicePort }) => !isDatagram(servicePort)),
);

/** The same, and those of UDP. The same list for a workload as long as the same services lead to it. */
export function workloadTargets({ pods, byAddress, selecting }: TargetSources, proxy: Proxy): readonly Target[] {
  const pod = pods.byName(proxy.namespace, podNameOf(proxy.id, proxy.namespace));
  const [first = none, ...others] = proxy.ipAddresses.map((address) => byAddress.get(address) ?? none);
  const addressed = others.length === 0 ? first : sharedList([...first, ...others.flat()]);
  return targetsFrom(proxy, addressed, selecting.get(proxy.namespace) ?? none, pod);
}

/** Before it is ready a workload is no endpoint yet, but its proxy has to know what will come. */
const targetsFrom = memoLast(
  (proxy: Proxy, addressed: readonly Target[], services: readonly Service[], pod: Pod | undefined) =>
    withSelecting(addressed, selectingServices(services, proxy.labels), pod),
);

const withSelecting = memo(
  (addressed: readonly Target[], selecting: readonly Service[], pod: Pod | undefined): readonly Target[] => {
    const known = new Set(addressed.map(({ service }) => service));
    const further = selecting.filter((service) => !known.has(service));
    return sharedList(
      [...addressed, ...further.flatMap((service) => selectedTargets(service, pod))].toSorted(
        (a, b) =>
          compareText(a.service.created, b.service.created) ||
          compareText(a.service.hostname, b.service.hostname) ||
          compareText(a.service.namespace, b.service.namespace),
      ),
    );
  },
);

const selectingServices = memo((services: readonly Service[], labels: Proxy['labels']): readonly Service[] =>
  sharedList(services.filter((service) => selects(service.selector ?? {}, labels))),
);

const none: readonly never[] = [];

/** Those of each namespace that select workloads. */
const selectorsByNamespace = memo((services: readonly Service[]) => {
  const selecting = services.filter((service) => service.registry === 'Kubernetes' && service.selector !== undefined);
  const grouped = Map.groupBy(selecting, (service) => service.namespace);
  return new Map([...grouped].map(([namespace, own]) => [namespace, sharedList(own)]));
});

function selectedTargets(service: Service, pod: Pod | undefined): readonly Target[] {
  return service.ports.flatMap((servicePort) => {
    const targetPort = targetPortOf(pod, servicePort);
    return targetPort === undefined ? [] : [target(service, servicePort, targetPort)];
  });
}

type Targets = ReadonlyMap<string, readonly Target[]>;
type EndpointMap = ReadonlyMap<string, ServiceEndpoints>;

/** After a change only the services are looked at that it is about. */
function targetsByAddress(mesh: Mesh): Targets {
  const last = lastTargets(mesh.settings);
  const { known } = last;
  if (known?.endpoints === mesh.endpoints && known.services === mesh.services) return known.targets;
  const { services, endpoints } = mesh;
  const targets = known === undefined ? allTargets(services, endpoints) : nextTargets(services, endpoints, known);
  last.known = { services, endpoints, targets };
  return targets;
}

interface KnownTargets {
  readonly services: readonly Service[];
  readonly endpoints: EndpointMap;
  readonly targets: Targets;
}

const lastTargets = memo((_settings: MeshSettings): { known?: KnownTargets } => ({}));

const servicesByKey = memo((services: readonly Service[]) => Map.groupBy(services, serviceKey));

function allTargets(services: readonly Service[], endpoints: EndpointMap): Targets {
  const targets = new Map<string, readonly Target[]>();
  for (const service of services)
    for (const [address, own] of targetsOf(service, endpoints))
      targets.set(address, [...(targets.get(address) ?? []), ...own]);
  return targets;
}

function nextTargets(services: readonly Service[], endpoints: EndpointMap, known: KnownTargets): Targets {
  const { gone, come } = stretch(known.services, services);
  const keys = changedKeys(known.endpoints, endpoints);
  const concerned = (all: readonly Service[]): readonly Service[] =>
    keys.flatMap((key) => servicesByKey(all).get(key) ?? []);
  const changed = new Map<string, readonly Target[]>();
  const at = (address: string): readonly Target[] => changed.get(address) ?? known.targets.get(address) ?? none;
  for (const service of new Set([...gone, ...concerned(known.services)]))
    for (const address of targetsOf(service, known.endpoints).keys())
      changed.set(
        address,
        at(address).filter((each) => each.service !== service),
      );
  for (const service of new Set([...come, ...concerned(services)]))
    for (const [address, own] of targetsOf(service, endpoints)) changed.set(address, [...at(address), ...own]);
  return withValues(known.targets, changed);
}

/** What leads to an address because of one service. */
function targetsOf(service: Service, endpoints: EndpointMap): Targets {
  const found = new Map<string, Target[]>();
  for (const servicePort of service.ports)
    for (const { address, port } of endpoints.get(serviceKey(service))?.get(portKey(servicePort)) ?? []) {
      const own = found.get(address) ?? [];
      found.set(address, own);
      if (!own.some((each) => each.servicePort === servicePort)) own.push(target(service, servicePort, port));
    }
  return found;
}

const target = memo((service: Service, servicePort: ServicePort, targetPort: number): Target => ({
  service,
  servicePort,
  targetPort,
}));
