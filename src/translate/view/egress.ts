// Egress listeners: what a proxy's namespace and its Sidecar object let it see, and under which listener.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener
import { byKeys } from '../../model/by-keys.ts';
import { memo, sharedList } from '../../model/memo.ts';
import type { MeshSettings, Service } from '../../model/mesh/mesh.ts';
import { portKey } from '../../model/mesh/service-port.ts';
import type { IstioEgressListener, KindMap } from '../../model/schema/index.ts';
import type { SourceRef } from '../../model/source.ts';
import { at } from '../../model/source.ts';
import type { VirtualService } from '../../model/mesh/virtual-service.ts';
import type { EgressListener } from '../../model/view.ts';
import { byAge } from '../resolve/order.ts';
import { istioProtocol } from '../resolve/services/protocol.ts';
import { visibilityRank } from '../resolve/scope/visibility.ts';
import { destinationHosts } from '../resolve/routing/virtual-service.ts';
import { admits } from './sidecar-scope.ts';

type Sidecar = KindMap['Sidecar'];

/** An egress listener before policies and routes are joined to its services. */
export interface EgressScope {
  readonly source: SourceRef;
  readonly port?: NonNullable<EgressListener['port']>;
  readonly bind?: string;
  readonly captured: boolean;
  readonly services: readonly Service[];
  /** What it lets through, as `namespace/host`; absent: everything. */
  readonly hosts?: readonly string[];
}

/** Everything exported to the namespace, in Istio's order. The same list for all to which nothing particular is. */
export const visibleServices = memo((services: readonly Service[], namespace: string): readonly Service[] =>
  visibleTo(servicesByViewer(services), namespace),
);

export const visibleVirtualServices = memo(
  (all: readonly VirtualService[], namespace: string): readonly VirtualService[] =>
    visibleTo(virtualServicesByViewer(all), namespace),
);

/** Items by who sees them. */
interface ByViewer<T> {
  readonly everybody: readonly T[];
  /** What a namespace sees that others do not, or that has another place for it. */
  readonly particular: ReadonlyMap<string, readonly T[]>;
}

const servicesByViewer = memo((services: readonly Service[]) => byViewer(services));

const virtualServicesByViewer = memo((all: readonly VirtualService[]) =>
  byViewer(all.filter((each) => each.gateways.includes('mesh'))),
);

function byViewer<T extends Service | VirtualService>(items: readonly T[]): ByViewer<T> {
  const everybody = items.filter(({ visibility }) => visibility.everywhere).toSorted(byAge);
  return { everybody: sharedList(everybody), particular: byKeys(items, particularFor) };
}

const particularFor = (item: Service | VirtualService): readonly string[] =>
  item.visibility.everywhere && isOfGatewayApi(item) ? [item.namespace] : item.visibility.namespaces;

const isOfGatewayApi = (item: Service | VirtualService): boolean => 'api' in item && item.api === 'gateway-api';

function visibleTo<T extends Service | VirtualService>({ everybody, particular }: ByViewer<T>, namespace: string) {
  const own = particular.get(namespace);
  return own === undefined ? everybody : sharedList(byPrecedence([...new Set([...own, ...everybody])], namespace));
}

const byPrecedence = <T extends Service | VirtualService>(items: readonly T[], namespace: string): readonly T[] =>
  items.toSorted((a, b) => rankFor(a, namespace) - rankFor(b, namespace) || byAge(a, b));

/** Routes of Gateway API in the client's own namespace go before what is for everybody, not before what is exported by name. */
function rankFor(item: Service | VirtualService, namespace: string): number {
  if (isOfGatewayApi(item)) return item.namespace === namespace ? 2 : 3;
  const rank = visibilityRank(item.visibility, item.namespace, namespace);
  return rank === 2 ? 3 : rank;
}

/** Without a Sidecar object there is one for everything. `services` are those that the namespace may see. */
export const egressScopes = memo(
  (
    settings: MeshSettings,
    services: readonly Service[],
    sidecar: Sidecar | undefined,
    namespace: string,
  ): readonly EgressScope[] => {
    const written = sidecar?.spec.egress ?? [];
    if (sidecar === undefined || written.length === 0)
      return [{ source: sidecar?.source ?? settings.source, captured: true, services: distinctServices(services) }];
    return written.map((listener, i) =>
      scopeOf(listener, at(sidecar.source, `spec.egress[${i}]`), namespace, services),
    );
  },
);

