// What a gateway is to have: the clusters of the services in sight, and the listeners and routes that gateways ask it for. It
// intercepts nothing, so there is no way through it but those.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import type { Problem } from '../../model/problem.ts';
import { describeSource } from '../../model/source.ts';
import { layer } from '../../model/envoy/layer.ts';
import type { Configuration } from '../../model/envoy/resource.ts';
import type { SnapshotObjects } from '../../model/snapshot.ts';
import type { OutboundView, ProxyView } from '../../model/view.ts';
import { guardOf } from '../envoy/rbac/guard.ts';
import type { Entrance } from '../envoy/rbac/policy-problems.ts';
import { entranceProblems } from '../envoy/rbac/policy-problems.ts';
import type { CallerFacts } from '../outbound-layers.ts';
import { missingDestinations } from '../diagnosis/route-destinations.ts';
import { endpointLayers, outboundClusterLayers } from '../outbound-layers.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { hasAutoPassthrough, meshServices } from './listeners/auto-passthrough.ts';
import { datagramLayers } from './datagrams/datagram-clusters.ts';
import type { DatagramServers } from './datagrams/datagram-servers.ts';
import { datagramServers } from './datagrams/datagram-servers.ts';
import type { ServedCertificate } from './servers/credential-problems.ts';
import { credentialProblems, servedCertificates } from './servers/credential-problems.ts';
import { gatewayFacts } from './listeners/gateway-facts.ts';
import type { GatewayListeners } from './listeners/gateway-listeners.ts';
import { gatewayListeners } from './listeners/gateway-listeners.ts';
import { gatewayRoutes } from './routes/gateway-routes.ts';
import type { GatewayRouting } from './routes/gateway-routing.ts';
import { gatewayRouting } from './routes/gateway-routing.ts';
import { limitsOfProxy } from '../resolve/limits/load-limit.ts';
import { askedHosts } from '../view/providers.ts';
import { routedServices } from './gateway-services.ts';
import { limitedDestinations, limitedServices } from './limited-services.ts';
import type { MergedServer, MergedServers } from './servers/merged-servers.ts';
import { gatewayKey, mergedServers, terminatesHttps } from './servers/merged-servers.ts';
import { selectedGateways } from './servers/selected-gateways.ts';

/** `caller` is the gateway as far as clusters and endpoints depend on it. */
export function routerConfiguration(resolved: ResolvedMesh, view: ProxyView, caller: CallerFacts): Configuration {
  const { settings, proxy, outbound } = view;
  const { endpoints } = resolved.mesh;
  const servers = serversOf(resolved, view);
  const { merged, routing } = servers;
  const { listeners } = listenersOf(view, servers, caller);
  const { namespace, labels } = proxy;
  const datagrams = datagramLayers(
    resolved,
    servers.datagrams.servers,
    routing,
    caller,
    limitsOfProxy(view.inbound.policies.limits),
    `${outbound.scope}|${proxy.id}`,
  );
  const views = clusterViews(view, servers, withCertificate(caller, shownCertificate(resolved, view)));
  return {
    cluster: [
      ...views.flatMap(([own, from]) => outboundClusterLayers(settings, own, endpoints, from)),
      ...datagrams.cluster,
    ],
    endpoint: [
      ...views.flatMap(([own, from]) => endpointLayers(settings, own, endpoints, from)),
      ...datagrams.endpoint,
    ],
    listener: [layer(`router|${proxy.id}`, listeners)],
    route: [
      layer(
        `router|${outbound.scope}|${proxy.id}`,
        gatewayRoutes(settings, sharedValue({ namespace, labels }), merged, routing),
      ),
    ],
    virtualHost: [],
    extension: [],
  };
}

/** What gateways take from each other on this router, and what they lack. */
export function gatewayConflicts(
  resolved: ResolvedMesh,
  view: ProxyView,
  caller: CallerFacts,
  secrets: SnapshotObjects['Secret'],
): readonly Problem[] {
  const servers = serversOf(resolved, view);
  const routes = new Set([...servers.routing.values()].flat());
  return [
    ...servers.merged.problems,
    ...servers.datagrams.problems,
    ...[...routes].flatMap((each) => missingDestinations(each)),
    ...listenersOf(view, servers, caller).problems,
    ...credentialProblems(servers.merged, view.proxy.namespace, secrets),
    ...entranceProblems(view.inbound.policies, entrancesOf(servers.merged)),
  ];
}

