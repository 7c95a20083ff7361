// The whole mesh from a snapshot of objects. Each part is remembered by the objects it came from, so that after a
// change only the parts that it touches are new.
import { memo, sharedList } from '../../model/memo.ts';
import type { Mesh, MeshSettings, Service, ServiceEndpoints } from '../../model/mesh.ts';
import { serviceKey } from '../../model/mesh.ts';
import { objectKey } from '../../model/object.ts';
import type { Problem } from '../../model/problem.ts';
import type { KindMap, MeshConfigSpec } from '../../model/schema/index.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { destinationPolicies } from './destination-policy.ts';
import { kubernetesEndpoints, slicesByService } from './kubernetes-endpoints.ts';
import { kubernetesServices } from './kubernetes-service.ts';
import { matchesSelector } from './labels.ts';
import type { Installation } from './mesh-settings.ts';
import { meshSettings } from './mesh-settings.ts';
import { byAge, byObjectAge } from './order.ts';
import { groupPeerAuthentications, peerAuthenticationsFor } from './peer-authentication.ts';
import type { PeerAuthentications } from './peer-authentication.ts';
import type { PodIndex } from './pods.ts';
import { indexPods } from './pods.ts';
import { selectedWorkloadEntries, serviceEntryEndpoints } from './service-entry-endpoints.ts';
import { serviceEntryServices } from './service-entry.ts';
import type { ServiceFacts } from './service-facts.ts';
import { serviceFacts } from './service-facts.ts';
import { resolveVirtualServices } from './virtual-service.ts';
import { withoutEffect } from './without-effect.ts';

/** The mesh, and what translation needs besides it to say what one proxy is. */
export interface ResolvedMesh {
  readonly mesh: Mesh;
  readonly pods: PodIndex;
  readonly sidecars: readonly KindMap['Sidecar'][];
  readonly mtls: (namespace: string) => PeerAuthentications;
  /** Of each service, in their order. */
  readonly facts: readonly ServiceFacts[];
  readonly problems: readonly Problem[];
}

export function resolveMesh(installation: Installation, snapshot: Snapshot): ResolvedMesh {
  const { objects } = snapshot;
  const config = objects.ConfigMap.get(objectKey(installation.systemNamespace, 'istio'));
  const settings = meshSettings(installation, config?.meshConfig ?? noConfig);
  const namespaces = selectedNamespaces(settings, objects.Namespace);
  const pods = indexPods(objects.Pod, objects.Node);
  const peerAuthentications = groupedPeerAuthentications(objects.PeerAuthentication);
  const mtls = (namespace: string): PeerAuthentications =>
    peerAuthenticationsFor(peerAuthentications, namespace, settings.rootNamespace);
  const services = allServices(settings, namespaces, objects.Service, objects.ServiceEntry);
  const virtualServices = allVirtualServices(settings, namespaces, objects.VirtualService);
  const endpoints = allEndpoints(settings, services, snapshot, pods, mtls);
  return {
    mesh: {
      settings,
      services,
      endpoints,
      virtualServices,
      destinationPolicies: allPolicies(settings, namespaces, objects.DestinationRule),
    },
    pods,
    sidecars: allSidecars(namespaces, objects.Sidecar),
    mtls,
    facts: serviceFacts(settings, services, endpoints, mtls),
    problems: [...virtualServices.flatMap((service) => service.problems), ...withoutEffect(objects)],
  };
}

const noConfig: MeshConfigSpec = {};

type NamespaceFilter = (namespace: string) => boolean;
type Objects<K extends keyof KindMap> = ReadonlyMap<string, KindMap[K]>;

