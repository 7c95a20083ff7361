// Whether the claims of a verified token match: Envoy keeps them as dynamic metadata of its JWT filter.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/matcher/v3/metadata.proto
import type {
  envoy_type_matcher_v3_MetadataMatcher,
  envoy_type_matcher_v3_ValueMatcher,
} from '../../xds/generated/messages.ts';
import type { HttpRequest } from '../request.ts';
import { matchesString } from './string-match.ts';
import type { Verdict } from './verdict.ts';
import { not, some } from './verdict.ts';

export function matchesMetadata(
  matcher: envoy_type_matcher_v3_MetadataMatcher,
  request: HttpRequest | undefined,
): Verdict {
  const keys = (matcher.path ?? []).map(({ key }) => key ?? '');
  if (matcher.filter !== 'envoy.filters.http.jwt_authn' || keys[0] !== 'payload') return 'unknown';
  const claim = keys
    .slice(1)
    .reduce<unknown>(
      (value, key) => (isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined),
      request?.claims,
    );
  const verdict = claim === undefined || matcher.value === undefined ? false : matchesValue(matcher.value, claim);
  return matcher.invert === true ? not(verdict) : verdict;
}

function matchesValue(matcher: envoy_type_matcher_v3_ValueMatcher, value: unknown): Verdict {
  const { string_match: string, list_match: list, or_match: or, bool_match: bool } = matcher;
  if (string !== undefined) return typeof value === 'string' ? matchesString(string, value) : false;
  if (or !== undefined) return some(or.value_matchers ?? [], (each) => matchesValue(each, value));
  if (bool !== undefined) return value === bool;
  if (matcher.present_match !== undefined) return matcher.present_match;
  if (list === undefined) return 'unknown';
  const { one_of: oneOf } = list;
  if (oneOf === undefined) return 'unknown';
  return Array.isArray(value) ? some(value as readonly unknown[], (item) => matchesValue(oneOf, item)) : false;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
