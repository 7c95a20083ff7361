// Whether a text matches, as Envoy's StringMatcher, HeaderMatcher and QueryParameterMatcher say.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/matcher/v3/string.proto
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-headermatcher
import type {
  envoy_config_route_v3_HeaderMatcher,
  envoy_config_route_v3_QueryParameterMatcher,
  envoy_type_matcher_v3_StringMatcher,
} from '../../xds/generated/messages.ts';
import { takesWhole } from '../../model/linear-regex-match.ts';
import type { HttpRequest } from '../request.ts';
import { headerOf } from '../request.ts';
import type { Verdict } from './verdict.ts';
import { not } from './verdict.ts';

export function matchesString(matcher: envoy_type_matcher_v3_StringMatcher, text: string): Verdict {
  const fold = (each: string): string => (matcher.ignore_case === true ? each.toLowerCase() : each);
  const { exact, prefix, suffix, contains, safe_regex: regex } = matcher;
  if (exact !== undefined) return fold(text) === fold(exact);
  if (prefix !== undefined) return fold(text).startsWith(fold(prefix));
  if (suffix !== undefined) return fold(text).endsWith(fold(suffix));
  if (contains !== undefined) return fold(text).includes(fold(contains));
  return regex === undefined ? 'unknown' : matchesRegex(regex.regex ?? '', text);
}

/** The whole text. Unknown for what is no pattern, and for what would take too long. */
export const matchesRegex = (pattern: string, text: string): Verdict => takesWhole(pattern, text) ?? 'unknown';

export function matchesHeader(matcher: envoy_config_route_v3_HeaderMatcher, request: HttpRequest): Verdict {
  const value = headerOf(request, matcher.name ?? '');
  const invert = (verdict: Verdict): Verdict => (matcher.invert_match === true ? not(verdict) : verdict);
  if (matcher.present_match !== undefined) return invert((value !== undefined) === matcher.present_match);
  // A header that is not there matches nothing, inverted or not, unless it counts as an empty one.
  if (value === undefined && matcher.treat_missing_header_as_empty !== true) {
    const isCondition = stringMatcherOf(matcher) !== undefined || matcher.range_match !== undefined;
    return isCondition ? false : invert(false);
  }
  return invert(matchesHeaderValue(matcher, value ?? ''));
}

function matchesHeaderValue(matcher: envoy_config_route_v3_HeaderMatcher, value: string): Verdict {
  const string = stringMatcherOf(matcher);
  if (string !== undefined) return matchesString(string, value);
  const { range_match: range } = matcher;
  if (range === undefined) return true;
  const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
  return number >= Number(range.start ?? 0) && number < Number(range.end ?? 0);
}

function stringMatcherOf(
  matcher: envoy_config_route_v3_HeaderMatcher,
): envoy_type_matcher_v3_StringMatcher | undefined {
  const { string_match: string, exact_match: exact, prefix_match: prefix, suffix_match: suffix } = matcher;
  if (string !== undefined) return string;
  if (exact !== undefined) return { exact };
  if (prefix !== undefined) return { prefix };
  if (suffix !== undefined) return { suffix };
  if (matcher.contains_match !== undefined) return { contains: matcher.contains_match };
  return matcher.safe_regex_match === undefined ? undefined : { safe_regex: matcher.safe_regex_match };
}

export function matchesQuery(matcher: envoy_config_route_v3_QueryParameterMatcher, path: string): Verdict {
  const query = new URLSearchParams(path.includes('?') ? path.slice(path.indexOf('?') + 1) : '');
  const value = query.get(matcher.name ?? '');
  if (matcher.present_match !== undefined) return (value !== null) === matcher.present_match;
  if (value === null) return false;
  return matcher.string_match === undefined ? true : matchesString(matcher.string_match, value);
}
