// Limits that each proxy keeps by itself: a bucket of tokens for each rule, or for each value of what the rule tells apart.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/local_rate_limit_filter
import type { LocalLimit } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import type { LimitedRoute, WorkloadLimits } from '../../../model/mesh/workload-policies.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { from } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import { quoted } from '../rbac/pattern.ts';
import type { Action, Peer } from './descriptor.ts';
import { attributeAction, attributeKey, expression, genericAction, matchActions, matched } from './descriptor.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type LocalRateLimit = MessageOf['envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'];
type Bucket = NonNullable<LocalRateLimit['token_bucket']>;

const local = 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const defaultValues = 1000;
const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } } as const;

/** For requests that no rule is about. */
const unlimited: Bucket = { max_tokens: 4_294_967_295, tokens_per_fill: 4_294_967_295, fill_interval: '0.05s' };

export const localLimitFilters = ({ policy, routes }: WorkloadLimits, peer: Peer): readonly HttpFilter[] =>
  (policy.spec.local ?? []).map((limit, i) => {
    const name = `${policy.metadata.namespace}.${policy.metadata.name}.${i}`;
    const message = from<LocalRateLimit>(
      at(policy.source, `spec.local[${i}]`),
      localRateLimit(limit, routes, name, peer),
    );
    return extension(`keelson.local_rate_limit.${name}`, local, message);
  });

function localRateLimit(
  limit: LocalLimit,
  routes: readonly LimitedRoute[] | undefined,
  name: string,
  peer: Peer,
): LocalRateLimit {
  const { per = [], maxValues = defaultValues } = limit;
  const places: readonly (LimitedRoute | undefined)[] = routes ?? [undefined];
  return {
    stat_prefix: `keelson_local_rate_limit.${name}`,
    token_bucket: unlimited,
    filter_enabled: always,
    filter_enforced: always,
    always_consume_default_token_bucket: false,
    ...(per.length > 0 && { max_dynamic_descriptors: maxValues }),
    rate_limits: places.map((route, i) => ({ actions: actions(limit, route, String(i), peer) })),
    descriptors: places.map((route, i) => ({ entries: entries(limit, route, String(i)), token_bucket: bucket(limit) })),
  };
}

const actions = (
  { match, per = [] }: LocalLimit,
  route: LimitedRoute | undefined,
  place: string,
  peer: Peer,
): readonly Action[] => [
  genericAction('place', place),
  ...(route === undefined ? [] : [expression('route', `${isRoute(route)} ? 'yes' : 'no'`)]),
  ...matchActions(match),
  ...per.map((attribute, i) => attributeAction(attribute, `value${i}`, peer)),
];

/** An entry without a value stands for all values, each on its own. */
function entries({ match, per = [] }: LocalLimit, route: LimitedRoute | undefined, place: string) {
  const conditional = matchActions(match).length > 0;
  return [
    { key: 'place', value: place },
    ...(route === undefined ? [] : [{ key: 'route', value: 'yes' }]),
    ...(conditional ? [matched] : []),
    ...per.map((attribute, i) => ({ key: attributeKey(attribute, `value${i}`) })),
  ];
}

function bucket({ requests, interval = '1s', burst = requests }: LocalLimit): Bucket {
  return { max_tokens: burst, tokens_per_fill: requests, fill_interval: duration(interval) };
}

/** Routes of Gateway API are known by their names, others by the object that they are marked with. */
function isRoute({ kind, namespace, name }: LimitedRoute): string {
  if (kind === 'HTTPRoute')
    return `xds.route_name.matches('^${cel(`${quoted(namespace)}\\.${quoted(name)}`)}[.][0-9]+$')`;
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtual-service/${name}`;
  return `'istio' in xds.route_metadata.filter_metadata && xds.route_metadata.filter_metadata['istio']['config'] == '${path}'`;
}

const cel = (text: string): string => text.replaceAll('\\', '\\\\');
