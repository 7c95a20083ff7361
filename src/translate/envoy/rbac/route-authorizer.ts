// Services that are asked about the requests of single routes. Each is a filter that does nothing until a route says that it is
// to: what it is sent of a request cannot be said by the route itself.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/ext_authz_filter
import { memo, sharedList } from '../../../model/memo.ts';
import type { RouteAuthorizer } from '../../../model/mesh/virtual-service.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { outboundCluster } from '../../names.ts';
import { from } from '../../provenance.ts';
import { extension, typed } from '../../typed.ts';
import type { Guard } from './guard.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type ExtAuthz = MessageOf['envoy.extensions.filters.http.ext_authz.v3.ExtAuthz'];
type PerFilterConfig = NonNullable<MessageOf['envoy.config.route.v3.Route']['typed_per_filter_config']>;

const filterName = ({ name }: RouteAuthorizer): string => `keelson.ext_authz.${name}`;

/** They are asked about what policies let in. */
export function withAuthorizers(guard: Guard, authorizers: readonly RouteAuthorizer[]): Guard {
  return authorizers.length === 0 ? guard : extended(guard, sharedList([...new Set(authorizers)]));
}

const extended = memo((guard: Guard, authorizers: readonly RouteAuthorizer[]): Guard => ({
  ...guard,
  authorization: { ...guard.authorization, http: [...guard.authorization.http, ...authorizers.map(filter)] },
}));

const filter = (authorizer: RouteAuthorizer): HttpFilter => ({
  ...extension(
    filterName(authorizer),
    'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz',
    from(authorizer.source, asked(authorizer)),
  ),
  disabled: true,
});

/** For a route whose requests it is asked about. */
export const askedOnRoute = (authorizer: RouteAuthorizer): PerFilterConfig => ({
  [filterName(authorizer)]: typed('envoy.config.route.v3.FilterConfig', {
    config: typed('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', { check_settings: {} }),
  }),
});

/** The same patience as with authorizers of policies. */
const timeout = '600s';

function asked(authorizer: RouteAuthorizer): ExtAuthz {
  const { protocol, host, port, requestHeaders, body } = authorizer;
  const cluster = outboundCluster(host, port);
  return {
    transport_api_version: 'V3',
    ...(protocol === 'GRPC'
      ? { grpc_service: { envoy_grpc: { cluster_name: cluster, authority: host }, timeout } }
      : { http_service: httpService(authorizer, cluster), decoder_header_mutation_rules: ofTheRequest }),
    ...(requestHeaders.length > 0 && { allowed_headers: named(requestHeaders) }),
    ...(body > 0 && { with_request_body: { max_request_bytes: body } }),
  };
}

function httpService(
  { host, pathPrefix, responseHeaders }: RouteAuthorizer,
  cluster: string,
): NonNullable<ExtAuthz['http_service']> {
  const passed = responseHeaders.length > 0 ? named(responseHeaders) : everyHeader;
  return {
    server_uri: { uri: `http://${host}`, cluster, timeout },
    ...(pathPrefix !== '' && { path_prefix: pathPrefix }),
    authorization_response: { allowed_upstream_headers: passed },
  };
}

type HeaderList = MessageOf['envoy.type.matcher.v3.ListStringMatcher'];

const named = (names: readonly string[]): HeaderList => ({
  patterns: names.map((name) => ({ exact: name, ignore_case: true })),
});

const everyHeader: HeaderList = { patterns: [{ safe_regex: { regex: '[^:].*' } }] };

/** Where a request goes, and how its body is written, is not for an answer to another one to say. */
const ofTheRequest: NonNullable<ExtAuthz['decoder_header_mutation_rules']> = {
  disallow_expression: { regex: 'host|content-length|transfer-encoding|connection|date|server' },
};
