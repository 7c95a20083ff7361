// Text matching as Envoy does it, from a VirtualService's StringMatch.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/matcher/v3/string.proto
import type { StringMatch } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';

type StringMatcher = MessageOf['envoy.type.matcher.v3.StringMatcher'];

/** Undefined when the match asks for nothing but presence: it is empty, an empty prefix, or the regex `*`. */
export function stringMatcher(match: StringMatch): StringMatcher | undefined {
  if (match.exact !== undefined) return { exact: match.exact };
  if (match.prefix !== undefined) return match.prefix === '' ? undefined : { prefix: match.prefix };
  if (match.regex === undefined || match.regex === '*') return undefined;
  return { safe_regex: { regex: match.regex } };
}