/** `discoverySelectors` hide whole namespaces, whatever is in them. */
const selectedNamespaces = memo((settings: MeshSettings, namespaces: Objects<'Namespace'>): NamespaceFilter => {
  const selectors = settings.discoverySelectors ?? [];
  if (selectors.length === 0) return everyNamespace;
  const selected = [...namespaces.values()].filter((object) =>
    selectors.some((selector) => matchesSelector(selector, object.metadata.labels)),
  );
  const names = new Set([settings.rootNamespace, ...selected.map((object) => object.metadata.name)]);
  return (namespace) => names.has(namespace);
});

const everyNamespace: NamespaceFilter = () => true;

const within = <T extends { readonly metadata: { readonly namespace: string } }>(
  objects: ReadonlyMap<string, T>,
  filter: NamespaceFilter,
): T[] => [...objects.values()].filter((object) => filter(object.metadata.namespace));

const groupedPeerAuthentications = memo((objects: Objects<'PeerAuthentication'>) =>
  groupPeerAuthentications([...objects.values()]),
);

const allServices = memo(
  (
    settings: MeshSettings,
    filter: NamespaceFilter,
    services: Objects<'Service'>,
    entries: Objects<'ServiceEntry'>,
  ): readonly Service[] =>
    sharedList(
      [
        ...kubernetesServices(within(services, filter).toSorted(byObjectAge), settings),
        ...within(entries, filter).flatMap((entry) => serviceEntryServices(settings, entry)),
      ].toSorted(byAge),
    ),
);

const allVirtualServices = memo((settings: MeshSettings, filter: NamespaceFilter, objects: Objects<'VirtualService'>) =>
  resolveVirtualServices(within(objects, filter).toSorted(byObjectAge), settings),
);

const allPolicies = memo((settings: MeshSettings, filter: NamespaceFilter, objects: Objects<'DestinationRule'>) =>
  sharedList(destinationPolicies(within(objects, filter), settings)),
);

const allSidecars = memo((filter: NamespaceFilter, objects: Objects<'Sidecar'>) =>
  sharedList(within(objects, filter).toSorted(byObjectAge)),
);

/** Endpoints of all services; several services of one host and namespace put theirs together. */
function allEndpoints(
  settings: MeshSettings,
  services: readonly Service[],
  { objects }: Snapshot,
  pods: PodIndex,
  mtls: (namespace: string) => PeerAuthentications,
): ReadonlyMap<string, ServiceEndpoints> {
  const slices = slicesByService(objects.EndpointSlice);
  const entries = new Map([...objects.ServiceEntry.values()].map((entry) => [entry.source, entry]));
  const workloads = [...objects.WorkloadEntry.values()].toSorted(byObjectAge);
  const each = services.map((service) => {
    const policies = mtls(service.namespace);
    const entry = entries.get(service.source);
    if (entry !== undefined) return serviceEntryEndpoints(settings, service, entry, workloads, pods, policies);
    const own = slices.get(objectKey(service.namespace, service.name)) ?? [];
    return union(
      kubernetesEndpoints(settings, service, own, pods, policies),
      selectedWorkloadEntries(settings, service, workloads, policies),
    );
  });
  return endpointsByKey(services, sharedList(each));
}

/** The same Map as long as no service's endpoints change. */
const endpointsByKey = memo(
  (services: readonly Service[], endpoints: readonly ServiceEndpoints[]): ReadonlyMap<string, ServiceEndpoints> => {
    const all = new Map<string, ServiceEndpoints>();
    for (const [i, service] of services.entries()) {
      const key = serviceKey(service);
      const known = all.get(key);
      const own = endpoints[i] ?? noEndpoints;
      all.set(key, known === undefined ? own : union(known, own));
    }
    return all;
  },
);

const noEndpoints: ServiceEndpoints = new Map();

const union = memo((a: ServiceEndpoints, b: ServiceEndpoints): ServiceEndpoints => {
  if (b.size === 0) return a;
  const ports = new Set([...a.keys(), ...b.keys()]);
  return new Map([...ports].map((port) => [port, [...(a.get(port) ?? []), ...(b.get(port) ?? [])]]));
});
