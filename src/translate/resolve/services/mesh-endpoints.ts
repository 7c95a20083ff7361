// The endpoints of all services. After a change only the services are looked at whose slices or Pods are others.
// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import { memo } from '../../../model/memo.ts';
import type { MeshSettings, Service, ServiceEndpoints } from '../../../model/mesh/mesh.ts';
import { serviceKey } from '../../../model/mesh/mesh.ts';
import { podAddresses } from '../../../model/mesh/pod.ts';
import { objectKey } from '../../../model/object.ts';
import { changedKeys, withValues } from '../../../model/patched-map.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import type { SnapshotObjects } from '../../../model/snapshot.ts';
import { byName, kubernetesEndpoints, serviceOfSlice, slicesByService } from '../kubernetes/kubernetes-endpoints.ts';
import { indexPods } from '../kubernetes/pods.ts';
import type { NetworkOf } from '../settings/networks.ts';
import { byObjectAge } from '../order.ts';
import type { PeerAuthentications } from '../security/peer-authentication.ts';
import { selectedWorkloadEntries, serviceEntryEndpoints } from '../service-entry/service-entry-endpoints.ts';

type EndpointSlice = KindMap['EndpointSlice'];
type Pod = KindMap['Pod'];
type Objects = Pick<SnapshotObjects, 'EndpointSlice' | 'Pod' | 'Node' | 'ServiceEntry' | 'WorkloadEntry'>;
type Slices = ReadonlyMap<string, readonly EndpointSlice[]>;

/** Where endpoints come from that change often. */
interface Sources {
  readonly objects: ReadonlyMap<string, EndpointSlice>;
  /** The same by service. */
  readonly slices: Slices;
  readonly pods: ReadonlyMap<string, Pod>;
}

/** What they came to, to begin with the next time. */
interface Known extends Sources {
  readonly services: readonly Service[];
  /** Of each service. */
  readonly each: readonly ServiceEndpoints[];
  readonly byKey: ReadonlyMap<string, ServiceEndpoints>;
}

/** By `serviceKey`; services of one host and namespace put theirs together. The same Map as long as nothing changes. */
export function meshEndpoints(
  settings: MeshSettings,
  services: readonly Service[],
  objects: Objects,
  mtls: (namespace: string) => PeerAuthentications,
  network: NetworkOf,
): ReadonlyMap<string, ServiceEndpoints> {
  const { ServiceEntry, WorkloadEntry, Node } = objects;
  const last = lastOf(settings, mtls, network, ServiceEntry, WorkloadEntry, Node);
  const made = endpointsOf(settings, objects, mtls, network);
  const { known } = last;
  const slices =
    known === undefined ? slicesByService(objects.EndpointSlice) : nextSlices(known, objects.EndpointSlice);
  const sources: Sources = { objects: objects.EndpointSlice, slices, pods: objects.Pod };
  last.known =
    known === undefined ? all(services, sources, made) : next(sources, made, alignedWith(services, made, known));
  return last.known.byKey;
}

const lastOf = memo((..._context: readonly object[]): { known?: Known } => ({}));

type EndpointsOf = (service: Service, slices: readonly EndpointSlice[]) => ServiceEndpoints;

function endpointsOf(
  settings: MeshSettings,
  objects: Objects,
  mtls: (namespace: string) => PeerAuthentications,
  network: NetworkOf,
): EndpointsOf {
  const pods = indexPods(objects.Pod, objects.Node);
  const entries = entriesBySource(objects.ServiceEntry);
  const workloads = byAge(objects.WorkloadEntry);
  return (service, slices) => {
    const policies = mtls(service.namespace);
    const entry = entries.get(service.source);
    if (entry !== undefined) return serviceEntryEndpoints(settings, service, entry, workloads, pods, policies, network);
    return union(
      kubernetesEndpoints(settings, service, slices, pods, policies, network),
      selectedWorkloadEntries(settings, service, workloads, policies, network),
    );
  };
}

const entriesBySource = memo(
  (entries: ReadonlyMap<string, KindMap['ServiceEntry']>) =>
    new Map([...entries.values()].map((entry) => [entry.source, entry])),
);

const byAge = memo((workloads: ReadonlyMap<string, KindMap['WorkloadEntry']>) =>
  [...workloads.values()].toSorted(byObjectAge),
);

const noSlices: readonly EndpointSlice[] = [];
const slicesOf = ({ slices }: Sources, service: Service): readonly EndpointSlice[] =>
  slices.get(objectKey(service.namespace, service.name)) ?? noSlices;

