// The routes of one virtual host: those of a VirtualService as far as they apply to a caller, or the default one of a
// service that no VirtualService names.
// https://istio.io/latest/docs/concepts/traffic-management/#virtual-services
import type { MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import type { HTTPMatchRequest, HTTPRoute } from '../../../model/schema/index.ts';
import type { SourcedRoute, VirtualService } from '../../../model/mesh/virtual-service.ts';
import { memo } from '../../../model/memo.ts';
import { configPath, outboundCluster, virtualHostName } from '../../names.ts';
import { from, merge } from '../../provenance.ts';
import { typed } from '../../typed.ts';
import { selects } from '../../../model/mesh/labels.ts';
import { meshGateway } from '../../resolve/routing/virtual-service.ts';
import { perRoute, sessionConfig } from '../filter/stateful-session.ts';
import { askedOnRoute } from '../rbac/route-authorizer.ts';
import { httpCors } from './cors.ts';
import { httpFault } from './fault.ts';
import { hashPolicy } from './hash-policy.ts';
import { retryPolicy } from './retry-policy.ts';
import { action, causes, type ActionContext, type Route } from './route-action.ts';
import { isCatchAll, pathPattern, routeMatch } from './route-match.ts';
import { resolveDestination, targetsByHost, type RoutedVirtualService, type RouteTarget } from './route-target.ts';

/** Who sends, as far as matches ask for it. */
export interface Caller {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `mesh` for sidecars, else the names of the gateways that the caller serves. */
  readonly gateways: readonly string[];
  /** Requests come in over TLS that ends here. */
  readonly tls?: true;
  /** Hosts that the caller, a waypoint, is in front of: it leads to their endpoints itself. */
  readonly behind?: readonly string[];
  /** Answers say that the port can be had over HTTP/3 as well. */
  readonly http3?: true;
}

/** In the order they are tried; nothing follows a route that takes every request. `port`: of the route configuration. */
export const virtualServiceRoutes = memo(
  (settings: MeshSettings, { virtualService, targets }: RoutedVirtualService, caller: Caller, port: number) => {
    const singlePorts = !caller.gateways.includes(meshGateway);
    const context: ActionContext = {
      settings,
      api: virtualService.api,
      port,
      targets: targetsByHost(targets),
      singlePorts,
      behind: new Set(caller.behind),
      tls: caller.tls === true,
      http3: caller.http3 === true,
    };
    const routes: Route[] = [];
    for (const alternative of alternatives(virtualService)) {
      if (!applies(alternative.match, caller, port)) continue;
      const match = routeMatch(alternative.match, virtualService.api);
      routes.push(httpRoute(context, virtualService, alternative, match));
      if (isCatchAll(match)) break;
    }
    return routes;
  },
);

/** Whether any route is for this caller; if none is, the VirtualService is as good as absent for it. */
export const hasRoutes = (virtualService: VirtualService, caller: Caller, port: number): boolean =>
  alternatives(virtualService).some(({ match }) => applies(match, caller, port));

/** Everything goes to the service itself. */
export const defaultRoute = memo(
  (settings: MeshSettings, { service, policy }: RouteTarget, port: number, cluster?: string): Route =>
    from(
      service.source,
      catchAllRoute(
        settings,
        cluster ?? outboundCluster(service.hostname, port),
        virtualHostName(service.hostname, port),
        hashPolicy(policy, port),
      ),
    ),
);

/** Everything goes to the cluster. `name` is what traces call it. */
export function catchAllRoute(
  settings: MeshSettings,
  cluster: string,
  name: string,
  hash?: ReturnType<typeof hashPolicy>,
): Route {
  const retry = retryPolicy(settings.defaultHttpRetryPolicy, false);
  return {
    name: 'default',
    match: { prefix: '/' },
    decorator: { operation: `${name}/*` },
    route: {
      cluster,
      timeout: '0s',
      max_grpc_timeout: '0s',
      ...(retry !== undefined && { retry_policy: retry }),
      ...(hash !== undefined && { hash_policy: [hash] }),
    },
  };
}

interface Alternative {
  readonly sourced: SourcedRoute<HTTPRoute>;
  readonly match: HTTPMatchRequest | undefined;
  readonly index: number;
}

/** One for each match block, or one for a route without any. */
const alternatives = memo((virtualService: VirtualService): readonly Alternative[] =>
  virtualService.http.flatMap((sourced): readonly Alternative[] => {
    const matches = sourced.route.match ?? [];
    return matches.length === 0
      ? [{ sourced, match: undefined, index: 0 }]
      : matches.map((match, index) => ({ sourced, match, index }));
  }),
);

/** Gateways in a match take the place of what it asks about the workload that sends. */
function applies(match: HTTPMatchRequest | undefined, caller: Caller, port: number): boolean {
  if (match === undefined) return true;
  if (match.port !== undefined && match.port !== 0 && match.port !== port) return false;
  const gateways = match.gateways ?? [];
  if (gateways.length > 0) return gateways.some((gateway) => caller.gateways.includes(gateway));
  return (
    selects(match.sourceLabels ?? {}, caller.labels) &&
    (!match.sourceNamespace || match.sourceNamespace === caller.namespace)
  );
}

function httpRoute(
  context: ActionContext,
  virtualService: VirtualService,
  { sourced, match: wanted, index }: Alternative,
  match: Route['match'] & object,
): Route {
  const name = routeName(sourced.route.name ?? '', wanted?.name ?? '');
  const config = configPath('virtual-service', virtualService.namespace, virtualService.name);
  return merge<Route>(
    from(causes(sourced), {
      ...(name !== '' && { name }),
      metadata: { filter_metadata: { istio: { config } } },
      decorator: { operation: operation(context, virtualService, sourced.route, pathPattern(match)) },
    }),
    from(wanted === undefined ? causes(sourced) : causes(sourced, `match[${index}]`), {
      match,
      ...(wanted?.statPrefix !== undefined && wanted.statPrefix !== '' && { stat_prefix: wanted.statPrefix }),
    }),
    withAlternative(context, action(context, sourced)),
    filterSettings(context, sourced),
  );
}

/** https://www.rfc-editor.org/rfc/rfc7838: clients may come back over HTTP/3 for a day. */
function withAlternative({ http3, port }: ActionContext, route: Route): Route {
  if (!http3) return route;
  const service = { header: { key: 'alt-svc', value: `h3=":${port}"; ma=86400` } };
  return { ...route, response_headers_to_add: [...(route.response_headers_to_add ?? []), service] };
}

const routeName = (route: string, match: string): string => (match === '' ? route : `${route}.${match}`);

/** The name of the operation in traces: the destination where there is exactly one, else the VirtualService. */
function operation(context: ActionContext, virtualService: VirtualService, route: HTTPRoute, path: string): string {
  const [only, ...others] = route.route ?? [];
  const answered = route.redirect !== undefined || route.directResponse !== undefined;
  if (only === undefined || others.length > 0 || answered) return `${virtualService.name}:${context.port}${path}`;
  const { host, port } = resolveDestination(only.destination, context);
  return host === '' ? `${virtualService.name}:${context.port}${path}` : `${virtualHostName(host, port)}${path}`;
}

function filterSettings(context: ActionContext, sourced: SourcedRoute<HTTPRoute>): Route | undefined {
  const { fault, corsPolicy } = sourced.route;
  const session = context.settings.features.strictGateways ? sourced.session : undefined;
  const bound = session === undefined ? boundService(context, sourced.route) : undefined;
  const { authorizer } = sourced;
  if ([fault, corsPolicy, bound, session, authorizer].every((each) => each === undefined)) return undefined;
  const settings = merge<NonNullable<Route['typed_per_filter_config']>>(
    fault === undefined
      ? undefined
      : from(causes(sourced, 'fault'), {
          'envoy.filters.http.fault': typed('envoy.extensions.filters.http.fault.v3.HTTPFault', httpFault(fault)),
        }),
    corsPolicy === undefined
      ? undefined
      : from(causes(sourced, 'corsPolicy'), {
          'envoy.filters.http.cors': typed('envoy.extensions.filters.http.cors.v3.CorsPolicy', httpCors(corsPolicy)),
        }),
    bound === undefined ? undefined : sessionConfig(bound),
    session === undefined ? undefined : from(causes(sourced, 'session'), perRoute(session)),
    authorizer === undefined ? undefined : from(authorizer.source, askedOnRoute(authorizer)),
  );
  return { typed_per_filter_config: settings };
}

/** A request can be bound to the endpoints of one service only: of several destinations the first that has sessions. */
const boundService = (context: ActionContext, route: HTTPRoute): Service | undefined =>
  (route.route ?? [])
    .map(({ destination }) => resolveDestination(destination, context).target?.service)
    .find((service) => service?.session !== undefined);
