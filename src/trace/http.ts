// One HTTP request at one connection manager: virtual host and route first, then the filters in their order, then what
// the route does.
// https://www.envoyproxy.io/docs/envoy/latest/intro/life_of_a_request
import type { DecodedConfiguration } from '../model/envoy/decoded.ts';
import type { envoy_config_route_v3_RouteConfiguration, MessageOf } from '../xds/generated/messages.ts';
import type { FilterContext, Possibility } from './filter/filter.ts';
import { runFilter } from './filter/index.ts';
import { normalizedPath } from './match/path-match.ts';
import type { Connection, HttpRequest } from './request.ts';
import { routed } from './route.ts';
import type { Branch, Step } from './step.ts';
import { Place } from './step.ts';
import type { ChosenHost, ChosenRoute } from './virtual-host.ts';
import { chooseHost, chooseRoute, virtualHosts } from './virtual-host.ts';

type ConnectionManager = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

/** So that chance does not multiply without end. */
const mostBranches = 64;

/** What may become of the request, most likely several things where chance decides. */
export function throughConnectionManager(
  configuration: DecodedConfiguration,
  manager: ConnectionManager,
  place: Place,
  connection: Connection,
  request: HttpRequest,
): readonly Branch[] {
  const http = { ...request, path: normalizedPath(request.path, manager) };
  const found = routeConfiguration(configuration, manager, place);
  if (found === undefined) return [unanswered([], 'there is no route configuration')];
  const { route, place: routesPlace } = found;
  const hosts = virtualHosts(route, routesPlace, configuration);
  const host = chooseHost(hosts, http.host, route.ignore_port_in_host_matching === true);
  const seen = { ...connection, http };
  if (host === undefined) return filtered(manager, place, seen, http, undefined, [noHost(routesPlace, http)], notFound);
  const answers = host.place.step('virtual-host', `${host.host.name} answers for ${http.host}`);
  if (host.host.require_tls === 'ALL' && connection.isTerminated !== true)
    return filtered(manager, place, seen, http, undefined, [answers], [toTls(host.place.below('require_tls'))]);
  const chosen = chooseRoute(host, http);
  const isFound = 'route' in chosen;
  const missed = isFound ? chosen.missed : chosen;
  const steps = [answers, ...missed.map((miss) => host.place.step('route', `not ${miss}`))];
  const picked = isFound ? { host, chosen } : undefined;
  const routes = isFound ? routed(configuration, chosen, seen, http) : notFound;
  return filtered(manager, place, seen, http, picked, steps, routes);
}

const noHost = (place: Place, { host }: HttpRequest): Step => place.step('virtual-host', `none answers for ${host}`);

const unanswered = (steps: readonly Step[], details: string): Branch => ({
  probability: 1,
  steps,
  ending: { kind: 'response', status: 404, flags: 'NR', details },
  route: '',
  cluster: '',
});

const notFound: readonly Branch[] = [unanswered([], 'route_not_found')];

/** Whoever comes in the clear is sent to the same place in TLS. */
const toTls = (place: Place): Branch => ({
  probability: 1,
  steps: [place.step('redirect', 'requests in the clear are redirected to https')],
  ending: { kind: 'response', status: 301, flags: '', details: 'redirect' },
  route: '',
  cluster: '',
});

function routeConfiguration(configuration: DecodedConfiguration, manager: ConnectionManager, place: Place) {
  const { rds, route_config: inline } = manager;
  if (inline !== undefined) return { route: inline, place: place.below('route_config') };
  const resource = configuration.route.find(({ name }) => name === rds?.route_config_name);
  if (resource === undefined) return undefined;
  return { route: resource.message as envoy_config_route_v3_RouteConfiguration, place: new Place('route', resource) };
}

interface Picked {
  readonly host: ChosenHost;
  readonly chosen: ChosenRoute;
}

/** Which cluster a weighted route takes is settled before the filters run. */
function filtered(
  manager: ConnectionManager,
  place: Place,
  connection: Connection,
  http: HttpRequest,
  picked: Picked | undefined,
  steps: readonly Step[],
  routes: readonly Branch[],
): readonly Branch[] {
  const context: FilterContext = { connection, http, ofRoute: routeConfigs(picked), dryRuns: new Map() };
  const possibilities = afterFilters(manager, place, context);
  return routes
    .flatMap((route) => possibilities.map((possibility): Branch => joined(route, possibility, steps)))
    .slice(0, mostBranches);
}

/** The route is chosen before the filters run, and does its part after them. */
function joined(route: Branch, possibility: Possibility, before: readonly Step[]): Branch {
  const probability = route.probability * possibility.probability;
  const [chosen, ...done] = route.steps;
  const steps = [...before, ...(chosen === undefined ? [] : [chosen]), ...possibility.steps];
  const { ending } = possibility;
  if (ending === undefined) return { ...route, probability, steps: [...steps, ...done] };
  return { probability, steps, ending, route: route.route, cluster: route.cluster };
}

function afterFilters(manager: ConnectionManager, place: Place, context: FilterContext): readonly Possibility[] {
  let all: readonly Possibility[] = [{ probability: 1, steps: [], dryRuns: context.dryRuns }];
  for (const [i, filter] of (manager.http_filters ?? []).entries()) {
    all = all.flatMap((before) => {
      if (before.ending !== undefined) return [before];
      const dryRuns = before.dryRuns ?? context.dryRuns;
      const next = runFilter(filter, place.below(`http_filters[${i}]`), { ...context, dryRuns });
      return next.map((after): Possibility => ({
        dryRuns,
        ...after,
        probability: before.probability * after.probability,
        steps: [...before.steps, ...after.steps],
      }));
    });
  }
  return all;
}

/** A route says more than the virtual host around it. */
function routeConfigs(picked: Picked | undefined): FilterContext['ofRoute'] {
  return (filter) => {
    if (picked === undefined) return undefined;
    const { route, place } = picked.chosen;
    const key = `typed_per_filter_config.${filter}`;
    const own = route.typed_per_filter_config?.[filter];
    if (own !== undefined) return { config: own, place: place.below(key) };
    const shared = picked.host.host.typed_per_filter_config?.[filter];
    return shared && { config: shared, place: picked.host.place.below(key) };
  };
}
