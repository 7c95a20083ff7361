// Which addresses and ports the outbound listeners of a proxy claim, for which service each, before any conflict between
// them is settled. Nothing is built here: a claim says how its chains would be.
// https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/
import { memo, memoEach, sharedList, sharedValue } from '../../../../model/memo.ts';
import type { AddressFamilies } from '../../../../model/mesh/address-families.ts';
import { addressFamilies, usableAddresses } from '../../../../model/mesh/address-families.ts';
import type { MeshSettings, Protocol, Service, ServicePort } from '../../../../model/mesh/mesh.ts';
import { isDatagram } from '../../../../model/mesh/service-port.ts';
import type { Proxy } from '../../../../model/proxy/proxy.ts';
import type { SourceRef } from '../../../../model/source.ts';
import { at } from '../../../../model/source.ts';
import type { EgressListener, ServiceView, VirtualServiceView } from '../../../../model/view.ts';
import { hostsOverlap } from '../../../resolve/routing/host.ts';
import { isHttp } from '../../../resolve/services/protocol.ts';
import type { LocalAddresses } from '../listener-facts.ts';
import { entryAddresses, localAddresses, reservedPorts } from '../listener-facts.ts';

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
  readonly service: Service;
  /** Absent where nothing but requests is taken: their routes are delivered on their own. */
  readonly view?: ServiceView;
  /** Address blocks of the service behind a wildcard bind. */
  readonly destinations: readonly string[];
  readonly byServerName: boolean;
  /** VirtualServices with one of the service's hosts and routes for connections. */
  readonly routes: readonly VirtualServiceView[];
}

/** What of a proxy decides where its listeners are. */
export interface BindFacts {
  readonly local: LocalAddresses;
  /** Where redirected connections arrive. */
  readonly entry: LocalAddresses['wildcards'];
  readonly families: AddressFamilies;
  /** '' where no listener could be on it, so that more proxies share. */
  readonly ownAddress: string;
  readonly intercepted: boolean;
  readonly dnsCapture: boolean;
  /** Requests to a Service's own address are its own, whatever host they name. */
  readonly byAddress: boolean;
  /** Ports below 1024 cannot be bound. */
  readonly unprivileged: boolean;
  readonly reserved: readonly number[];
}

export const bindFacts = (settings: MeshSettings, proxy: Proxy, ownAddress: string): BindFacts =>
  sharedValue({
    local: localAddresses(proxy),
    entry: entryAddresses(settings, proxy),
    families: addressFamilies(settings, proxy),
    ownAddress,
    intercepted: proxy.interceptionMode !== 'NONE',
    dnsCapture: proxy.dnsCapture,
    byAddress: settings.features.routeByAddress,
    unprivileged: String(proxy.metadata['UNPRIVILEGED_POD']) === 'true',
    reserved: reservedPorts(settings, proxy),
  });

/** The claims of one egress listener; the very same as long as they say the same. */
export interface EgressClaims {
  /** Whether the listener has a port of its own. */
  readonly isExplicit: boolean;
  /** Those of each service, in the order of its ports. */
  readonly byService: readonly (readonly Claim[])[];
}

export function egressClaims(facts: BindFacts, egress: EgressListener): EgressClaims {
  const { services, virtualServices, ...listener } = egress;
  const routes = connectionRoutes(virtualServices);
  return claimsOf(egress.port !== undefined, serviceClaims(facts, sharedValue(listener), routes, services));
}

