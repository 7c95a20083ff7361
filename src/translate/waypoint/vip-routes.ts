// The routes of a service at its waypoint, where the address has told already which service is meant: one virtual host for
// whatever name it is called by.
// https://istio.io/latest/docs/ambient/usage/l7-features/
import { memo } from '../../model/memo.ts';
import type { MeshSettings } from '../../model/mesh/mesh.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { sessionConfig } from '../envoy/filter/stateful-session.ts';
import type { Caller } from '../envoy/route/route.ts';
import { catchAllRoute, defaultRoute, hasRoutes, virtualServiceRoutes } from '../envoy/route/route.ts';
import type { Route } from '../envoy/route/route-action.ts';
import { routedVirtualService, routeTarget } from '../envoy/route/route-target.ts';
import { encap, vipCluster } from '../names.ts';
import type { ServedService } from './served.ts';

type RouteConfiguration = MessageOf['envoy.config.route.v3.RouteConfiguration'];

/** `caller` is the waypoint itself, canonical. */
export const vipRoutes = memo(
  (
    settings: MeshSettings,
    view: ServedService['view'],
    routes: ServedService['routes'],
    caller: Caller,
    port: number,
  ): RouteConfiguration => {
    const { service } = view;
    const cluster = vipCluster('http', service.hostname, port);
    const applies = routes !== undefined && hasRoutes(routes.virtualService, caller, port);
    return configuration(
      cluster,
      port,
      applies
        ? virtualServiceRoutes(settings, routedVirtualService(routes), caller, port)
        : [defaultRoute(settings, routeTarget(view), port, cluster)],
      service.session === undefined ? {} : { typed_per_filter_config: sessionConfig(service) },
    );
  },
);

/** To a workload that is asked for itself. */
export const directRoutes = memo((settings: MeshSettings): RouteConfiguration =>
  configuration(encap, 0, [catchAllRoute(settings, encap, ':0')], {}),
);

/** Answers that Envoy gives itself may be as long as objects can be. */
const longestAnswer = 1024 * 1024;

const configuration = (
  name: string,
  port: number,
  routes: readonly Route[],
  more: Partial<MessageOf['envoy.config.route.v3.VirtualHost']>,
): RouteConfiguration => ({
  name,
  validate_clusters: false,
  max_direct_response_body_size_bytes: longestAnswer,
  virtual_hosts: [{ name: `inbound|http|${port}`, domains: ['*'], routes, ...more }],
});
