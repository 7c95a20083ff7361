// What a proxy may send to: services with the policies in force for it, routes, and where everything else goes.
// Proxies of one namespace under the same Sidecar object share one view.
import { memo, memoLast, memoTriples, sharedList, sharedValue } from '../../model/memo.ts';
import type { AddressFamilies } from '../../model/mesh/address-families.ts';
import { addressFamilies } from '../../model/mesh/address-families.ts';
import type { DestinationPolicy, MeshSettings, Service } from '../../model/mesh/mesh.ts';
import { serviceKey } from '../../model/mesh/mesh.ts';
import { memoAligned } from '../../model/patched-map.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { at } from '../../model/source.ts';
import type { VirtualService } from '../../model/mesh/virtual-service.ts';
import type { LoadLimit } from '../../model/mesh/workload-policies.ts';
import type { Consumer, OutboundView, ServiceView, UnknownDestinations, VirtualServiceView } from '../../model/view.ts';
import { outboundCluster } from '../names.ts';
import { indexPolicies, policyFor } from '../resolve/destination-policy.ts';
import { resolveHost } from '../resolve/host.ts';
import type { ServiceLimit } from '../resolve/load-limit.ts';
import { limitsOfService } from '../resolve/load-limit.ts';
import type { ServiceFacts } from '../resolve/service-facts.ts';
import { destinationHosts, usesSourceLabels } from '../resolve/virtual-service.ts';
import type { EgressScope } from './egress.ts';
import {
  admittedVirtualServices,
  egressScopes,
  servicesInSight,
  visibleServices,
  visibleVirtualServices,
} from './egress.ts';
import { hiddenProviders } from './providers.ts';
import type { OutboundBasis } from './view-basis.ts';
import { sidecarFor } from './sidecar-scope.ts';

type Sidecar = KindMap['Sidecar'];
type Labels = Readonly<Record<string, string>>;

/** What of a proxy decides what it may send to; the same object for all of which it is the same. */
interface Sender {
  readonly type: Proxy['type'];
  readonly namespace: string;
  readonly dnsDomain: string;
  readonly families: AddressFamilies;
  /** Hosts that the proxy itself talks to. */
  readonly providers: readonly string[];
  /** Only where it matters which workload of the namespace it is. */
  readonly labels: Labels;
}

/** `providers`: hosts that the proxy itself talks to. */
export function outboundView(
  from: OutboundBasis,
  proxy: Proxy,
  providers: readonly string[] = noProviders,
): OutboundView {
  const families = addressFamilies(from.mesh.settings, proxy);
  return seenBy(senderOf(proxy, providers, families, labelsMatter(from, proxy.namespace)), from);
}

const senderOf = memoLast(
  (proxy: Proxy, providers: readonly string[], families: AddressFamilies, byLabels: boolean): Sender => {
    const { type, namespace, dnsDomain, labels } = proxy;
    return sharedValue({ type, namespace, dnsDomain, families, providers, labels: byLabels ? labels : {} });
  },
);

/** Whether anything that is seen from a namespace is for some of its workloads only. */
const labelsMatter = memo(
  ({ mesh, sidecars }: OutboundBasis, namespace: string): boolean =>
    sidecars.some(({ metadata, spec }) => metadata.namespace === namespace && spec.workloadSelector !== undefined) ||
    policiesSelect(mesh.destinationPolicies, namespace) ||
    routesSelect(visibleVirtualServices(mesh.virtualServices, namespace)),
);

const seenBy = memoLast((sender: Sender, { mesh, sidecars, facts, serviceLimits }: OutboundBasis): OutboundView => {
  const { settings } = mesh;
  const { type, namespace, labels, providers } = sender;
  const virtualServices = visibleVirtualServices(mesh.virtualServices, namespace);
  // Sidecar objects are not about gateways.
  const sidecar = type !== 'sidecar' ? undefined : sidecarFor(sidecars, namespace, labels, settings.rootNamespace);
  return build(
    settings,
    mesh.services,
    facts,
    mesh.destinationPolicies,
    serviceLimits,
    virtualServices,
    sidecar,
    hiddenProviders(mesh.services, providers, namespace, sidecar !== undefined),
    namespace,
    sender.dnsDomain,
    sender.families,
    policiesSelect(mesh.destinationPolicies, namespace) ? sharedValue(labels) : noLabels,
    routesSelect(virtualServices) ? sharedValue(labels) : undefined,
  );
});

