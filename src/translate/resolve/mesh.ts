// The whole mesh from a snapshot of objects. Each part is remembered by the objects it came from, so that after a
// change only the parts that it touches are new.
import type { Gateway } from '../../model/mesh/gateway.ts';
import type { KeySets } from '../../model/external/key-source.ts';
import { noKeySets } from '../../model/external/key-source.ts';
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import type { Mesh, MeshSettings, Service } from '../../model/mesh/mesh.ts';
import { objectKey } from '../../model/object.ts';
import type { Problem } from '../../model/problem.ts';
import type { KindMap, MeshConfigSpec, MeshNetworksSpec } from '../../model/schema/index.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { VirtualService } from '../../model/mesh/virtual-service.ts';
import { withAutoAddresses } from './service-entry/auto-addresses.ts';
import { destinationPolicies } from './routing/destination-policy.ts';
import { gatewayApi, type GatewayApi } from './gateway-api/gateway-api.ts';
import { withSessions } from './gateway-api/policies/backend-traffic.ts';
import { istioGateways } from './routing/istio-gateway.ts';
import { ownedClaims } from './routing/host-ownership.ts';
import type { Ingresses } from './ingress/ingresses.ts';
import { ingresses } from './ingress/ingresses.ts';
import { kubernetesServices } from './kubernetes/kubernetes-service.ts';
import type { ExtensionsByNamespace } from './extensions/extension.ts';
import { matchesSelector } from '../../model/mesh/labels.ts';
import type { ServiceLimit } from './limits/load-limit.ts';
import type { Installation } from './settings/mesh-settings.ts';
import { meshConfigName, meshSettings } from './settings/mesh-settings.ts';
import { meshEndpoints } from './services/mesh-endpoints.ts';
import { gatewayCandidates, meshNetworks, namespaceNetworks, networkOf } from './settings/networks.ts';
import { mtlsConflicts } from './security/mtls-conflicts.ts';
import { byAge, byObjectAge } from './order.ts';
import { groupPeerAuthentications, namespaceMtls, peerAuthenticationsFor } from './security/peer-authentication.ts';
import type { PeerAuthentications } from './security/peer-authentication.ts';
import type { PodIndex } from './kubernetes/pods.ts';
import { indexPods } from './kubernetes/pods.ts';
import type { PoliciesByNamespace } from './security/policy-attachment.ts';
import { attachedPolicies } from './security/attached-policies.ts';
import type { ExportDefaults } from './service-entry/service-entry-visibility.ts';
import { serviceEntryExports } from './service-entry/service-entry-visibility.ts';
import { serviceEntryServices } from './service-entry/service-entry.ts';
import type { ServiceFacts } from './services/service-facts.ts';
import { serviceFacts } from './services/service-facts.ts';
import type { VirtualMachines } from './service-entry/virtual-machines.ts';
import { virtualMachines } from './service-entry/virtual-machines.ts';
import { resolveVirtualServices } from './routing/virtual-service.ts';
import type { Waypoints } from './waypoint/waypoints.ts';
import { resolveWaypoints } from './waypoint/waypoints.ts';
import { withoutEffect } from './without-effect.ts';

/** The mesh, and what translation needs besides it to say what one proxy is. */
export interface ResolvedMesh {
  readonly mesh: Mesh;
  /** Whether anything of a namespace is looked at. */
  readonly isSelected: (namespace: string) => boolean;
  readonly pods: PodIndex;
  readonly machines: VirtualMachines;
  readonly sidecars: readonly KindMap['Sidecar'][];
  readonly gatewayApi: GatewayApi;
  readonly ingress: Ingresses;
  readonly waypoints: Waypoints;
  readonly mtls: (namespace: string) => PeerAuthentications;
  readonly authorization: PoliciesByNamespace<KindMap['AuthorizationPolicy']>;
  readonly authentication: PoliciesByNamespace<KindMap['RequestAuthentication']>;
  readonly extensions: ExtensionsByNamespace;
  readonly limits: PoliciesByNamespace<KindMap['RateLimitPolicy']>;
  /** What may be under way with services, whoever calls. */
  readonly serviceLimits: readonly ServiceLimit[];
  readonly telemetries: ReadonlyMap<string, KindMap['Telemetry']>;
  /** Fetched ones, for tokens. */
  readonly keySets: KeySets;
  /** Of each service, in their order. */
  readonly facts: readonly ServiceFacts[];
  readonly problems: readonly Problem[];
}

