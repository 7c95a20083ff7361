// Which addresses and ports the outbound listeners of a proxy claim, for which service each, before any conflict between
// them is settled. Nothing is built here: a claim says how its chains would be.
// https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/
import { memo, memoEach, sharedList, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings, Protocol, Service, ServicePort } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import type { EgressListener, ServiceView, VirtualServiceView } from '../../../model/view.ts';
import { hostsOverlap } from '../../resolve/host.ts';
import { isHttp } from '../../resolve/protocol.ts';
import type { LocalAddresses } from './listener-facts.ts';
import { localAddresses, reservedPorts, supportsIpv4, supportsIpv6 } from './listener-facts.ts';

/** How a listener tells what it was given: as HTTP, as plain bytes, or by looking at the first bytes. */
export type ListenerKind = 'http' | 'tcp' | 'auto';

/** One service wants one port of one bind. */
export interface Claim {
  /** What is bound first, then the additional addresses. */
  readonly addresses: readonly [string, ...string[]];
  readonly port: number;
  /** Bound for real: nothing redirects connections to it. */
  readonly bound: boolean;
  readonly kind: ListenerKind;
  readonly protocol: Protocol;
  readonly source: SourceRef;
  readonly view: ServiceView;
  /** Address blocks of the service behind a wildcard bind. */
  readonly destinations: readonly string[];
  readonly byServerName: boolean;
  /** VirtualServices with one of the service's hosts and routes for connections. */
  readonly routes: readonly VirtualServiceView[];
}

/** What of a proxy decides where its listeners are. */
export interface BindFacts {
  readonly local: LocalAddresses;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** '' where no listener could be on it, so that more proxies share. */
  readonly ownAddress: string;
  readonly intercepted: boolean;
  readonly dnsCapture: boolean;
  /** Ports below 1024 cannot be bound. */
  readonly unprivileged: boolean;
  readonly reserved: readonly number[];
}

export function bindFacts(settings: MeshSettings, proxy: Proxy, services: readonly ServiceView[]): BindFacts {
  const [own = ''] = proxy.ipAddresses;
  return {
    local: localAddresses(proxy),
    ipv4: supportsIpv4(proxy),
    ipv6: supportsIpv6(proxy),
    ownAddress: allInstances(services).has(own) ? own : '',
    intercepted: proxy.interceptionMode !== 'NONE',
    dnsCapture: proxy.dnsCapture,
    unprivileged: String(proxy.metadata['UNPRIVILEGED_POD']) === 'true',
    reserved: reservedPorts(settings, proxy),
  };
}

const allInstances = memo(
  (services: readonly ServiceView[]): ReadonlySet<string> =>
    new Set(services.flatMap((view) => view.instanceAddresses)),
);

/** The claims of one egress listener, in the order of its services and their ports. */
export function claims(facts: BindFacts, egress: EgressListener): readonly Claim[] {
  const { services, virtualServices, ...listener } = egress;
  return serviceClaims(facts, sharedValue(listener), connectionRoutes(virtualServices), services).flat();
}

type Listener = Omit<EgressListener, 'services' | 'virtualServices'>;

/** Those of each service. */
const serviceClaims = memoEach(
  (
    facts: BindFacts,
    listener: Listener,
    routes: readonly VirtualServiceView[],
    view: ServiceView,
  ): readonly Claim[] => {
    const own = sharedList(
      routes.filter(({ virtualService }) =>
        virtualService.hosts.some((host) => hostsOverlap(host, view.service.hostname)),
      ),
    );
    return portsOf(listener, view.service)
      .filter((port) => port.protocol !== 'UDP')
      .flatMap((port) => portClaims(facts, listener, view, port, own))
      .filter((claim) => isAllowed(facts, claim));
  },
);

/** Those that route connections, not only requests. */
export const connectionRoutes = memo((all: readonly VirtualServiceView[]): readonly VirtualServiceView[] =>
  all.filter(({ virtualService }) => virtualService.tcp.length > 0 || virtualService.tls.length > 0),
);

