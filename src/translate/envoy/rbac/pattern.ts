// Values of AuthorizationPolicies as Envoy matches them: exact, `prefix*`, `*suffix`, and `*` for anything there is.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/
import type { MessageOf } from '../../../xds/generated/messages.ts';

type StringMatcher = MessageOf['envoy.type.matcher.v3.StringMatcher'];
type HeaderMatcher = MessageOf['envoy.config.route.v3.HeaderMatcher'];
type ValueMatcher = MessageOf['envoy.type.matcher.v3.ValueMatcher'];
type MetadataMatcher = MessageOf['envoy.type.matcher.v3.MetadataMatcher'];
type CidrRange = MessageOf['envoy.config.core.v3.CidrRange'];

/** A star anywhere else than at one end is a star. */
export function textPattern(value: string): StringMatcher {
  if (value === '*') return regex('.+');
  if (value.startsWith('*')) return { suffix: value.slice(1) };
  return value.endsWith('*') ? { prefix: value.slice(0, -1) } : { exact: value };
}

/** Matches the whole text. */
export const regex = (pattern: string): StringMatcher => ({ safe_regex: { regex: pattern } });

/** `text` as it stands, inside a regular expression of RE2. */
export const quoted = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');

/** Of a header that is sent more than once, each value counts for itself. */
export function headerPattern(name: string, value: string, ignoreCase = false): HeaderMatcher {
  if (value === '*') return { name, present_match: true };
  return { name, string_match: { ...textPattern(value), ...(ignoreCase && { ignore_case: true }) } };
}

/** `10.0.0.0/8`; an address alone is a block of one. */
export function addressBlock(block: string): CidrRange {
  const [address = '', length] = block.split('/');
  const isIpv6 = address.includes(':');
  return {
    address_prefix: isIpv6 ? shortestIpv6(address) : address,
    prefix_len: length === undefined ? (isIpv6 ? 128 : 32) : Number(length),
  };
}

const shortestIpv6 = (address: string): string => new URL(`http://[${address}]`).hostname.slice(1, -1);

const jwtFilter = 'envoy.filters.http.jwt_authn';

/** A claim of the verified token: a text like one of `values`, or a list that has such a text. */
export function claimPattern(path: readonly string[], values: readonly string[]): MetadataMatcher {
  const text = anyOf(values.map((value) => ({ string_match: textPattern(value) })));
  return {
    filter: jwtFilter,
    path: ['payload', ...path].map((key) => ({ key })),
    value: { or_match: { value_matchers: [{ list_match: { one_of: text } }, text] } },
  };
}

/** A claim that is one text. */
export const claimText = (claim: string, value: string): MetadataMatcher => ({
  filter: jwtFilter,
  path: [{ key: 'payload' }, { key: claim }],
  value: { string_match: textPattern(value) },
});

/** What another filter left under `key`; `[value]` is looked for in a list. */
export const metadataPattern = (filter: string, key: string, values: readonly string[]): MetadataMatcher => ({
  filter,
  path: [{ key }],
  value: anyOf(values.map(listedOrText)),
});

function listedOrText(value: string): ValueMatcher {
  if (!value.startsWith('[') || !value.endsWith(']')) return { string_match: textPattern(value) };
  return { list_match: { one_of: { string_match: textPattern(value.slice(1, -1)) } } };
}

function anyOf(matchers: readonly ValueMatcher[]): ValueMatcher {
  const [first] = matchers;
  return first !== undefined && matchers.length === 1 ? first : { or_match: { value_matchers: matchers } };
}