const noProviders: readonly string[] = [];
const noLabels: Labels = sharedValue({});

/** Whether it matters to some policy of the namespace which of its workloads is calling. */
const policiesSelect = memo((policies: readonly DestinationPolicy[], namespace: string): boolean =>
  policies.some((policy) => policy.workloadSelector !== undefined && policy.namespace === namespace),
);

/** Whether it matters to some route. */
const routesSelect = memo((virtualServices: readonly VirtualService[]): boolean =>
  virtualServices.some((each) => usesSourceLabels(each)),
);

/** What depends on VirtualServices is the last to be made, so that one of them changes nothing before that. */
const build = memo(
  (
    settings: MeshSettings,
    services: readonly Service[],
    facts: readonly ServiceFacts[],
    policies: readonly DestinationPolicy[],
    limits: readonly ServiceLimit[],
    virtualServices: readonly VirtualService[],
    sidecar: Sidecar | undefined,
    providers: readonly Service[],
    namespace: string,
    dnsDomain: string,
    families: AddressFamilies,
    policyLabels: Labels,
    routeLabels: Labels | undefined,
  ): OutboundView => {
    const visible = visibleServices(services, namespace);
    const scopes = egressScopes(settings, visible, sidecar, namespace);
    const inForce = viewer(settings, services, facts, policies, limits, namespace, policyLabels);
    const admitted = scopes.map((scope) => admittedVirtualServices(scope, namespace, virtualServices));
    const destinations = new Set(admitted.flat().flatMap((each) => destinationHosts(each)));
    const inSight = inForce(servicesInSight(scopes, visible, destinations, providers));
    return {
      scope: scopeName(namespace, dnsDomain, families, sidecar, providers, policyLabels, routeLabels),
      consumer: sharedValue<Consumer>({ namespace, dnsDomain, families, labels: routeLabels }),
      egress: scopes.map((scope, i) => ({
        ...listenerOf(scope),
        services: inForce(scope.services),
        virtualServices: withDestinations(admitted[i] ?? [], inSight),
      })),
      unknownDestinations: unknownDestinations(settings, sidecar, namespace),
      services: inSight,
    };
  },
);

const listenerOf = ({ source, port, bind, captured }: EgressScope) => ({
  source,
  ...(port !== undefined && { port }),
  ...(bind !== undefined && { bind }),
  captured,
});

/** Joins services with the policies in force for a namespace. Equal lists give the very same list. */
const viewer = memo(
  (
    settings: MeshSettings,
    services: readonly Service[],
    facts: readonly ServiceFacts[],
    policies: readonly DestinationPolicy[],
    limits: readonly ServiceLimit[],
    namespace: string,
    labels: Labels,
  ): ((seen: readonly Service[]) => readonly ServiceView[]) => {
    const known = factsByKey(services, facts);
    const index = indexPolicies(policies);
    return memo((seen: readonly Service[]) => {
      const inForce = seen.flatMap((service) => {
        const policy = policyFor(index, service, namespace, labels, settings.rootNamespace);
        const own = limitsOfService(limits, service);
        return policy === undefined && own.length === 0 ? none : [service, settled(policy, own)];
      });
      return joined(seen, factsOf(seen, known), sharedList<Service | Settled>(inForce));
    });
  },
);

/** What namespaces say of a service. */
interface Settled {
  readonly policy: DestinationPolicy | undefined;
  readonly limits: readonly LoadLimit[];
}

const settled = memo((policy: DestinationPolicy | undefined, limits: readonly LoadLimit[]): Settled => ({
  policy,
  limits,
}));
const nothingSettled = settled(undefined, sharedList<LoadLimit>([]));