function all(services: readonly Service[], sources: Sources, made: EndpointsOf): Known {
  const each = services.map((service) => made(service, slicesOf(sources, service)));
  return { ...sources, services, each, byKey: together(services, each) };
}

/** The same of other services, of which few are new. */
function alignedWith(services: readonly Service[], made: EndpointsOf, known: Known): Known {
  if (services === known.services) return known;
  const before = new Map(known.services.map((service, i) => [service, known.each[i]]));
  const each = services.map((service) => before.get(service) ?? made(service, slicesOf(known, service)));
  return { ...known, services, each, byKey: together(services, each) };
}

function next(sources: Sources, made: EndpointsOf, known: Known): Known {
  const { services } = known;
  const each = [...known.each];
  const changed = new Map<string, ServiceEndpoints>();
  for (const i of concerned(services, sources, known)) {
    const service = services[i] as Service;
    const own = made(service, slicesOf(sources, service));
    if (own === each[i]) continue;
    each[i] = own;
    changed.set(serviceKey(service), own);
  }
  if (changed.size === 0) return { ...known, ...sources };
  const isOnePerKey = known.byKey.size === services.length;
  return {
    ...sources,
    services,
    each,
    byKey: isOnePerKey ? withValues(known.byKey, changed) : together(services, each),
  };
}

/** Groups anew what the changed slices are of, or were. */
function nextSlices({ objects, slices }: Sources, after: Sources['objects']): Slices {
  const groups = new Map<string, readonly EndpointSlice[]>();
  for (const key of changedKeys(objects, after)) {
    const [old, fresh] = [objects.get(key), after.get(key)];
    for (const [slice, isIn] of [[old, false] as const, [fresh, true] as const]) {
      if (slice === undefined) continue;
      const service = serviceOfSlice(slice);
      const others = (groups.get(service) ?? slices.get(service) ?? []).filter((each) => each !== slice);
      groups.set(service, isIn ? [...others, slice].toSorted(byName) : others);
    }
  }
  return withValues(slices, groups);
}

/** Positions of the services of which something may be different. */
function concerned(services: readonly Service[], sources: Sources, known: Known): ReadonlySet<number> {
  const positions = positionsByName(services);
  const found = new Set(changedKeys(known.slices, sources.slices).flatMap((key) => positions.get(key) ?? []));
  const changed = changedKeys(known.pods, sources.pods);
  if (changed.length === 0) return found;
  const addresses = changed.flatMap((key) => [known.pods.get(key), sources.pods.get(key)].flatMap(addressesOf));
  const [names, at] = [new Set(changed), new Set(addresses)];
  for (const [i, service] of services.entries())
    // Entries select Pods by their labels.
    if (service.registry === 'External' || slicesOf(sources, service).some((slice) => refers(slice, names, at)))
      found.add(i);
  return found;
}

const positionsByName = memo((services: readonly Service[]): ReadonlyMap<string, readonly number[]> =>
  Map.groupBy(services.keys(), (i) => objectKey(services[i]?.namespace ?? '', services[i]?.name ?? '')),
);

const addressesOf = (pod: Pod | undefined): readonly string[] => (pod === undefined ? [] : podAddresses(pod));

const refers = (slice: EndpointSlice, pods: ReadonlySet<string>, addresses: ReadonlySet<string>): boolean =>
  references(slice).some((each) => pods.has(each) || addresses.has(each));

/** Keys of the Pods behind a slice, and addresses of endpoints that name none. */
const references = memo((slice: EndpointSlice): readonly string[] =>
  slice.endpoints.map(({ targetRef, addresses: [address = ''] }) =>
    targetRef?.kind === 'Pod'
      ? objectKey(targetRef.namespace ?? slice.metadata.namespace, targetRef.name ?? '')
      : address,
  ),
);

function together(
  services: readonly Service[],
  endpoints: readonly ServiceEndpoints[],
): ReadonlyMap<string, ServiceEndpoints> {
  const byKey = new Map<string, ServiceEndpoints>();
  for (const [i, service] of services.entries()) {
    const key = serviceKey(service);
    const known = byKey.get(key);
    const own = endpoints[i] ?? noEndpoints;
    byKey.set(key, known === undefined ? own : union(known, own));
  }
  return byKey;
}

const noEndpoints: ServiceEndpoints = new Map();

const union = memo((a: ServiceEndpoints, b: ServiceEndpoints): ServiceEndpoints => {
  if (b.size === 0) return a;
  const ports = new Set([...a.keys(), ...b.keys()]);
  return new Map([...ports].map((port) => [port, [...(a.get(port) ?? []), ...(b.get(port) ?? [])]]));
});
