// What a route does with a request: an answer of its own, a redirect, or a cluster.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-routeaction
import type { DecodedConfiguration } from '../model/envoy/decoded.ts';
import { replaced } from '../model/linear-regex-match.ts';
import type {
  envoy_config_core_v3_HeaderValueOption,
  envoy_config_route_v3_RedirectAction,
  envoy_config_route_v3_Route,
  envoy_config_route_v3_RouteAction,
} from '../xds/generated/messages.ts';
import { sendTo } from './cluster.ts';
import type { Connection, HttpRequest } from './request.ts';
import { headerOf, pathOnly } from './request.ts';
import type { Branch, Ending, Place, Step } from './step.ts';
import type { ChosenRoute } from './virtual-host.ts';

const redirectStatus: Readonly<Record<string, number>> = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
};

/** One branch for each cluster that weights may choose. */
export function routed(
  configuration: DecodedConfiguration,
  { route, place }: ChosenRoute,
  connection: Connection,
  http: HttpRequest,
): readonly Branch[] {
  const { name = '', redirect, direct_response: direct, route: action } = route;
  const chosen = place.step('route', `${name === '' ? 'a route without a name' : name}: ${conditions(route)}`);
  const ends = (ending: Ending, ...steps: readonly Step[]): readonly Branch[] => [
    { probability: 1, steps: [chosen, ...steps], ending, route: name, cluster: '' },
  ];
  if (direct !== undefined)
    return ends({ kind: 'response', status: direct.status ?? 200, flags: '', details: 'direct_response' });
  if (redirect !== undefined)
    return ends(redirected(redirect), place.below('redirect').step('redirect', redirectWords(redirect)));
  if (action === undefined) return ends({ kind: 'unknown', details: 'the route neither answers nor sends on' });
  const missing = action.cluster_not_found_response_code === 'NOT_FOUND' ? 404 : 503;
  const details = actionSteps(action, place.below('route'));
  return targets(action, http).map(({ cluster, probability, requestHeaders }): Branch => {
    const sending = sendTo(configuration, cluster, connection, response, place.below('route'), missing);
    const sent = rewritten(route, action, http, requestHeaders);
    const steps = [chosen, ...details, ...sending.steps];
    return { probability, steps, ending: sending.ending, route: name, cluster, sent };
  });
}

const response = (status: number, flags: string, details: string): Ending => ({
  kind: 'response',
  status,
  flags,
  details,
});

const conditions = ({ match = {} }: envoy_config_route_v3_Route): string => {
  const {
    prefix,
    path,
    path_separated_prefix: separated,
    safe_regex: regex,
    headers = [],
    query_parameters: query = [],
  } = match;
  const where = prefix ?? path ?? separated ?? regex?.regex ?? '';
  return [
    `path ${where}`,
    ...headers.map((each) => `header ${each.name}`),
    ...query.map((each) => `query ${each.name}`),
  ].join(', ');
};

const redirected = ({ response_code: code = 'MOVED_PERMANENTLY' }: envoy_config_route_v3_RedirectAction): Ending =>
  response(redirectStatus[code] ?? 301, '', 'redirect');

const redirectWords = ({
  host_redirect: host,
  path_redirect: path,
  https_redirect: https,
  port_redirect: port,
}: envoy_config_route_v3_RedirectAction): string =>
  `to ${https === true ? 'https' : 'the same scheme'}${host === undefined ? '' : `, host ${host}`}${path === undefined ? '' : `, path ${path}`}${port === undefined ? '' : `, port ${port}`}`;

function actionSteps(action: envoy_config_route_v3_RouteAction, place: Place): readonly Step[] {
  const { timeout, retry_policy: retry, request_mirror_policies: mirrors = [] } = action;
  const limit = timeout === undefined || timeout === '0s' ? 'no timeout' : `timeout ${timeout}`;
  return [
    ...(retry === undefined
      ? [place.below('timeout').step('retry', `${limit}, no retries`)]
      : [
          place.below('retry_policy').step('retry', `${limit}, ${retry.num_retries ?? 1} retries on ${retry.retry_on}`),
        ]),
    ...mirrors.map((mirror, i) =>
      place.below(`request_mirror_policies[${i}]`).step('mirror', `a copy goes to ${mirror.cluster}`),
    ),
  ];
}

interface Target {
  readonly cluster: string;
  readonly probability: number;
  readonly requestHeaders: HeaderChanges;
}

interface HeaderChanges {
  readonly request_headers_to_add?: readonly envoy_config_core_v3_HeaderValueOption[];
  readonly request_headers_to_remove?: readonly string[];
}

function targets(action: envoy_config_route_v3_RouteAction, http: HttpRequest): readonly Target[] {
  const { cluster, cluster_header: header, weighted_clusters: weighted } = action;
  if (cluster !== undefined) return [{ cluster, probability: 1, requestHeaders: {} }];
  if (header !== undefined) return [{ cluster: headerOf(http, header) ?? '', probability: 1, requestHeaders: {} }];
  const all = weighted?.clusters ?? [];
  const total = all.reduce((sum, { weight = 0 }) => sum + weight, 0);
  return all
    .filter(({ weight = 0 }) => weight > 0)
    .map((each) => ({ cluster: each.name ?? '', probability: (each.weight ?? 0) / total, requestHeaders: each }));
}

/** The request as it leaves: path, host and headers. */
function rewritten(
  route: envoy_config_route_v3_Route,
  action: envoy_config_route_v3_RouteAction,
  http: HttpRequest,
  ofCluster: HeaderChanges,
): HttpRequest {
  const changes: readonly HeaderChanges[] = [ofCluster, route];
  const removed = new Set(
    changes.flatMap((change) => change.request_headers_to_remove ?? []).map((name) => name.toLowerCase()),
  );
  const added = changes.flatMap(({ request_headers_to_add: add = [] }) =>
    add.map(({ header }) => [(header?.key ?? '').toLowerCase(), header?.value ?? ''] as const),
  );
  const kept = Object.entries(http.headers).filter(([name]) => !removed.has(name));
  const host =
    added.find(([name]) => name === ':authority' || name === 'host')?.[1] ?? action.host_rewrite_literal ?? http.host;
  return {
    ...http,
    host,
    path: rewrittenPath(route, action, http.path),
    headers: Object.fromEntries([...kept, ...added]),
  };
}

function rewrittenPath(
  { match = {} }: envoy_config_route_v3_Route,
  { prefix_rewrite: prefix, regex_rewrite: regex }: envoy_config_route_v3_RouteAction,
  path: string,
): string {
  const plain = pathOnly(path);
  const query = path.slice(plain.length);
  if (prefix !== undefined) {
    const matched = match.prefix ?? match.path_separated_prefix ?? match.path ?? '';
    return prefix + plain.slice(matched.length) + query;
  }
  if (regex === undefined) return path;
  return (replaced(regex.pattern?.regex ?? '', plain, regex.substitution ?? '') ?? plain) + query;
}
