// Whether a request has the token that it needs: Envoy's JWT filter. Tokens are not verified here: a trace is told the
// claims of a valid one.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/jwt_authn_filter
import type {
  envoy_extensions_filters_http_jwt_authn_v3_JwtRequirement,
  MessageOf,
} from '../../xds/generated/messages.ts';
import { routeMiss } from '../match/path-match.ts';
import type { Filter } from './filter.ts';
import { ends, goesOn } from './filter.ts';

type Authentication = MessageOf['envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication'];
type Requirement = envoy_extensions_filters_http_jwt_authn_v3_JwtRequirement;
type Providers = Authentication['providers'] & object;
type Claims = Readonly<Record<string, unknown>> | undefined;

export const tokens: Filter = (config, place, { http }) => {
  const { providers = {}, rules = [], bypass_cors_preflight: preflight } = config as Authentication;
  if (http === undefined || (preflight === true && isPreflight(http.method, http.headers))) return goesOn();
  const rule = rules.find(({ match }) => match === undefined || routeMiss(match, http) === undefined);
  if (rule?.requires === undefined) return goesOn();
  const held = holds(rule.requires, providers, http.claims);
  const said = http.claims === undefined ? 'no token' : `a token of ${String(http.claims['iss'])}`;
  const step = place.below('providers').step('authentication', `${said}: ${held ? 'accepted' : 'refused'}`);
  const sourced = { ...step, causes: place.causesBelow() };
  const details = http.claims === undefined ? 'jwt_authn_access_denied{Jwt_is_missing}' : 'jwt_authn_access_denied';
  return held ? goesOn(sourced) : ends({ kind: 'response', status: 401, flags: 'UAEX', details }, sourced);
};

/** A token of an issuer that nobody asks about is as good as none. */
function holds(requirement: Requirement, providers: Providers, claims: Claims): boolean {
  const { requires_any: any, requires_all: all, provider_name: name, provider_and_audiences: both } = requirement;
  if (any !== undefined) return (any.requirements ?? []).some((each) => holds(each, providers, claims));
  if (all !== undefined) return (all.requirements ?? []).every((each) => holds(each, providers, claims));
  if (requirement.allow_missing_or_failed !== undefined) return true;
  if (requirement.allow_missing !== undefined) return claims === undefined;
  return isOf(providers[name ?? both?.provider_name ?? ''], both?.audiences, claims);
}

function isOf(
  provider: Providers[string] | undefined,
  audiences: readonly string[] | undefined,
  claims: Claims,
): boolean {
  if (provider === undefined || claims === undefined || claims['iss'] !== provider.issuer) return false;
  const wanted = audiences ?? provider.audiences ?? [];
  const own = new Set([claims['aud']].flat());
  return wanted.length === 0 || wanted.some((audience) => own.has(audience));
}

export const isPreflight = (method: string, headers: Readonly<Record<string, string>>): boolean =>
  method === 'OPTIONS' && headers['origin'] !== undefined && headers['access-control-request-method'] !== undefined;
