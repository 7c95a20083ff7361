// What happens to a request that a route of a VirtualService took: it is answered, or goes on to its destinations.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { HTTPRoute, HTTPRouteDestination } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import type { RouteApi, SourcedRoute } from '../../../model/mesh/virtual-service.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { at } from '../../../model/source.ts';
import { duration } from '../../duration.ts';
import { from, merge } from '../../provenance.ts';
import { hashPolicy } from './hash-policy.ts';
import { authorityOf, headerOptions, joinHeaderOptions } from './header-options.ts';
import { directResponse, redirectAction } from './redirect.ts';
import { requestMirrors } from './request-mirror.ts';
import { resolveDestination, type DestinationContext } from './route-target.ts';
import { retryPolicy } from './retry-policy.ts';

export type Route = MessageOf['envoy.config.route.v3.Route'];
type RouteAction = MessageOf['envoy.config.route.v3.RouteAction'];

export interface ActionContext extends DestinationContext {
  readonly settings: MeshSettings;
  /** The API that the route was written in. */
  readonly api: RouteApi;
  /** Requests come in over TLS that ends here. */
  readonly tls: boolean;
  readonly http3: boolean;
}

/** The field itself; for a delegate's route also the root route, whose settings it may have taken over. */
export const causes = (sourced: SourcedRoute<unknown>, ...path: readonly string[]): readonly SourceRef[] => [
  sourced.fields === undefined ? at(sourced.source, ...path) : at(sourced.source, sourced.fields[path.join('.')] ?? ''),
  ...(sourced.root === undefined ? [] : [sourced.root]),
];

/** Envoy refuses a whole route configuration for one route that does nothing: such a route answers 500. */
const unusable: Route = { direct_response: { status: 500 } };

export function action(context: ActionContext, sourced: SourcedRoute<HTTPRoute>): Route {
  const { route } = sourced;
  const headers = route.headers === undefined ? {} : from(causes(sourced, 'headers'), headerOptions(route.headers));
  if (route.redirect !== undefined) {
    const redirect = redirectAction(route.redirect, context.port, context.tls);
    return merge<Route>(headers, from(causes(sourced, 'redirect'), redirect === undefined ? unusable : { redirect }));
  }
  if (route.directResponse !== undefined) {
    const response = directResponse(route.directResponse);
    return merge<Route>(
      headers,
      from(causes(sourced, 'directResponse'), response === undefined ? unusable : { direct_response: response }),
    );
  }
  const [only, ...others] = route.route ?? [];
  if (only === undefined) return merge<Route>(headers, from(causes(sourced), unusable));
  return others.length === 0
    ? single(context, sourced, headers, only)
    : weighted(context, sourced, headers, [only, ...others]);
}

/** The headers of a single destination are those of the route. */
function single(
  context: ActionContext,
  sourced: SourcedRoute<HTTPRoute>,
  headers: Route,
  destination: HTTPRouteDestination,
): Route {
  const { cluster } = resolveDestination(destination.destination, context);
  const hash = hashPolicies(context, [destination]);
  const authority = rewrittenAuthority(sourced.route) ?? authorityOf(destination.headers);
  const joined =
    destination.headers === undefined
      ? headers
      : from(causes(sourced, 'route[0].headers'), joinHeaderOptions(headers, headerOptions(destination.headers)));
  const specifier = from(causes(sourced, 'route[0].destination'), { cluster });
  const route = forward(context, sourced, specifier, hash, authority, hash.length > 0);
  return merge<Route>(joined, from(causes(sourced), { route }));
}

/** Destinations without weight get nothing; where none has any, there is nobody to answer. */
function weighted(
  context: ActionContext,
  sourced: SourcedRoute<HTTPRoute>,
  headers: Route,
  destinations: readonly HTTPRouteDestination[],
): Route {
  const used = destinations.flatMap((one, i) => ((one.weight ?? 0) > 0 ? [{ one, i }] : []));
  if (used.length === 0) return merge<Route>(headers, from(causes(sourced, 'route'), unusable));
  const clusters = used.map(({ one, i }) => from(causes(sourced, `route[${i}]`), clusterWeight(context, one)));
  const hash = hashPolicies(context, used.map(({ one }) => one)); // prettier-ignore
  const specifier = from(causes(sourced, 'route'), { weighted_clusters: { clusters } });
  const route = forward(context, sourced, specifier, hash, rewrittenAuthority(sourced.route), false);
  return merge<Route>(headers, from(causes(sourced), { route }));
}

