// The path of a request as Envoy's connection manager leaves it, and whether a route's match takes the request.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-routematch
import type { envoy_config_route_v3_RouteMatch } from '../../xds/generated/messages.ts';
import type { HttpRequest } from '../request.ts';
import { pathOnly } from '../request.ts';
import { matchesMetadata } from './metadata-match.ts';
import { matchesHeader, matchesQuery, matchesRegex } from './string-match.ts';
import type { Verdict } from './verdict.ts';
import { every } from './verdict.ts';

/** Why a route does not take a request; undefined if it does. */
export function routeMiss(match: envoy_config_route_v3_RouteMatch, request: HttpRequest): string | undefined {
  const path = matchesPath(match, request);
  if (path !== true) return path === 'unknown' ? 'its path condition is one that a trace cannot decide' : 'path';
  const headers = (match.headers ?? []).find((header) => matchesHeader(header, request) !== true);
  if (headers !== undefined) return `header ${headers.name}`;
  const query = (match.query_parameters ?? []).find((parameter) => matchesQuery(parameter, request.path) !== true);
  if (query !== undefined) return `query parameter ${query.name}`;
  if (match.grpc !== undefined && !/^application\/grpc(?:[+;]|$)/.test(request.headers['content-type'] ?? ''))
    return 'not gRPC';
  const claims = every(match.dynamic_metadata ?? [], (matcher) => matchesMetadata(matcher, request));
  return claims === true ? undefined : 'claims of a token';
}

function matchesPath(match: envoy_config_route_v3_RouteMatch, request: HttpRequest): Verdict {
  const path = pathOnly(request.path);
  const fold = (text: string): string => (match.case_sensitive === false ? text.toLowerCase() : text);
  const { prefix, path: exact, path_separated_prefix: separated, safe_regex: regex } = match;
  if (match.connect_matcher !== undefined) return request.method === 'CONNECT';
  // A CONNECT has no path to match.
  if (request.method === 'CONNECT') return prefix === '/' || prefix === '';
  if (prefix !== undefined) return fold(path).startsWith(fold(prefix));
  if (exact !== undefined) return fold(path) === fold(exact);
  if (separated !== undefined) return fold(path) === fold(separated) || fold(path).startsWith(`${fold(separated)}/`);
  if (regex !== undefined) return matchesRegex(regex.regex ?? '', path);
  return 'unknown';
}

export interface PathSettings {
  readonly normalize_path?: boolean;
  readonly merge_slashes?: boolean;
  readonly path_with_escaped_slashes_action?: string;
}

/** Dot segments resolved, unreserved characters unescaped, repeated slashes merged. */
export function normalizedPath(path: string, settings: PathSettings): string {
  const query = path.slice(pathOnly(path).length);
  let plain = pathOnly(path);
  if (settings.path_with_escaped_slashes_action === 'UNESCAPE_AND_FORWARD')
    plain = plain.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
  if (settings.normalize_path === true) plain = withoutDotSegments(plain.replaceAll('\\', '/'));
  if (settings.merge_slashes === true) plain = plain.replace(/\/{2,}/g, '/');
  return plain + query;
}

function withoutDotSegments(path: string): string {
  const unescaped = path.replace(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const character = String.fromCharCode(parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape;
  });
  const kept: string[] = [];
  const segments = unescaped.split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    const isLast = i === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
    if (isLast && (segment === '.' || segment === '..')) kept.push('');
  }
  return `/${kept.join('/')}`;
}
