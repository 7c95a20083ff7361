// The route configurations of a gateway: for HTTP in the clear one for each socket, and one for each server that ends TLS.
// Hosts are what servers and the VirtualServices of their gateways have in common.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import type { VirtualServiceView } from '../../../model/view.ts';
import { virtualHostName } from '../../names.ts';
import { compareText } from '../../resolve/order.ts';
import type { Caller } from '../../envoy/route/route.ts';
import { hasRoutes } from '../../envoy/route/route.ts';
import { routedVirtualService } from '../../envoy/route/route-target.ts';
import { assemble } from '../../envoy/virtual-host/route-configuration.ts';
import { usesSourceLabels, usesSourceNamespace } from '../../resolve/routing/virtual-service.ts';
import type { RoutePiece } from './gateway-virtual-host.ts';
import { gatewayVirtualHost, nowhere, routePiece } from './gateway-virtual-host.ts';
import type { GatewayRouting } from './gateway-routing.ts';
import { hostsElsewhere, hostsOf, misdirected } from './misdirected.ts';
import type { MergedServer, MergedServers } from '../servers/merged-servers.ts';
import { commonHosts } from '../servers/server-hosts.ts';

/** The router as a client: few rules look at it. */
export interface RouterWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One for each name that the listeners ask for. */
export const gatewayRoutes = (
  settings: MeshSettings,
  router: RouterWorkload,
  merged: MergedServers,
  routing: GatewayRouting,
): readonly Resource[] => {
  const elsewhere = hostsElsewhere(settings, merged);
  return [...merged.byRoute].map(([name, servers]) =>
    routeConfiguration(
      settings,
      router,
      sharedList(servers),
      sharedList(servers.map(({ gateway }) => routing.get(gateway) ?? none)),
      elsewhere.get(name) ?? nowhereElse,
      name,
    ),
  );
};

const none: readonly VirtualServiceView[] = [];
const nowhereElse: readonly string[] = [];

/** `routes` are the VirtualServices of each server's gateway, `elsewhere` hosts of other servers of the port. */
const routeConfiguration = memo(
  (
    settings: MeshSettings,
    router: RouterWorkload,
    servers: readonly MergedServer[],
    routes: readonly (readonly VirtualServiceView[])[],
    elsewhere: readonly string[],
    name: string,
  ): Resource => {
    const hosts = collapsed(withoutHosts(planHosts(router, servers, routes), servers, elsewhere));
    const port = servers[0]?.server.port.number ?? 0;
    const known =
      hosts.length === 0
        ? [nowhere(port, name)]
        : hosts
            .toSorted((a, b) => compareText(a.name, b.name))
            .map(({ pieces, name: hostName, domains, requireTls }) =>
              gatewayVirtualHost(
                settings,
                sharedValue({ name: hostName, domains, requireTls }),
                sharedList(pieces),
                name,
              ),
            );
    const resources = elsewhere.length === 0 ? known : [...known, misdirected(elsewhere, port, name)];
    return assemble(sharedList(resources), name);
  },
);

/**
 * What another server has, however it is routed here, is its own. The servers' own hosts are unknown rather than misdirected
 * where nobody routes them.
 */
function withoutHosts(
  hosts: ReadonlyMap<string, PlannedHost>,
  servers: readonly MergedServer[],
  elsewhere: readonly string[],
): ReadonlyMap<string, PlannedHost> {
  if (elsewhere.length === 0) return hosts;
  const others = new Set(elsewhere);
  const own = servers.flatMap((server) =>
    hostsOf(server).map((host) => [host, plannedHost(host, server.server.port.number)] as const),
  );
  return new Map([...own, ...[...hosts].filter(([host]) => !others.has(host))]);
}

const plannedHost = (host: string, port: number): PlannedHost => ({
  name: virtualHostName(host, port),
  domains: [host],
  pieces: [],
  requireTls: false,
});

interface PlannedHost {
  readonly name: string;
  readonly domains: string[];
  readonly pieces: RoutePiece[];
  requireTls: boolean;
}

/** By host, in lower case. A VirtualService brings the same routes to all hosts that it has through one gateway. */
function planHosts(
  router: RouterWorkload,
  servers: readonly MergedServer[],
  routes: readonly (readonly VirtualServiceView[])[],
): ReadonlyMap<string, PlannedHost> {
  const hosts = new Map<string, PlannedHost>();
  const pieces = new Map<string, Map<VirtualServiceView, RoutePiece>>();
  const hostOf = (host: string, port: number): PlannedHost => {
    const key = host.toLowerCase();
    const known = hosts.get(key) ?? plannedHost(key, port);
    hosts.set(key, known);
    return known;
  };
  for (const [i, { server, gateway, hosts: served }] of servers.entries()) {
    const redirects = server.tls?.httpsRedirect === true;
    const known = pieces.get(gateway) ?? new Map<VirtualServiceView, RoutePiece>();
    pieces.set(gateway, known);
    for (const view of routes[i] ?? none) {
      const { namespace, hosts: routed } = view.virtualService;
      const common = commonHosts(served, namespace, routed);
      const piece = common.length === 0 ? undefined : (known.get(view) ?? pieceOf(router, servers[i], view));
      if (piece === undefined) continue;
      known.set(view, piece);
      for (const host of common) {
        const planned = hostOf(host, server.port.number);
        planned.pieces.push(piece);
        planned.requireTls ||= redirects;
      }
    }
    if (redirects) for (const { host } of served) hostOf(host, server.port.number).requireTls = true;
  }
  return hosts;
}

/** The VirtualService's routes for the server's port; undefined when it has none. */
function pieceOf(
  router: RouterWorkload,
  merged: MergedServer | undefined,
  view: VirtualServiceView,
): RoutePiece | undefined {
  if (merged === undefined) return undefined;
  const { virtualService } = view;
  const { port, tls } = merged.server;
  const caller = sharedValue<Caller>({
    namespace: usesSourceNamespace(virtualService) ? router.namespace : '',
    labels: usesSourceLabels(virtualService) ? router.labels : {},
    gateways: [merged.gateway],
    ...(tls !== undefined && { tls: true as const }),
    ...(merged.quicPort !== undefined && { http3: true as const }),
  });
  if (!hasRoutes(virtualService, caller, port.number)) return undefined;
  return routePiece(routedVirtualService(view), caller, port.number);
}

/** Hosts with the very same routes are one virtual host, named for the most specific of them. */
function collapsed(hosts: ReadonlyMap<string, PlannedHost>): readonly PlannedHost[] {
  const kept: PlannedHost[] = [];
  const latest = new Map<readonly RoutePiece[], PlannedHost>();
  for (const [, host] of [...hosts].toSorted(([a], [b]) => moreSpecific(a, b))) {
    const routes = sharedList(host.pieces);
    const like = latest.get(routes);
    if (like !== undefined && like.requireTls === host.requireTls) like.domains.push(...host.domains);
    else {
      latest.set(routes, host);
      kept.push(host);
    }
  }
  return kept;
}

/** Wildcards last, the longest first. */
function moreSpecific(a: string, b: string): number {
  const wildcards = Number(a.startsWith('*')) - Number(b.startsWith('*'));
  return wildcards || b.length - a.length || compareText(a, b);
}
