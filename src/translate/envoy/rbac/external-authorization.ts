// CUSTOM policies: a service of the mesh is asked about the requests that the policies select. A pair of filters for each
// authorizer: an RBAC filter that only notes which rule it would be, and the one that asks when there was one.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/ext_authz_filter
import type { AuthorizationPolicy, Authorizer, UnusableAuthorizer } from '../../../model/mesh/workload-policies.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { statusCode } from '../../http-status.ts';
import { outboundCluster } from '../../names.ts';
import { from } from '../../provenance.ts';
import { compareText } from '../../resolve/order.ts';
import { extension } from '../../typed.ts';
import type { Identities } from './attribute.ts';
import { regex } from './pattern.ts';
import type { Filters, RbacRules } from './rbac-filter.ts';
import { httpRbac, networkRbac, policyEntries } from './rbac-filter.ts';

type HttpAuthorization = MessageOf['envoy.extensions.filters.http.ext_authz.v3.ExtAuthz'];
type HttpService = MessageOf['envoy.extensions.filters.http.ext_authz.v3.HttpService'];
type GrpcService = MessageOf['envoy.config.core.v3.GrpcService'];
type HeaderList = MessageOf['envoy.type.matcher.v3.ListStringMatcher'];
type MetadataMatcher = MessageOf['envoy.type.matcher.v3.MetadataMatcher'];

/**
 * A workload has one authorizer, unless `several` are allowed: with more, or with one that nobody can ask, all that they
 * select is denied.
 */
export function externalAuthorizationFilters(
  several: boolean,
  authorizers: readonly (Authorizer | UnusableAuthorizer)[],
  policies: readonly AuthorizationPolicy[],
  identities: Identities,
): Filters {
  const ordered = authorizers.toSorted((a, b) => compareText(a.name, b.name));
  const pairs = ordered.map((authorizer) => {
    const own = policies.filter(
      ({ spec }) => spec.action === 'CUSTOM' && (spec.provider?.name ?? '') === authorizer.name,
    );
    return 'fault' in authorizer || (authorizers.length > 1 && !several)
      ? refusals(authorizer.name, own, identities)
      : questions(authorizer, own, identities);
  });
  return { http: pairs.flatMap(({ http }) => http), tcp: pairs.flatMap(({ tcp }) => tcp) };
}

const prefix = 'istio-ext-authz-';

function refusals(provider: string, policies: readonly AuthorizationPolicy[], identities: Identities): Filters {
  const named = (rule: string): string => `${prefix}${provider}-${rule}-deny-due-to-bad-CUSTOM-action`;
  const rules = (http: boolean): RbacRules => ({
    rules: { action: 'DENY', policies: policyEntries(policies, 'DENY', identities, http, named) },
  });
  return { http: [httpRbac(rules(true))], tcp: [networkRbac(rules(false))] };
}

function questions(authorizer: Authorizer, policies: readonly AuthorizationPolicy[], identities: Identities): Filters {
  const named = (rule: string): string => `${prefix}${authorizer.name}-${rule}`;
  const rules = (http: boolean): RbacRules => ({
    shadowRules: { action: 'DENY', policies: policyEntries(policies, 'DENY', identities, http, named) },
    shadowPrefix: 'istio_ext_authz_',
  });
  const asked = httpAuthorization(authorizer);
  const http = [
    httpRbac(rules(true)),
    extension('envoy.filters.http.ext_authz', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', asked),
  ];
  // Over HTTP only requests can be asked about.
  if (authorizer.protocol === 'http') return { http, tcp: [] };
  return { http, tcp: [networkRbac(rules(false)), networkAuthorization(authorizer)] };
}

const whenSelected = (filter: string, provider: string): MetadataMatcher => ({
  filter,
  path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }],
  value: { string_match: { prefix: `${prefix}${provider}` } },
});

