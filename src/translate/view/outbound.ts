// What a proxy may send to: services with the policies in force for it, routes, and where everything else goes.
// Proxies of one namespace under the same Sidecar object share one view.
import { memo, memoLast, sharedList, sharedValue } from '../../model/memo.ts';
import type { AddressFamilies } from '../../model/mesh/address-families.ts';
import { addressFamilies } from '../../model/mesh/address-families.ts';
import type { DestinationPolicy, MeshSettings, Service } from '../../model/mesh/mesh.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { at } from '../../model/source.ts';
import type { VirtualService } from '../../model/mesh/virtual-service.ts';
import type { Consumer, OutboundView, ServiceView, UnknownDestinations, VirtualServiceView } from '../../model/view.ts';
import { outboundCluster } from '../names.ts';
import { positionsByName, servicesOf } from '../services-of.ts';
import { resolveHost } from '../resolve/routing/host.ts';
import type { ServiceLimit } from '../resolve/limits/load-limit.ts';
import type { ServiceFacts } from '../resolve/services/service-facts.ts';
import { destinationHosts, usesSourceLabels } from '../resolve/routing/virtual-service.ts';
import type { EgressScope } from './egress.ts';
import {
  admittedVirtualServices,
  egressScopes,
  isForEverybody,
  servicesInSight,
  visibleServices,
  visibleVirtualServices,
} from './egress.ts';
import { hiddenProviders } from './providers.ts';
import type { OutboundBasis } from './view-basis.ts';
import { inForce, viewsFor } from './service-views.ts';
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
const policiesSelect = (policies: readonly DestinationPolicy[], namespace: string): boolean =>
  selectingNamespaces(policies).has(namespace);

const selectingNamespaces = memo(
  (policies: readonly DestinationPolicy[]): ReadonlySet<string> =>
    new Set(policies.flatMap(({ workloadSelector, namespace }) => (workloadSelector === undefined ? [] : namespace))),
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
    const all = inForce(settings, services, facts, policies, limits);
    const scope = scopeName(namespace, dnsDomain, families, sidecar, providers, policyLabels, routeLabels);
    const viewsOf = (seen: readonly Service[], part: string): readonly ServiceView[] =>
      viewsFor(all, seen, isForEverybody(services, seen) ? 'everybody' : `${scope}/${part}`, namespace, policyLabels);
    const admitted = scopes.map((scope) => admittedVirtualServices(scope, namespace, virtualServices));
    const inSight = viewsOf(servicesInSight(scopes, visible, admitted, providers), '');
    return {
      scope,
      consumer: sharedValue<Consumer>({ namespace, dnsDomain, families, labels: routeLabels }),
      egress: scopes.map((scope, i) => ({
        ...listenerOf(scope),
        services: viewsOf(scope.services, String(i)),
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

/** With the services of `inSight` that they lead to. */
export const withDestinations = memo(
  (virtualServices: readonly VirtualService[], inSight: readonly ServiceView[]): readonly VirtualServiceView[] => {
    const positions = positionsByName(servicesOf(inSight));
    const viewOf = (host: string): ServiceView | readonly never[] => inSight[positions.get(host) ?? -1] ?? [];
    return sharedList(
      virtualServices.map((each) =>
        virtualServiceView(each, sharedList(destinationHosts(each).flatMap((host) => viewOf(host)))),
      ),
    );
  },
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
