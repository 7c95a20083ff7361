// What a proxy may send to: services with the policies in force for it, routes, and where everything else goes.
// Proxies of one namespace under the same Sidecar object share one view.
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import type { DestinationPolicy, MeshSettings, Service } from '../../model/mesh.ts';
import type { Proxy } from '../../model/proxy.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { at } from '../../model/source.ts';
import type { VirtualService } from '../../model/virtual-service.ts';
import type {
  Consumer,
  EgressListener,
  OutboundView,
  ServiceView,
  UnknownDestinations,
  VirtualServiceView,
} from '../../model/view.ts';
import { outboundCluster } from '../names.ts';
import { indexPolicies, policyFor } from '../resolve/destination-policy.ts';
import { resolveHost } from '../resolve/host.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import type { ServiceFacts } from '../resolve/service-facts.ts';
import { destinationHosts, usesSourceLabels } from '../resolve/virtual-service.ts';
import type { EgressScope } from './egress.ts';
import { egressScopes, servicesInSight, visibleServices, visibleVirtualServices } from './egress.ts';
import { sidecarFor } from './sidecar-scope.ts';

type Sidecar = KindMap['Sidecar'];
type Labels = Readonly<Record<string, string>>;

export function outboundView(resolved: ResolvedMesh, proxy: Proxy): OutboundView {
  const { mesh, sidecars, facts } = resolved;
  const { settings } = mesh;
  const selecting = mesh.destinationPolicies.some(
    (policy) => policy.workloadSelector !== undefined && policy.namespace === proxy.namespace,
  );
  const routing = visibleVirtualServices(mesh.virtualServices, proxy.namespace).some(usesSourceLabels);
  return build(
    settings,
    mesh.services,
    facts,
    mesh.virtualServices,
    mesh.destinationPolicies,
    sidecarFor(sidecars, proxy.namespace, proxy.labels, settings.rootNamespace),
    proxy.namespace,
    proxy.dnsDomain,
    selecting ? sharedValue(proxy.labels) : noLabels,
    routing ? sharedValue(proxy.labels) : undefined,
  );
}

const noLabels: Labels = sharedValue({});

const build = memo(
  (
    settings: MeshSettings,
    services: readonly Service[],
    facts: readonly ServiceFacts[],
    virtualServices: readonly VirtualService[],
    policies: readonly DestinationPolicy[],
    sidecar: Sidecar | undefined,
    namespace: string,
    dnsDomain: string,
    policyLabels: Labels,
    routeLabels: Labels | undefined,
  ): OutboundView => {
    const visible = visibleServices(services, namespace);
    const scopes = egressScopes(
      settings,
      sidecar,
      namespace,
      visible,
      visibleVirtualServices(virtualServices, namespace),
    );
    const factsByHost = new Map(services.map((service, i) => [`${service.namespace}/${service.hostname}`, facts[i]]));
    const index = indexPolicies(policies);
    const view = (service: Service): ServiceView =>
      serviceView(
        service,
        factsByHost.get(`${service.namespace}/${service.hostname}`) ?? noFacts,
        policyFor(index, service, namespace, policyLabels, settings.rootNamespace),
      );
    const inSight = sharedList(servicesInSight(scopes, visible, routeDestinations).map(view));
    const consumer: Consumer = sharedValue({ namespace, dnsDomain, labels: routeLabels });
    return {
      scope: scopeName(namespace, dnsDomain, sidecar, policyLabels, routeLabels),
      consumer,
      egress: scopes.map((scope) => egressListener(scope, inSight, view)),
      unknownDestinations: unknownDestinations(settings, sidecar, namespace),
      services: inSight,
    };
  },
);

const noFacts: ServiceFacts = { subjectAltNames: [], autoMtls: false, instanceAddresses: [] };

const serviceView = memo(
  (service: Service, facts: ServiceFacts, policy: DestinationPolicy | undefined): ServiceView => ({
    service,
    policy,
    ...facts,
  }),
);

const routeDestinations = memo((vs: VirtualService): readonly { readonly host: string; readonly port?: number }[] =>
  destinationHosts(vs).map((host) => ({ host })),
);

function egressListener(
  scope: EgressScope,
  inSight: readonly ServiceView[],
  view: (service: Service) => ServiceView,
): EgressListener {
  const byHost = new Map(
    inSight.flatMap((candidate) =>
      [candidate.service, ...candidate.service.aliases].map(({ hostname }) => [hostname, candidate] as const),
    ),
  );
  return {
    ...scope,
    services: sharedList(scope.services.map(view)),
    virtualServices: sharedList(
      scope.virtualServices.map((vs) =>
        virtualServiceView(vs, sharedList(destinationHosts(vs).flatMap((host) => byHost.get(host) ?? []))),
      ),
    ),
  };
}

const virtualServiceView = memo(
  (virtualService: VirtualService, destinations: readonly ServiceView[]): VirtualServiceView => ({
    virtualService,
    destinations,
  }),
);

function scopeName(
  namespace: string,
  dnsDomain: string,
  sidecar: Sidecar | undefined,
  ...labels: readonly (Labels | undefined)[]
): string {
  const parts = [
    'outbound',
    namespace,
    dnsDomain,
    sidecar === undefined ? '' : `${sidecar.metadata.namespace}/${sidecar.metadata.name}`,
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
