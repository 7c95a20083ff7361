// A virtual host: the domains of one host on one port and its routes. It is a resource of its own, so that a change
// to one VirtualService makes and encodes one virtual host and not the whole route configuration.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import type { UnknownDestinations } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { assertNever, invariant } from '../../../model/invariant.ts';
import { memo } from '../../../model/memo.ts';
import { passthroughCluster } from '../../names.ts';
import { from, merge } from '../../provenance.ts';
import { sessionConfig } from '../filter/stateful-session.ts';
import { defaultRoute, virtualServiceRoutes, type Caller } from '../route/route.ts';
import type { Route } from '../route/route-action.ts';
import type { PlannedHost } from './virtual-host-plan.ts';

type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];

export const virtualHostType = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';

/** `caller` is there when a VirtualService has the host. The resource is named `<route configuration>/<host>`. */
export const virtualHost = memo(
  (settings: MeshSettings, routeName: string, caller: Caller | undefined, planned: PlannedHost): Resource => {
    const { target, routed, name, port, domains } = planned;
    const named = { name, domains, ...attemptCount(settings) };
    return virtualHostResource(
      routeName,
      merge<VirtualHost>(
        target === undefined ? named : from(target.service.source, named),
        routed === undefined
          ? undefined
          : from(routed.virtualService.source, target === undefined ? { name, domains } : {}),
        target?.service.session === undefined ? undefined : { typed_per_filter_config: sessionConfig(target.service) },
        hostRoutes(settings, planned, caller, port),
      ),
    );
  },
);

/** What hosts get that nobody knows: they are let through, refused, or left to an egress proxy. */
export const unknownHosts = memo(
  (settings: MeshSettings, unknown: UnknownDestinations, routeName: string): Resource => {
    const name = unknown.kind === 'block' ? 'block_all' : 'allow_any';
    const route: Route = { name, match: { prefix: '/' }, ...unknownAction(settings, unknown) };
    const message: VirtualHost = { name, domains: ['*'], ...attemptCount(settings), routes: [route] };
    return virtualHostResource(routeName, unknown.kind === 'egress-proxy' ? from(unknown.source, message) : message);
  },
);

export const virtualHostResource = (routeName: string, message: VirtualHost): Resource => ({
  type: virtualHostType,
  name: `${routeName}/${message.name}`,
  message,
});

function hostRoutes(
  settings: MeshSettings,
  { target, routed }: PlannedHost,
  caller: Caller | undefined,
  port: number,
): Pick<VirtualHost, 'routes'> {
  if (routed !== undefined) {
    invariant(caller !== undefined, 'routes of a VirtualService are made for a caller');
    return from(routed.virtualService.source, { routes: virtualServiceRoutes(settings, routed, caller, port) });
  }
  invariant(target !== undefined, 'a virtual host is for a service or by a VirtualService');
  return { routes: [defaultRoute(settings, target, port)] };
}

/** Servers are told which attempt a request is, unless the mesh does not want that. */
export const attemptCount = (settings: MeshSettings): Pick<VirtualHost, 'include_request_attempt_count'> =>
  settings.defaultConfig?.proxyHeaders?.attemptCount?.disabled === true ? {} : { include_request_attempt_count: true };

function unknownAction(settings: MeshSettings, unknown: UnknownDestinations): Route {
  const forwardedHost = settings.defaultConfig?.proxyHeaders?.xForwardedHost?.enabled === true;
  const pass = (cluster: string): Route => ({
    route: {
      cluster,
      timeout: '0s',
      max_grpc_timeout: '0s',
      ...(forwardedHost && { append_x_forwarded_host: true }),
    },
  });
  switch (unknown.kind) {
    case 'allow':
      return pass(passthroughCluster);
    case 'egress-proxy':
      return pass(unknown.cluster);
    case 'block':
      return { direct_response: { status: 502 } };
    default:
      return assertNever(unknown);
  }
}
