// RequestAuthentication as a filter: a token that is shown has to be good; none has to be shown, unless a rule requires it.
// What it says is left for authorization in the filter's metadata.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/jwt_authn_filter
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { TokenRule } from '../../../model/mesh/workload-policies.ts';
import { duration } from '../../duration.ts';
import { from } from '../../provenance.ts';
import { compareText } from '../../resolve/order.ts';
import { extension } from '../../typed.ts';
import { keysOfNobody } from './keys-of-nobody.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type JwtProvider = MessageOf['envoy.extensions.filters.http.jwt_authn.v3.JwtProvider'];
type JwtRequirement = MessageOf['envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement'];

/** Nothing when there are no rules. `routed`: the route is chosen (again) by what the token says. */
export function jwtFilters(rules: readonly TokenRule[], routed = false): readonly HttpFilter[] {
  if (rules.length === 0) return [];
  return [
    extension('envoy.filters.http.jwt_authn', 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', {
      providers: Object.fromEntries(rules.map((rule, i) => [`origins-${i}`, jwtProvider(rule, routed)])),
      rules: [{ match: { prefix: '/' }, requires: requirement(rules) }],
      // A preflight request cannot have a token.
      bypass_cors_preflight: true,
    }),
  ];
}

/**
 * A token of any provider, or, with several tokens or none, good ones only: a bad one next to a good one does no harm, a
 * bad one alone does. Where any is required, a good one of another provider does not stand in for it.
 */
function requirement(rules: readonly TokenRule[]): JwtRequirement {
  const providers = rules.map((_, i): JwtRequirement => ({ provider_name: `origins-${i}` }));
  const each = providers.map((provider, i) =>
    rules[i]?.rule.presence === 'REQUIRED' ? provider : goodOrMissing(provider),
  );
  const [only] = each;
  if (only !== undefined && each.length === 1) return only;
  const all = { requires_all: { requirements: each } };
  if (rules.some(({ rule }) => rule.presence === 'REQUIRED')) return all;
  return { requires_any: { requirements: [...providers, all] } };
}

const goodOrMissing = (provider: JwtRequirement): JwtRequirement => ({
  requires_any: { requirements: [provider, { allow_missing: {} }] },
});

/** Claims that some issuers write as one text with spaces. */
const spaceDelimited: readonly string[] = ['permission', 'scope'];

function jwtProvider({ source, rule, keys }: TokenRule, routed: boolean): JwtProvider {
  const { issuer, audiences = [], fromHeaders = [], fromParams = [], fromCookies = [] } = rule;
  const claims = [...new Set([...spaceDelimited, ...(rule.spaceDelimitedClaims ?? [])])].toSorted(compareText);
  return from(source, {
    ...(issuer !== undefined && { issuer }),
    ...(audiences.length > 0 && { audiences }),
    ...keysFrom(keys, rule.timeout),
    ...(rule.forwardOriginalToken === true && { forward: true }),
    ...(fromHeaders.length > 0 && { from_headers: fromHeaders.map(headerLocation) }),
    ...(fromParams.length > 0 && { from_params: fromParams }),
    ...(fromCookies.length > 0 && { from_cookies: fromCookies }),
    ...outputs(rule),
    ...(routed && { clear_route_cache: true }),
    payload_in_metadata: 'payload',
    normalize_payload_in_metadata: { space_delimited_claims: claims },
  });
}

function keysFrom(keys: TokenRule['keys'], timeout = '5s'): JwtProvider {
  if (keys.kind !== 'remote') return { local_jwks: { inline_string: keys.kind === 'set' ? keys.text : keysOfNobody } };
  const http_uri = { uri: keys.uri, cluster: keys.cluster, timeout: duration(timeout) };
  return { remote_jwks: { http_uri, cache_duration: '300s' } };
}

const headerLocation = ({ name, prefix }: NonNullable<TokenRule['rule']['fromHeaders']>[number]) => ({
  name,
  ...((prefix ?? '') !== '' && { value_prefix: prefix ?? '' }),
});

/** What the application is told of the token. */
function outputs({ outputPayloadToHeader, outputClaimToHeaders = [] }: TokenRule['rule']): JwtProvider {
  return {
    ...((outputPayloadToHeader ?? '') !== '' && { forward_payload_header: outputPayloadToHeader ?? '' }),
    ...(outputClaimToHeaders.length > 0 && {
      claim_to_headers: outputClaimToHeaders.map(({ header, claim }) => ({ header_name: header, claim_name: claim })),
    }),
  };
}