function clusterWeight(
  context: ActionContext,
  { destination, weight, headers }: HTTPRouteDestination,
): MessageOf['envoy.config.route.v3.WeightedCluster.ClusterWeight'] {
  const authority = authorityOf(headers);
  return {
    name: resolveDestination(destination, context).cluster,
    weight: weight ?? 0,
    ...headerOptions(headers),
    ...(authority !== undefined && { host_rewrite_literal: authority }),
  };
}

const hashPolicies = (context: ActionContext, destinations: readonly HTTPRouteDestination[]) =>
  destinations.flatMap(({ destination }) => {
    const { target, port } = resolveDestination(destination, context);
    return hashPolicy(target?.policy, port, destination.subset) ?? [];
  });

const rewrittenAuthority = (route: HTTPRoute): string | undefined =>
  route.rewrite?.authority || authorityOf(route.headers);

function forward(
  context: ActionContext,
  sourced: SourcedRoute<HTTPRoute>,
  specifier: RouteAction,
  hash: NonNullable<RouteAction['hash_policy']>,
  authority: string | undefined,
  sticky: boolean,
): RouteAction {
  const { route } = sourced;
  const mirrors = requestMirrors(route, (destination) => resolveDestination(destination, context).cluster);
  return merge<RouteAction>(
    specifier,
    // Gateway API wants the mistake to show as one of the configuration, not of the service.
    context.api === 'gateway-api' ? { cluster_not_found_response_code: 'INTERNAL_SERVER_ERROR' } : undefined,
    from(causes(sourced, 'rewrite'), pathRewrite(route)),
    authority === undefined ? undefined : from(causes(sourced), { host_rewrite_literal: authority }),
    timeouts(sourced),
    retries(context, sourced, sticky),
    mirrors.length === 0 ? undefined : from(causes(sourced, 'mirror'), { request_mirror_policies: mirrors }),
    hash.length === 0 ? undefined : { hash_policy: hash },
  );
}

function pathRewrite({ rewrite }: HTTPRoute): Pick<RouteAction, 'regex_rewrite' | 'prefix_rewrite'> {
  const regex = rewrite?.uriRegexRewrite;
  if (regex !== undefined) {
    return { regex_rewrite: { pattern: { regex: regex.match ?? '' }, substitution: regex.rewrite ?? '' } };
  }
  return rewrite?.uri === undefined || rewrite.uri === '' ? {} : { prefix_rewrite: rewrite.uri };
}

/** Without a timeout requests may take as long as they want, also those that gRPC clients limit. */
function timeouts(sourced: SourcedRoute<HTTPRoute>): Pick<RouteAction, 'timeout' | 'max_grpc_timeout'> {
  if (sourced.route.timeout === undefined) return { timeout: '0s', max_grpc_timeout: '0s' };
  const timeout = duration(sourced.route.timeout);
  return from(causes(sourced, 'timeout'), { timeout, max_grpc_timeout: timeout });
}

function retries(
  { settings }: ActionContext,
  sourced: SourcedRoute<HTTPRoute>,
  sticky: boolean,
): Pick<RouteAction, 'retry_policy'> {
  const own = sourced.route.retries;
  const retry_policy = retryPolicy(own ?? settings.defaultHttpRetryPolicy, sticky);
  if (retry_policy === undefined) return {};
  if (own !== undefined) return from(causes(sourced, 'retries'), { retry_policy });
  return settings.defaultHttpRetryPolicy === undefined
    ? { retry_policy }
    : from(at(settings.source, 'defaultHttpRetryPolicy'), { retry_policy });
}