const networkAuthorization = (authorizer: Authorizer): Filters['tcp'][number] =>
  extension(
    'envoy.filters.network.ext_authz',
    'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz',
    from(authorizer.source, {
      stat_prefix: 'tcp.',
      grpc_service: grpcService(authorizer),
      ...(authorizer.settings.failOpen === true && { failure_mode_allow: true }),
      transport_api_version: 'V3',
      filter_enabled_metadata: whenSelected('envoy.filters.network.rbac', authorizer.name),
    }),
  );

function httpAuthorization(authorizer: Authorizer): HttpAuthorization {
  const { failOpen, statusOnError, includeRequestBodyInCheck: body } = authorizer.settings;
  const code = statusCode(statusOnError ?? '');
  return from(authorizer.source, {
    ...(failOpen === true && { failure_mode_allow: true }),
    ...(code !== undefined && { status_on_error: { code } }),
    transport_api_version: 'V3',
    filter_enabled_metadata: whenSelected('envoy.filters.http.rbac', authorizer.name),
    ...(body !== undefined && {
      with_request_body: {
        max_request_bytes: body.maxRequestBytes ?? 0,
        ...(body.allowPartialMessage === true && { allow_partial_message: true }),
        ...(body.packAsBytes === true && { pack_as_bytes: true }),
      },
    }),
    ...(authorizer.protocol === 'http' ? httpQuestion(authorizer) : { grpc_service: grpcService(authorizer) }),
  });
}

/** No answer in ten minutes is no answer. */
const timeoutOf = ({ settings }: Authorizer): `${number}s` => duration(settings.timeout ?? '10m');

const clusterOf = ({ host, port }: Authorizer): string => outboundCluster(host, port);

const grpcService = (authorizer: Authorizer): GrpcService => ({
  envoy_grpc: { cluster_name: clusterOf(authorizer), authority: authorizer.host },
  timeout: timeoutOf(authorizer),
});

function httpQuestion(authorizer: Authorizer & { readonly protocol: 'http' }): HttpAuthorization {
  const { settings, host } = authorizer;
  const included = settings.includeRequestHeadersInCheck ?? settings.includeHeadersInCheck ?? [];
  const added = Object.entries(settings.includeAdditionalHeadersInCheck ?? {});
  const allowed = responseHeaders(settings);
  const service: HttpService = {
    server_uri: { uri: `http://${host}`, cluster: clusterOf(authorizer), timeout: timeoutOf(authorizer) },
    ...((settings.pathPrefix ?? '') !== '' && { path_prefix: settings.pathPrefix ?? '' }),
    ...(added.length > 0 && {
      authorization_request: {
        headers_to_add: added.toSorted(([a], [b]) => compareText(a, b)).map(([key, value]) => ({ key, value })),
      },
    }),
    ...(Object.keys(allowed).length > 0 && { authorization_response: allowed }),
  };
  return { http_service: service, ...(included.length > 0 && { allowed_headers: headerList(included) }) };
}

/** Which of the authorizer's headers go where. */
function responseHeaders(
  settings: Extract<Authorizer, { protocol: 'http' }>['settings'],
): HttpService['authorization_response'] & object {
  const upstream = settings.headersToUpstreamOnAllow ?? [];
  const onDeny = settings.headersToDownstreamOnDeny ?? [];
  const onAllow = settings.headersToDownstreamOnAllow ?? [];
  return {
    ...(upstream.length > 0 && { allowed_upstream_headers: headerList(upstream) }),
    ...(onDeny.length > 0 && { allowed_client_headers: headerList(onDeny) }),
    ...(onAllow.length > 0 && { allowed_client_headers_on_success: headerList(onAllow) }),
  };
}

const headerList = (names: readonly string[]): HeaderList => ({
  patterns: names.map((name) => {
    if (name === '*') return regex('.*');
    if (name.startsWith('*')) return { suffix: name.slice(1), ignore_case: true };
    return name.endsWith('*') ? { prefix: name.slice(0, -1), ignore_case: true } : { exact: name, ignore_case: true };
  }),
});