/** Those of `all` that the listener lets through. */
export const admittedVirtualServices = (
  { hosts }: EgressScope,
  namespace: string,
  all: readonly VirtualService[],
): readonly VirtualService[] =>
  hosts === undefined ? all : all.filter((vs) => admits(hosts, namespace, vs.namespace, vs.hosts));

function scopeOf(
  listener: IstioEgressListener,
  source: SourceRef,
  namespace: string,
  services: readonly Service[],
): EgressScope {
  const { port, bind, hosts, captureMode } = listener;
  const onPort =
    port?.number !== undefined && port.number > 0 && istioProtocol(port.protocol) !== 'HTTP_PROXY'
      ? port.number
      : undefined;
  const admitted = services.filter((service) => admits(hosts, namespace, service.namespace, [service.hostname]));
  return {
    source,
    ...(port !== undefined && {
      port: { number: port.number ?? 0, protocol: istioProtocol(port.protocol), name: port.name ?? '' },
    }),
    ...(bind !== undefined && bind !== '' && { bind }),
    captured: captureMode !== 'NONE',
    services: sharedList(
      onePerHost(
        onPort === undefined ? admitted : admitted.flatMap((service) => restrictToPort(service, onPort) ?? []),
      ),
    ),
    hosts,
  };
}

/** The service with only this one of its ports; undefined when it does not have it. */
const restrictToPort = memo((service: Service, number: number): Service | undefined => {
  const ports = service.ports.filter((port) => port.number === number);
  if (ports.length === service.ports.length) return service;
  return ports.length === 0 ? undefined : { ...service, ports };
});

/**
 * One service per host: Kubernetes' own goes before any other, the rest in order. Further ones of the same namespace
 * add the ports that are new.
 */
function onePerHost(services: readonly Service[]): readonly Service[] {
  const byHost = new Map<string, Service>();
  for (const service of services) {
    const known = byHost.get(service.hostname);
    if (known === undefined) byHost.set(service.hostname, service);
    else if (known.registry === 'External' && service.registry === 'Kubernetes') byHost.set(service.hostname, service);
    else if (known.namespace === service.namespace && known.registry === service.registry)
      byHost.set(service.hostname, withPortsOf(known, service));
  }
  return [...byHost.values()];
}

const withPortsOf = memo((first: Service, second: Service): Service => {
  const added = second.ports.filter((port) => !first.ports.some((known) => portKey(known) === portKey(port)));
  return added.length === 0 ? first : { ...first, ports: [...first.ports, ...added] };
});

const distinctServices = memo((services: readonly Service[]): readonly Service[] => {
  const distinct = onePerHost(services);
  return distinct.every((service, i) => service === services[i]) && distinct.length === services.length
    ? services
    : sharedList(distinct);
});

/** Whether these are what everybody sees. */
export const isForEverybody = (services: readonly Service[], seen: readonly Service[]): boolean =>
  seen === distinctServices(servicesByViewer(services).everybody);

/**
 * All services in sight through any listener, each with all the ports in sight, those that only routes of `virtualServices` lead
 * to, and `further` ones, whoever may see them.
 */
export function servicesInSight(
  scopes: readonly EgressScope[],
  visible: readonly Service[],
  virtualServices: readonly (readonly VirtualService[])[],
  further: readonly Service[],
): readonly Service[] {
  const [listed, all] = [listedServices(scopes), distinctServices(visible)];
  const known = byHost(listed);
  const routed = new Set(further.filter((service) => service !== known.get(service.hostname)));
  if (listed !== all)
    for (const host of new Set(virtualServices.flat().flatMap((each) => destinationHosts(each)))) {
      const service = byHost(all).get(host);
      if (service !== undefined && service !== known.get(host)) routed.add(service);
    }
  return routed.size === 0 ? listed : sharedList(onePerHost([...listed, ...routed]));
}

const listedServices = memo((scopes: readonly EgressScope[]): readonly Service[] => {
  const [only, ...others] = scopes;
  return only !== undefined && others.length === 0
    ? only.services
    : sharedList(onePerHost(scopes.flatMap(({ services }) => services)));
});

const byHost = memo(
  (services: readonly Service[]): ReadonlyMap<string, Service> =>
    new Map(services.map((service) => [service.hostname, service])),
);