/** The certificates that a router shows, of those that are there; none for other proxies. */
export const routerCertificates = (
  resolved: ResolvedMesh,
  view: ProxyView,
  secrets: SnapshotObjects['Secret'],
): readonly ServedCertificate[] =>
  view.proxy.type === 'router'
    ? servedCertificates(serversOf(resolved, view).merged, view.proxy.namespace, secrets)
    : [];

/** Servers that share a socket are entrances of their own. */
const entrancesOf = memo(({ sockets }: MergedServers): readonly Entrance[] =>
  sharedList(
    sockets.flatMap(({ port, groups }) =>
      groups.flat().map((merged) =>
        sharedValue<Entrance>({
          port,
          protocol: terminatesHttps(merged) ? 'HTTP' : merged.protocol,
          callers: asksForCertificates(merged) ? 'known' : 'without certificate',
        }),
      ),
    ),
  ),
);

const asksForCertificates = ({ server: { tls } }: MergedServer): boolean =>
  tls?.mode === 'MUTUAL' || tls?.mode === 'ISTIO_MUTUAL';

interface RouterServers {
  readonly merged: MergedServers;
  readonly datagrams: DatagramServers;
  readonly routing: GatewayRouting;
}

function serversOf(resolved: ResolvedMesh, { settings, proxy, outbound }: ProxyView): RouterServers {
  const { gateways, targets } = selectedGateways(resolved, proxy);
  const names = sharedValue(gateways.map(gatewayKey));
  return {
    merged: mergedServers(gateways, targets, settings.features.http3),
    datagrams: datagramServers(gateways, targets),
    routing: gatewayRouting(resolved.mesh.virtualServices, proxy.namespace, names, outbound.services),
  };
}

const listenersOf = (
  view: ProxyView,
  { merged, datagrams, routing }: RouterServers,
  caller: CallerFacts,
): GatewayListeners =>
  gatewayListeners(
    {
      settings: view.settings,
      facts: gatewayFacts(view.settings, view.proxy, view.telemetry.client),
      guard: guardOf(view.settings, view.inbound.policies, 'gateway'),
      routing,
      clusters: namedByServer(caller).facts,
      passed: meshServices(view.outbound.services),
    },
    merged.sockets,
    datagrams.servers,
  );

/** Of several Gateways that one router serves the oldest with a certificate says which one its backends see. */
const shownCertificate = (resolved: ResolvedMesh, { proxy }: ProxyView): string | undefined =>
  selectedGateways(resolved, proxy).gateways.find(({ clientCertificate }) => clientCertificate !== undefined)
    ?.clientCertificate;

const withCertificate = memo((caller: CallerFacts, clientCertificate: string | undefined): CallerFacts =>
  clientCertificate === undefined ? caller : { ...caller, facts: sharedValue({ ...caller.facts, clientCertificate }) },
);

/** Connections that are passed on by their server name have clusters of their own. */
const namedByServer = memo((caller: CallerFacts): CallerFacts => ({
  ...caller,
  facts: sharedValue({ ...caller.facts, byServerName: true as const }),
}));

function clusterViews(
  { settings, proxy, outbound, inbound }: ProxyView,
  { merged, routing }: RouterServers,
  caller: CallerFacts,
): readonly (readonly [OutboundView, CallerFacts])[] {
  const { clientCertificate } = caller.facts;
  const limits = limitsOfProxy(inbound.policies.limits);
  const scope = [
    'router',
    outbound.scope,
    ...(clientCertificate === undefined ? [] : [clientCertificate]),
    ...limits.map(({ source }) => describeSource(source)),
  ].join('|');
  const routes = sharedList([...routing.values()]);
  const services = settings.features.routedClustersOnly
    ? routedServices(settings, outbound.services, routes, askedHosts([inbound.policies], proxy))
    : outbound.services;
  const own: OutboundView = { ...outbound, services: limitedDestinations(limits, services, routes), scope };
  if (!hasAutoPassthrough(merged)) return [[own, caller]];
  const passed: OutboundView = {
    ...outbound,
    services: limitedServices(limits, meshServices(outbound.services)),
    scope: `passed|${scope}`,
  };
  return [
    [own, caller],
    [passed, namedByServer(caller)],
  ];
}
