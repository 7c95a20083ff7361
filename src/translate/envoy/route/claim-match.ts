// A header named `@request.auth.claims...` in a route match asks for a claim of the verified JWT, which the JWT filter
// leaves in dynamic metadata.
// https://istio.io/latest/docs/tasks/security/authentication/jwt-route/
import type { StringMatch } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { stringMatcher } from './string-matcher.ts';

type MetadataMatcher = MessageOf['envoy.type.matcher.v3.MetadataMatcher'];

const prefix = '@request.auth.claims';

/** `@request.auth.claims.realm.tenant` or `@request.auth.claims[realm][tenant]` -> [realm, tenant] */
export function claimPath(header: string): readonly string[] | undefined {
  if (!header.toLowerCase().startsWith(prefix)) return undefined;
  const rest = header.slice(prefix.length);
  if (rest.startsWith('[') && rest.endsWith(']')) return rest.slice(1, -1).split('][');
  return rest.startsWith('.') && rest.length > 1 ? rest.slice(1).split('.') : undefined;
}

/** The claim is a text, or a list with such a text in it; without a text to compare it only has to be there. */
export function claimMatcher(path: readonly string[], match: StringMatch, invert: boolean): MetadataMatcher {
  const wanted = stringMatcher(match);
  const text = { string_match: wanted ?? {} };
  const either = { or_match: { value_matchers: [{ list_match: { one_of: text } }, text] } };
  return {
    filter: 'envoy.filters.http.jwt_authn',
    path: ['payload', ...path].map((key) => ({ key })),
    value: wanted === undefined ? { present_match: true } : either,
    ...(invert && { invert }),
  };
}