export function resolveMesh(
  installation: Installation,
  snapshot: Snapshot,
  keySets: KeySets = noKeySets,
): ResolvedMesh {
  const { objects } = snapshot;
  const config = objects.ConfigMap.get(objectKey(installation.systemNamespace, meshConfigName(installation)));
  const networksSpec = config?.meshNetworks ?? noNetworks;
  const settings = meshSettings(installation, config?.meshConfig ?? noConfig, networksSpec);
  const namespaces = selectedNamespaces(settings, objects.Namespace);
  const network = networkOf(settings, networksSpec, sharedValue(namespaceNetworks(objects.Namespace)));
  const pods = indexPods(objects.Pod, objects.Node);
  const peerAuthentications = groupedPeerAuthentications(objects.PeerAuthentication);
  const mtls = mtlsOf(peerAuthentications, settings.rootNamespace);
  const entries = ownedClaims<'ServiceEntry'>(settings, objects.Namespace, objects.ServiceEntry);
  const routes = ownedClaims<'VirtualService'>(settings, objects.Namespace, objects.VirtualService);
  const services = knownServices(settings, namespaces, objects, entries.objects);
  const others = otherApis(settings, objects, services, namespaces);
  const policies = allPolicies(settings, namespaces, objects.DestinationRule, others.apis.gatewayApi.destinationRules);
  const virtualServices = allVirtualServices(settings, namespaces, routes.objects, others.virtualServices);
  const endpoints = meshEndpoints(settings, services, objects, mtls, network);
  const kubernetesGateways = allKubernetesGateways(namespaces, objects.KubernetesGateway);
  const gatewayServices = servicesOfGateways(settings, networksSpec, namespaces, objects.Service);
  return {
    mesh: {
      settings,
      services,
      endpoints,
      virtualServices,
      gateways: allGateways(namespaces, objects.Gateway, others.gateways),
      destinationPolicies: policies,
      networks: meshNetworks(settings, networksSpec, gatewayServices, kubernetesGateways),
    },
    isSelected: namespaces,
    pods,
    machines: virtualMachines(objects.WorkloadEntry),
    sidecars: allSidecars(namespaces, objects.Sidecar),
    ...others.apis,
    mtls,
    ...attachedPolicies(objects),
    telemetries: objects.Telemetry,
    keySets,
    facts: serviceFacts(settings, services, endpoints, mtls),
    problems: [
      ...virtualServices.flatMap((service) => service.problems),
      ...entries.problems,
      ...routes.problems,
      ...withoutEffect(settings, objects, others.apis.waypoints),
      ...others.apis.gatewayApi.problems,
      ...mtlsConflicts(settings, services, policies, (namespace) => namespaceMtls(mtls(namespace))),
    ],
  };
}

function knownServices(
  settings: MeshSettings,
  namespaces: NamespaceFilter,
  { Service, Namespace, XBackendTrafficPolicy }: Snapshot['objects'],
  entries: Snapshot['objects']['ServiceEntry'],
): readonly Service[] {
  const written = allServices(settings, namespaces, Service, entries, serviceEntryExports(settings, Namespace));
  return settings.features.strictGateways
    ? withSessions(settings.clusterDomain, written, XBackendTrafficPolicy, Service)
    : written;
}

/** What Istio's own APIs have no part in. */
function otherApis(
  settings: MeshSettings,
  objects: Snapshot['objects'],
  services: readonly Service[],
  filter: NamespaceFilter,
) {
  const api = gatewayApi(settings, objects, services, filter);
  const ingress = ingresses(settings, objects, services, filter);
  return {
    apis: {
      gatewayApi: api,
      ingress,
      waypoints: resolveWaypoints(api.results, objects.GatewayClass, objects.Namespace),
    },
    gateways: both(api.gateways, ingress.gateways),
    virtualServices: both(api.virtualServices, ingress.virtualServices),
  };
}

const both = <T extends object>(some: readonly T[], others: readonly T[]): readonly T[] =>
  others.length === 0 ? some : sharedList([...some, ...others]);

const noConfig: MeshConfigSpec = {};
const noNetworks: MeshNetworksSpec = {};

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

/** The policies of each namespace. */
const mtlsOf = memo((policies: ReturnType<typeof groupPeerAuthentications>, rootNamespace: string) => {
  const known = new Map<string, PeerAuthentications>();
  return (namespace: string): PeerAuthentications => {
    const own = known.get(namespace) ?? peerAuthenticationsFor(policies, namespace, rootNamespace);
    known.set(namespace, own);
    return own;
  };
});

const allServices = memo(
  (
    settings: MeshSettings,
    filter: NamespaceFilter,
    services: Objects<'Service'>,
    entries: Objects<'ServiceEntry'>,
    exported: ExportDefaults,
  ): readonly Service[] =>
    withAutoAddresses(
      sharedList(
        [
          ...kubernetesServices(within(services, filter).toSorted(byObjectAge), settings),
          ...within(entries, filter).flatMap((entry) =>
            serviceEntryServices(settings, entry, exported(entry.metadata.namespace)),
          ),
        ].toSorted(byAge),
      ),
    ),
);

const servicesOfGateways = memo(
  (settings: MeshSettings, networks: MeshNetworksSpec, filter: NamespaceFilter, services: Objects<'Service'>) =>
    sharedList(gatewayCandidates(within(services, filter).toSorted(byObjectAge), networks, settings)),
);

const allVirtualServices = memo(
  (
    settings: MeshSettings,
    filter: NamespaceFilter,
    objects: Objects<'VirtualService'>,
    others: readonly VirtualService[],
  ) => {
    const own = resolveVirtualServices(within(objects, filter).toSorted(byObjectAge), settings);
    return others.length === 0 ? own : sharedList([...own, ...others].toSorted(byAge));
  },
);

const allPolicies = memo(
  (
    settings: MeshSettings,
    filter: NamespaceFilter,
    objects: Objects<'DestinationRule'>,
    others: readonly KindMap['DestinationRule'][],
  ) => sharedList(destinationPolicies([...within(objects, filter), ...others], settings)),
);

const allSidecars = memo((filter: NamespaceFilter, objects: Objects<'Sidecar'>) =>
  sharedList(within(objects, filter).toSorted(byObjectAge)),
);

const allGateways = memo((filter: NamespaceFilter, objects: Objects<'Gateway'>, others: readonly Gateway[]) => {
  const own = istioGateways(within(objects, filter).toSorted(byObjectAge));
  return others.length === 0 ? own : sharedList([...own, ...others].toSorted(byAge));
});

const allKubernetesGateways = memo((filter: NamespaceFilter, objects: Objects<'KubernetesGateway'>) =>
  sharedList(within(objects, filter).toSorted(byObjectAge)),
);