const factsByKey = memo(
  (services: readonly Service[], facts: readonly ServiceFacts[]): ReadonlyMap<string, ServiceFacts> =>
    new Map(services.map((service, i) => [serviceKey(service), facts[i] ?? noFacts])),
);

const none: readonly [] = [];
const factsOf = memoAligned(serviceKey);

const noFacts: ServiceFacts = { subjectAltNames: [], autoMtls: false, instanceAddresses: [] };

/** `inForce` has the services of which something is said, each before that: where it is the same, so is the list. */
const joined = memo(
  (
    seen: readonly Service[],
    facts: readonly (ServiceFacts | undefined)[],
    inForce: readonly (Service | Settled)[],
  ): readonly ServiceView[] => {
    const said = new Map<object, Settled>();
    for (let i = 0; i < inForce.length; i += 2) said.set(inForce[i] as Service, inForce[i + 1] as Settled);
    return serviceViews(
      seen,
      facts,
      seen.map((service) => said.get(service) ?? nothingSettled),
    );
  },
);

const serviceViews = memoTriples(
  (service: Service, facts: ServiceFacts | undefined, { policy, limits }: Settled): ServiceView =>
    serviceView(service, facts ?? noFacts, policy, limits),
);

const serviceView = memo(
  (
    service: Service,
    facts: ServiceFacts,
    policy: DestinationPolicy | undefined,
    limits: readonly LoadLimit[],
  ): ServiceView => ({ service, policy, limits, ...facts }),
);

/** With the services of `inSight` that they lead to. */
export const withDestinations = (
  virtualServices: readonly VirtualService[],
  inSight: readonly ServiceView[],
): readonly VirtualServiceView[] => {
  const byHost = viewsByHost(inSight);
  return sharedList(virtualServices.map((virtualService) => routedIn(byHost, virtualService)));
};

const viewsByHost = memo(
  (views: readonly ServiceView[]): ReadonlyMap<string, ServiceView> =>
    new Map(
      views.flatMap((view) => [view.service, ...view.service.aliases].map(({ hostname }) => [hostname, view] as const)),
    ),
);

const routedIn = memo((byHost: ReadonlyMap<string, ServiceView>, virtualService: VirtualService): VirtualServiceView =>
  virtualServiceView(
    virtualService,
    sharedList(destinationHosts(virtualService).flatMap((host) => byHost.get(host) ?? [])),
  ),
);

const virtualServiceView = memo(
  (virtualService: VirtualService, destinations: readonly ServiceView[]): VirtualServiceView => ({
    virtualService,
    destinations,
  }),
);

function scopeName(
  namespace: string,
  dnsDomain: string,
  families: AddressFamilies,
  sidecar: Sidecar | undefined,
  providers: readonly Service[],
  ...labels: readonly (Labels | undefined)[]
): string {
  const parts = [
    'outbound',
    namespace,
    dnsDomain,
    families,
    sidecar === undefined ? '' : `${sidecar.metadata.namespace}/${sidecar.metadata.name}`,
    ...providers.map(({ hostname }) => hostname),
  ];
  return [...parts, ...labels.map((set) => (set === undefined || set === noLabels ? '' : JSON.stringify(set)))].join(
    '|',
  );
}

/** The Sidecar's own policy for unknown hosts, else the mesh's, which allows. */
function unknownDestinations(
  settings: MeshSettings,
  sidecar: Sidecar | undefined,
  namespace: string,
): UnknownDestinations {
  const own = sidecar?.spec.outboundTrafficPolicy;
  const egressProxy = own?.egressProxy;
  if (sidecar !== undefined && egressProxy?.host !== undefined) {
    const host = resolveHost(egressProxy.host, namespace, settings.clusterDomain);
    const cluster = outboundCluster(host, egressProxy.port?.number ?? 0, egressProxy.subset ?? '');
    return { kind: 'egress-proxy', source: at(sidecar.source, 'spec.outboundTrafficPolicy.egressProxy'), cluster };
  }
  const mode = own?.mode ?? (own === undefined ? settings.outboundTrafficPolicy?.mode : 'REGISTRY_ONLY');
  return { kind: mode === 'REGISTRY_ONLY' ? 'block' : 'allow' };
}