/** An explicit listener has its own port and protocol, whatever the service's are. */
const portsOf = ({ port }: Listener, service: Service): readonly ServicePort[] =>
  port === undefined ? service.ports : [port];

function portClaims(
  facts: BindFacts,
  egress: Listener,
  view: ServiceView,
  port: ServicePort,
  routes: readonly VirtualServiceView[],
): readonly Claim[] {
  const kind = kindOf(port.protocol);
  const bound = !facts.intercepted || !egress.captured || egress.bind?.startsWith('unix://') === true;
  const bind = egress.bind === undefined ? (bound ? facts.local.loopbacks : undefined) : ([egress.bind] as const);
  const source =
    egress.port === undefined
      ? at(view.service.source, `spec.ports[${view.service.ports.indexOf(port)}]`)
      : egress.source;
  const claim = { port: port.number, bound, kind, protocol: port.protocol, source, view, routes };
  const { wildcards } = facts.local;
  if (kind === 'http') return [{ ...claim, addresses: bind ?? wildcards, destinations: [], byServerName: false }];
  const addresses = serviceAddresses(facts, view.service);
  if (bind !== undefined) {
    const byServerName = addresses.length === 0 && bind[0] === wildcards[0];
    return [{ ...claim, addresses: bind, destinations: [], byServerName }];
  }
  if (addresses.length > 0) return addresses.map((address) => ({ ...claim, ...addressBind(address, wildcards) }));
  const anywhere = egress.port !== undefined || (!view.service.headless && view.service.resolution !== 'passthrough');
  if (anywhere) return [{ ...claim, addresses: wildcards, destinations: [], byServerName: true }];
  return instanceBinds(facts, view).map((instance) => ({ ...claim, ...instance }));
}

type Bind = Pick<Claim, 'addresses' | 'destinations' | 'byServerName'>;

/** A block of addresses cannot be bound: the wildcard is, and the block becomes a condition. */
const addressBind = (address: string, wildcards: Claim['addresses']): Bind =>
  address.includes('/')
    ? { addresses: wildcards, destinations: [address], byServerName: true }
    : { addresses: [address], destinations: [], byServerName: false };

/**
 * Callers of a headless service connect to its instances. The proxy's own is left out: such traffic never leaves the
 * pod. A host outside Kubernetes without known instances can be anywhere.
 */
function instanceBinds(facts: BindFacts, { service, instanceAddresses }: ServiceView): readonly Bind[] {
  if (instanceAddresses.length === 0 && service.registry === 'External') {
    return [{ addresses: facts.local.wildcards, destinations: [], byServerName: true }];
  }
  return instanceAddresses
    .filter((address) => address !== facts.ownAddress && isAddress(address))
    .map((address) => ({ addresses: [address], destinations: [], byServerName: false }));
}

const isAddress = (text: string): boolean => /^\d+\.\d+\.\d+\.\d+$/.test(text) || text.includes(':');

/** A Kubernetes Service answers on one of its addresses, any other host on all of them. */
function serviceAddresses(facts: BindFacts, service: Service): readonly string[] {
  const reachable = (address: string): boolean => (address.includes(':') ? facts.ipv6 : facts.ipv4);
  if (service.addresses.length === 0)
    return facts.dnsCapture ? service.autoAddresses.filter(reachable).slice(0, 1) : [];
  if (service.registry === 'External') return service.addresses;
  return [service.addresses.find(reachable) ?? service.addresses[0] ?? ''].filter((address) => address !== '');
}

function kindOf(protocol: Protocol): ListenerKind {
  if (isHttp(protocol)) return 'http';
  return protocol === 'Auto' ? 'auto' : 'tcp';
}

function isAllowed(facts: BindFacts, { addresses, port, bound }: Claim): boolean {
  if (bound && facts.unprivileged && port > 0 && port < 1024) return false;
  return addresses[0] !== facts.local.wildcards[0] || !facts.reserved.includes(port);
}