const claimsOf = memo((isExplicit: boolean, byService: EgressClaims['byService']): EgressClaims => ({
  isExplicit,
  byService,
}));

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
    return sharedList(
      portsOf(listener, view.service)
        .filter((port) => !isDatagram(port))
        .flatMap((port) => portClaims(facts, listener, view, port, own))
        .filter((claim) => isAllowed(facts, claim)),
    );
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
  const { service } = view;
  const kind = kindOf(port.protocol);
  const bound = isBound(facts, egress);
  const bind = explicitBind(facts, egress);
  const addresses = serviceBinds(facts, service);
  const claim = { port: port.number, bound, kind, protocol: port.protocol, service, view, routes };
  const source = sourceOf(egress, service, port);
  const { wildcards } = facts.local;
  if (kind === 'http') {
    const shared = requestClaim(facts, egress, service, port);
    const alone = facts.byAddress && bind === undefined && egress.port === undefined;
    if (!alone || service.registry !== 'Kubernetes') return [shared];
    return [...addresses.map((own) => ({ ...shared, view, routes, kind: 'auto', addresses: own }) as const), shared];
  }
  if (bind !== undefined) {
    const byServerName = addresses.length === 0 && bind[0] === wildcards[0];
    return [{ ...claim, source, addresses: bind, destinations: [], byServerName }];
  }
  if (addresses.length > 0) return addresses.map((own) => ({ ...claim, source, ...addressBind(own, wildcards) }));
  const anywhere = egress.port !== undefined || (!service.headless && service.resolution !== 'passthrough');
  if (anywhere) return [{ ...claim, source, addresses: wildcards, destinations: [], byServerName: true }];
  return instanceBinds(facts, view).map((instance) => ({ ...claim, source, ...instance }));
}

const isBound = ({ intercepted }: BindFacts, { captured, bind }: Listener): boolean =>
  !intercepted || !captured || bind?.startsWith('unix://') === true;

/** Undefined where it depends on the service. */
const explicitBind = (facts: BindFacts, egress: Listener): Claim['addresses'] | undefined =>
  egress.bind === undefined ? (isBound(facts, egress) ? facts.local.loopbacks : undefined) : [egress.bind];

const sourceOf = (egress: Listener, service: Service, port: ServicePort): SourceRef =>
  egress.port === undefined ? at(service.source, `spec.ports[${service.ports.indexOf(port)}]`) : egress.source;

/** Whatever policies and endpoints the service has. */
const requestClaim = memo((facts: BindFacts, egress: Listener, service: Service, port: ServicePort): Claim => ({
  addresses: explicitBind(facts, egress) ?? facts.local.wildcards,
  port: port.number,
  bound: isBound(facts, egress),
  kind: 'http',
  protocol: port.protocol,
  source: sourceOf(egress, service, port),
  service,
  destinations: [],
  byServerName: false,
  routes: [],
}));

type Bind = Pick<Claim, 'addresses' | 'destinations' | 'byServerName'>;

/** A block of addresses cannot be bound: the wildcard is, and the block becomes a condition. */
const addressBind = (addresses: Claim['addresses'], wildcards: Claim['addresses']): Bind =>
  addresses[0].includes('/')
    ? { addresses: wildcards, destinations: addresses, byServerName: true }
    : { addresses, destinations: [], byServerName: false };

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

/**
 * Any host but a Kubernetes Service answers on each of its addresses by itself. What has one for each family has them together,
 * as far as the proxy uses them.
 */
function serviceBinds({ families, dnsCapture }: BindFacts, service: Service): readonly Claim['addresses'][] {
  const { addresses, autoAddresses, registry } = service;
  if (addresses.length === 0) return dnsCapture ? together(usableAddresses(autoAddresses, families), families) : [];
  if (registry === 'External') return addresses.map((address) => [address]);
  const usable = usableAddresses(addresses, families);
  return together(usable.length === 0 ? addresses : usable, families);
}

const together = ([first, ...others]: readonly string[], families: AddressFamilies): readonly Claim['addresses'][] =>
  first === undefined ? [] : [families === 'both' ? [first, ...others] : [first]];

function kindOf(protocol: Protocol): ListenerKind {
  if (isHttp(protocol)) return 'http';
  return protocol === 'Auto' ? 'auto' : 'tcp';
}

function isAllowed(facts: BindFacts, { addresses, port, bound }: Claim): boolean {
  if (bound && facts.unprivileged && port > 0 && port < 1024) return false;
  return addresses[0] !== facts.local.wildcards[0] || !facts.reserved.includes(port);
}
