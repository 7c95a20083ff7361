// The filters that a trace knows, by their type; of others it says that they run.
import type { envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilter } from '../../xds/generated/messages.ts';
import type { Place } from '../step.ts';
import { tokens } from './authentication.ts';
import { httpRbac } from './authorization.ts';
import { cors, fault } from './fault.ts';
import type { Filter, FilterContext, Possibility } from './filter.ts';
import { goesOn } from './filter.ts';

const prefix = 'type.googleapis.com/envoy.extensions.filters.http.';

const known: Readonly<Record<string, Filter>> = {
  'jwt_authn.v3.JwtAuthentication': tokens,
  'rbac.v3.RBAC': httpRbac,
  'fault.v3.HTTPFault': fault,
  'cors.v3.Cors': cors,
  'ext_authz.v3.ExtAuthz': askedAuthorizer,
};

/** What neither answers nor routes, as do our own that measure. */
const harmless =
  /^(?:grpc_stats|grpc_web|router|set_filter_state|stateful_session|header_to_metadata|compressor|decompressor|cdn_loop|credential_injector|on_demand)\./;

/** What an HTTP filter does; its place is that of its configuration. */
export function runFilter(filter: HttpFilter, place: Place, context: FilterContext): readonly Possibility[] {
  const { typed_config: config = { '@type': '' }, disabled } = filter;
  const override = context.ofRoute(filter.name ?? '');
  if (override === undefined ? disabled === true : override.config['disabled'] === true) return goesOn();
  const type = config['@type'].slice(prefix.length);
  const run = Object.hasOwn(known, type) ? known[type] : undefined;
  if (run !== undefined) return run(config, place.below('typed_config'), context);
  return harmless.test(type) || filter.name?.startsWith('keelson.') === true
    ? goesOn()
    : goesOn(place.step('extension', `${filter.name} runs: a trace does not know what it does`));
}

/** Only if the policies that name it selected the request; then its answer is taken to be yes. */
function askedAuthorizer(
  config: Readonly<Record<string, unknown>>,
  place: Place,
  { dryRuns }: FilterContext,
): readonly Possibility[] {
  const enabled = config['filter_enabled_metadata'] as
    { readonly path?: readonly { readonly key?: string }[] } | undefined;
  const key = enabled?.path?.[0]?.key ?? '';
  if (enabled !== undefined && !dryRuns.has(key)) return goesOn();
  const service = (config['grpc_service'] ?? config['http_service']) as object;
  const cluster = /"cluster(?:_name)?":"([^"]*)"/.exec(JSON.stringify(service))?.[1] ?? '';
  return goesOn(place.step('external-authorization', `${cluster} is asked; taken to say yes`));
}
