// Limits that a service counts for all proxies together: what it is asked about each request, and what happens when it does
// not answer.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/rate_limit_filter
import type { LimitDescriptor } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import type { WorkloadLimits } from '../../../model/mesh/workload-policies.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { outboundCluster } from '../../names.ts';
import { from } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import type { Action, Peer } from './descriptor.ts';
import { attributeAction, genericAction, matchActions } from './descriptor.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type RateLimit = MessageOf['envoy.extensions.filters.http.ratelimit.v3.RateLimit'];

const defaultTimeout = '100ms';

/** A service that is not there counts as one that never answers. */
export function globalLimitFilters({ policy, service }: WorkloadLimits, peer: Peer): readonly HttpFilter[] {
  const { global } = policy.spec;
  if (global === undefined) return [];
  const denies = global.onFailure === 'DENY';
  if (service === undefined) return denies ? [nothing] : [];
  const name = `${policy.metadata.namespace}.${policy.metadata.name}`;
  const message: RateLimit = {
    domain: global.domain,
    timeout: duration(global.timeout ?? defaultTimeout),
    ...(denies && { failure_mode_deny: true }),
    rate_limit_service: {
      grpc_service: {
        envoy_grpc: { cluster_name: outboundCluster(service.host, service.port), authority: service.host },
      },
      transport_api_version: 'V3',
    },
    stat_prefix: name,
    rate_limits: global.descriptors.map((descriptor) => ({ actions: actions(descriptor, peer) })),
  };
  return [
    extension(
      `keelson.rate_limit.${name}`,
      'envoy.extensions.filters.http.ratelimit.v3.RateLimit',
      from(at(policy.source, 'spec.global'), message),
    ),
  ];
}

const actions = ({ match, entries }: LimitDescriptor, peer: Peer): readonly Action[] => [
  ...matchActions(match),
  ...entries.map(({ key, value, ...attribute }) =>
    value === undefined
      ? attributeAction(attribute, key ?? attribute.header?.toLowerCase() ?? attribute.claim ?? kindOf(attribute), peer)
      : genericAction(key ?? 'generic_key', value),
  ),
];

const kindOf = ({ path, principal }: { readonly path?: boolean; readonly principal?: boolean }): string =>
  path === true ? 'path' : principal === true ? 'principal' : 'address';

/** Refuses everything. */
const nothing: HttpFilter = extension('keelson.rate_limit.unavailable', 'envoy.extensions.filters.http.rbac.v3.RBAC', {
  rules: { action: 'ALLOW', policies: {} },
});
