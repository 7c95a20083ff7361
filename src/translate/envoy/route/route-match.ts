// Which requests a route takes, from one match block of a VirtualService.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
import type { HTTPMatchRequest, StringMatch } from '../../../model/schema/index.ts';
import type { RouteApi } from '../../../model/mesh/virtual-service.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { compareText } from '../../resolve/order.ts';
import { claimMatcher, claimPath } from './claim-match.ts';
import { stringMatcher } from './string-matcher.ts';

export type RouteMatch = MessageOf['envoy.config.route.v3.RouteMatch'];
type HeaderMatcher = MessageOf['envoy.config.route.v3.HeaderMatcher'];

/** Without a match block every request is taken. `api` is the one that the route was written in. */
export function routeMatch(match: HTTPMatchRequest | undefined, api: RouteApi = 'istio'): RouteMatch {
  if (match === undefined) return { prefix: '/' };
  const headers = headerMatchers(match);
  const claims = claimMatchers(match);
  const parameters = Object.entries(match.queryParams ?? {}).toSorted(([a], [b]) => compareText(a, b));
  return {
    ...pathMatch(match.uri, api),
    case_sensitive: match.ignoreUriCase !== true,
    ...(headers.length > 0 && { headers }),
    ...(claims.length > 0 && { dynamic_metadata: claims }),
    ...(parameters.length > 0 && {
      query_parameters: parameters.map(([name, value]) => ({ name, ...valueMatch(value) })),
    }),
  };
}

/** Whether every request is taken, so that no later route is ever reached. */
export function isCatchAll(match: RouteMatch): boolean {
  const everyPath = match.prefix === '/' || match.safe_regex?.regex === '.*';
  return (
    everyPath &&
    match.headers === undefined &&
    match.query_parameters === undefined &&
    match.dynamic_metadata === undefined
  );
}

/** The path as operation names of traces show it. */
export const pathPattern = (match: RouteMatch): string =>
  match.path ?? match.safe_regex?.regex ?? `${match.prefix ?? '/'}*`;

function pathMatch(uri: StringMatch | undefined, api: RouteApi): RouteMatch {
  if (uri?.exact !== undefined) return { path: uri.exact };
  if (uri?.regex !== undefined) return { safe_regex: { regex: uri.regex } };
  const prefix = uri?.prefix ?? '/';
  if (api === 'istio' || prefix === '/') return { prefix };
  // Whole path segments: /shop is for /shop and /shop/cart, and not for /shopping.
  return { path_separated_prefix: prefix.endsWith('/') ? prefix.slice(0, -1) : prefix };
}

/** By name, then the parts of the request line. */
function headerMatchers(match: HTTPMatchRequest): readonly HeaderMatcher[] {
  const wanted = headersIn(match.headers).map(([name, value]) => ({ name, ...valueMatch(value) }));
  const unwanted = headersIn(match.withoutHeaders).map(([name, value]) => absence(name, value));
  const pseudo = [
    { name: ':method', value: match.method },
    { name: ':authority', value: match.authority },
    { name: ':scheme', value: match.scheme },
  ].flatMap(({ name, value }) => (value === undefined ? [] : [{ name, ...valueMatch(value) }]));
  return [...[...wanted, ...unwanted].toSorted((a, b) => compareText(a.name, b.name)), ...pseudo];
}

const headersIn = (headers: HTTPMatchRequest['headers'] = {}): readonly (readonly [string, StringMatch])[] =>
  Object.entries(headers).filter(([name]) => claimPath(name) === undefined);

/** A header that is missing has not the unwanted value either. */
function absence(name: string, value: StringMatch) {
  const matcher = valueMatch(value);
  return {
    name,
    ...matcher,
    invert_match: true,
    ...('string_match' in matcher && { treat_missing_header_as_empty: true }),
  };
}

function valueMatch(value: StringMatch) {
  const matcher = stringMatcher(value);
  return matcher === undefined ? { present_match: true } : { string_match: matcher };
}

function claimMatchers(match: HTTPMatchRequest): NonNullable<RouteMatch['dynamic_metadata']> {
  const claims = (headers: HTTPMatchRequest['headers'] = {}, invert: boolean) =>
    Object.entries(headers)
      .toSorted(([a], [b]) => compareText(a, b))
      .flatMap(([name, value]) => {
        const path = claimPath(name);
        return path === undefined ? [] : [claimMatcher(path, value, invert)];
      });
  return [...claims(match.headers, false), ...claims(match.withoutHeaders, true)];
}
