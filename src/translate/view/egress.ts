// Egress listeners: what a proxy's namespace and its Sidecar object let it see, and under which listener.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener
import { memo } from '../../model/memo.ts';
import type { MeshSettings, Service, ServicePort } from '../../model/mesh.ts';
import type { IstioEgressListener, KindMap } from '../../model/schema/index.ts';
import type { SourceRef } from '../../model/source.ts';
import { at } from '../../model/source.ts';
import type { VirtualService } from '../../model/virtual-service.ts';
import type { EgressListener } from '../../model/view.ts';
import { byAge } from '../resolve/order.ts';
import { istioProtocol } from '../resolve/protocol.ts';
import { isVisible, visibilityRank } from '../resolve/visibility.ts';
import { admits } from './sidecar-scope.ts';

type Sidecar = KindMap['Sidecar'];

/** An egress listener before policies are joined to its services. */
export interface EgressScope {
  readonly source: SourceRef;
  readonly port?: NonNullable<EgressListener['port']>;
  readonly bind?: string;
  readonly captured: boolean;
  readonly services: readonly Service[];
  readonly virtualServices: readonly VirtualService[];
}

/** Everything exported to the namespace, in Istio's order; of services with one host the first one, Kubernetes' first. */
export const visibleServices = memo((services: readonly Service[], namespace: string): readonly Service[] =>
  byPrecedence(
    services.filter((service) => isVisible(service.visibility, namespace)),
    namespace,
  ),
);

export const visibleVirtualServices = memo(
  (all: readonly VirtualService[], namespace: string): readonly VirtualService[] =>
    byPrecedence(
      all.filter((vs) => isVisible(vs.visibility, namespace) && vs.gateways.includes('mesh')),
      namespace,
    ),
);

const byPrecedence = <T extends Service | VirtualService>(items: readonly T[], namespace: string): readonly T[] =>
  items.toSorted(
    (a, b) =>
      visibilityRank(a.visibility, a.namespace, namespace) - visibilityRank(b.visibility, b.namespace, namespace) ||
      byAge(a, b),
  );

export function egressScopes(
  settings: MeshSettings,
  sidecar: Sidecar | undefined,
  namespace: string,
  services: readonly Service[],
  virtualServices: readonly VirtualService[],
): readonly EgressScope[] {
  const written = sidecar?.spec.egress ?? [];
  if (sidecar === undefined || written.length === 0) {
    return [
      { source: sidecar?.source ?? settings.source, captured: true, services: onePerHost(services), virtualServices },
    ];
  }
  return written.map((listener, i) =>
    scopeOf(listener, at(sidecar.source, `spec.egress[${i}]`), namespace, services, virtualServices),
  );
}

function scopeOf(
  listener: IstioEgressListener,
  source: SourceRef,
  namespace: string,
  services: readonly Service[],
  virtualServices: readonly VirtualService[],
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
    services: onePerHost(
      onPort === undefined ? admitted : admitted.flatMap((service) => restrictToPorts(service, String(onPort)) ?? []),
    ),
    virtualServices: virtualServices.filter((vs) => admits(hosts, namespace, vs.namespace, vs.hosts)),
  };
}

/** The service with only these of its ports (`80,443`); undefined when it has none of them. */
const restrictToPorts = memo((service: Service, numbers: string): Service | undefined => {
  const wanted = new Set(numbers.split(',').map(Number));
  const ports = service.ports.filter((port) => wanted.has(port.number));
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
  const added = second.ports.filter((port) => !first.ports.some((known: ServicePort) => known.number === port.number));
  return added.length === 0 ? first : { ...first, ports: [...first.ports, ...added] };
});

/** All services in sight through any listener, each with all the ports in sight, and those that only routes lead to. */
export function servicesInSight(
  scopes: readonly EgressScope[],
  visible: readonly Service[],
  destinations: (vs: VirtualService) => readonly { readonly host: string; readonly port?: number }[],
): readonly Service[] {
  const listed = onePerHost(scopes.flatMap((scope) => scope.services));
  const hosts = new Map(onePerHost(visible).map((service) => [service.hostname, service]));
  const routed = scopes
    .flatMap((scope) => scope.virtualServices)
    .flatMap(destinations)
    .flatMap(({ host, port }) => {
      const service = hosts.get(host);
      return (service !== undefined && port !== undefined ? restrictToPorts(service, String(port)) : service) ?? [];
    });
  return onePerHost([...listed, ...routed]);
}
