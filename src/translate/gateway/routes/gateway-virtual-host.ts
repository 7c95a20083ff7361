// A virtual host of a gateway: the routes of all VirtualServices that have its host, one after the other; those that take
// every request come last.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { virtualHostName } from '../../names.ts';
import { from, merge } from '../../provenance.ts';
import { sessionConfig } from '../../envoy/filter/stateful-session.ts';
import type { Caller } from '../../envoy/route/route.ts';
import { virtualServiceRoutes } from '../../envoy/route/route.ts';
import { isCatchAll } from '../../envoy/route/route-match.ts';
import type { RoutedVirtualService } from '../../envoy/route/route-target.ts';
import { targetsByHost } from '../../envoy/route/route-target.ts';
import { attemptCount, virtualHostResource } from '../../envoy/virtual-host/virtual-host.ts';

type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];

/** What one VirtualService gives to a host, through one gateway; one object for each content. */
export interface RoutePiece {
  readonly routed: RoutedVirtualService;
  readonly caller: Caller;
  /** The server's port. */
  readonly port: number;
}

export const routePiece = memo((routed: RoutedVirtualService, caller: Caller, port: number): RoutePiece => ({
  routed,
  caller,
  port,
}));

/** `host` is plain data made canonical; `pieces` are in order of precedence. */
export const gatewayVirtualHost = memo(
  (
    settings: MeshSettings,
    host: { readonly name: string; readonly domains: readonly string[]; readonly requireTls: boolean },
    pieces: readonly RoutePiece[],
    routeName: string,
  ): Resource => {
    const { name, domains, requireTls } = host;
    const all = pieces.flatMap(({ routed, caller, port }) => virtualServiceRoutes(settings, routed, caller, port));
    const takesAll = Map.groupBy(all, ({ match }) => isCatchAll(match ?? {}));
    const routes = [...(takesAll.get(false) ?? []), ...(takesAll.get(true) ?? [])];
    const sources = pieces.map(({ routed }) => routed.virtualService.source);
    return virtualHostResource(
      routeName,
      merge<VirtualHost>(
        sources.length === 0 ? { name, domains } : from(sources, { name, domains }),
        attemptCount(settings),
        requireTls ? { require_tls: 'ALL' } : undefined,
        sessions(domains[0] ?? '', pieces),
        routes.length === 0 ? undefined : from(sources, { routes }),
      ),
    );
  },
);

/** Where a client stays with the endpoints of the host's own service. */
function sessions(host: string, pieces: readonly RoutePiece[]): VirtualHost | undefined {
  const [first] = pieces;
  const service = first === undefined ? undefined : targetsByHost(first.routed.targets).get(host)?.service;
  return service?.session === undefined ? undefined : { typed_per_filter_config: sessionConfig(service) };
}

/** Nobody has routes: every request is answered 404. */
export const nowhere = memo((port: number, routeName: string): Resource =>
  virtualHostResource(routeName, { name: virtualHostName('blackhole', port), domains: sharedValue(['*']) }),
);
