// What a gateway is to have: the clusters of all services in sight, and the listeners that Gateway objects ask it for. It
// intercepts nothing, so there is no way through it but those.
// https://istio.io/latest/docs/setup/install/multicluster/multi-primary_multi-network/
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import type { Configuration } from '../../model/resource.ts';
import type { OutboundView, ProxyView, ServiceView } from '../../model/view.ts';
import { connectionFacts, localAddresses } from '../envoy/listener/listener-facts.ts';
import type { CallerFacts } from '../outbound-layers.ts';
import { endpointLayer, layer, outboundClusterLayer } from '../outbound-layers.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import type { GatewayFacts } from './passthrough-listener.ts';
import { passthroughListeners } from './passthrough-listener.ts';
import { passthroughServers } from './passthrough-servers.ts';

/** `caller` is the gateway as far as clusters and endpoints depend on it. */
export function routerConfiguration(
  resolved: ResolvedMesh,
  { settings, proxy, outbound }: ProxyView,
  caller: CallerFacts,
): Configuration {
  const { endpoints } = resolved.mesh;
  const servers = passthroughServers(resolved, proxy);
  const named: CallerFacts = { ...caller, facts: sharedValue({ ...caller.facts, byServerName: true as const }) };
  const facts: GatewayFacts = sharedValue({
    clusters: named.facts,
    connection: connectionFacts(proxy),
    addresses: localAddresses(proxy),
  });
  const own: OutboundView = { ...outbound, scope: `router|${outbound.scope}` };
  const passed: OutboundView = { ...own, services: meshServices(outbound.services), scope: `passed|${own.scope}` };
  const views =
    servers.length === 0
      ? [[own, caller] as const]
      : ([
          [own, caller],
          [passed, named],
        ] as const);
  return {
    cluster: views.map(([view, from]) => outboundClusterLayer(settings, view, endpoints, from)),
    endpoint: views.map(([view, from]) => endpointLayer(settings, view, endpoints, from)),
    listener: [layer(`router|${proxy.id}`, passthroughListeners(settings, facts, servers, passed.services))],
    route: [],
    virtualHost: [],
    extension: [],
  };
}

/** Only servers of the mesh take its mutual TLS. */
const meshServices = memo((services: readonly ServiceView[]): readonly ServiceView[] =>
  sharedList(services.filter(({ service }) => !service.meshExternal)),
);
