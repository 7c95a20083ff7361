// EnvoyFilter: what is patched, where it is looked for, and what with must fit together.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import type { EnvoyConfigObjectPatch, FilterChainMatch, KindMap } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import type { RuleContext } from '../rule.ts';
import { canonicalMessage } from '../../../model/message/canonical.ts';
import { patchedMessages } from '../../../model/envoy/patched-messages.ts';
import { conflict, deprecated, doubtful, invalid, missing } from '../../draft.ts';
import { atMostOne, checkTargets } from '../common.ts';
import { checkSelector } from '../syntax/labels.ts';
import { regexFault } from '../syntax/regex.ts';

export function* envoyFilter({ spec }: KindMap['EnvoyFilter'], context: RuleContext): Drafts {
  yield* checkTargets({
    ...(spec.targetRefs && { targetRefs: spec.targetRefs }),
    ...(spec.workloadSelector && { workloadSelector: spec.workloadSelector }),
  });
  for (const [index, { kind }] of (spec.targetRefs ?? []).entries())
    if (kind === 'Service' || kind === 'ServiceEntry')
      yield doubtful(
        ['spec', 'targetRefs', index],
        `patches are for proxies, not for a ${kind}: name the Gateway of its waypoint`,
      );
  if (spec.workloadSelector) yield* checkSelector(spec.workloadSelector.labels, ['spec', 'workloadSelector', 'labels']);
  for (const [index, patch] of (spec.configPatches ?? []).entries())
    yield* checkPatch(patch, ['spec', 'configPatches', index], context);
}

const objectMatches = ['listener', 'routeConfiguration', 'cluster', 'waypoint'] as const;

/** Which kind of match finds what is patched. */
const matchFor: Readonly<Record<string, (typeof objectMatches)[number]>> = {
  LISTENER: 'listener',
  FILTER_CHAIN: 'listener',
  NETWORK_FILTER: 'listener',
  HTTP_FILTER: 'listener',
  ROUTE_CONFIGURATION: 'routeConfiguration',
  VIRTUAL_HOST: 'routeConfiguration',
  HTTP_ROUTE: 'routeConfiguration',
  CLUSTER: 'cluster',
};

function* checkPatch(config: EnvoyConfigObjectPatch, path: FieldPath, context: RuleContext): Drafts {
  const { applyTo = 'INVALID', match = {}, patch } = config;
  yield* atMostOne(match, [...path, 'match'], objectMatches);
  if (match.context === 'WAYPOINT') {
    if (!match.waypoint) yield missing([...path, 'match', 'waypoint'], 'context WAYPOINT needs a waypoint match');
    else yield doubtful([...path, 'match', 'context'], waypointContext);
    return;
  }
  if (match.waypoint) yield conflict([...path, 'match', 'waypoint'], 'a waypoint match needs context WAYPOINT');
  if (applyTo === 'INVALID') return yield missing([...path, 'applyTo'], 'what the patch applies to is required');
  if (!patch) return yield missing([...path, 'patch'], 'the patch is required');
  const { operation = 'INVALID', value, filterClass = 'UNSPECIFIED' } = patch;
  if (filterClass !== 'UNSPECIFIED') yield doubtful([...path, 'patch', 'filterClass'], anyClass);
  if (operation === 'INVALID') return yield missing([...path, 'patch', 'operation'], 'the operation is required');
  if (operation !== 'REMOVE' && !value)
    return yield missing([...path, 'patch', 'value'], `the operation ${operation} needs a value`);
  yield* checkVersion(match.proxy?.proxyVersion ?? '', [...path, 'match', 'proxy', 'proxyVersion']);
  const expected = matchFor[applyTo];
  for (const kind of objectMatches) {
    if (expected !== undefined && match[kind] && kind !== expected && kind !== 'waypoint')
      yield conflict([...path, 'match', kind], `${applyTo} is found by ${expected}, not by ${kind}`);
  }
  const chain = match.listener?.filterChain;
  if (expected === 'listener' && chain?.filter)
    yield* checkFilter(chain.filter, [...path, 'match', 'listener', 'filterChain', 'filter'], applyTo);
  if (!value || operation === 'REMOVE') return;
  yield* checkValue(value, [...path, 'patch', 'value'], applyTo, context);
  yield* checkPatterns(value, [...path, 'patch', 'value']);
}

const waypointContext =
  'context WAYPOINT has no effect, as with Istio: use SIDECAR_INBOUND in an EnvoyFilter whose targetRefs name the waypoint';
const anyClass =
  'filterClass has no effect, as with Istio: say by INSERT_BEFORE or INSERT_AFTER where the filter is to stand';

const longestVersion = 1024;

function* checkVersion(version: string, path: FieldPath): Drafts {
  if (version.length > longestVersion)
    return yield doubtful(path, `a version pattern of more than ${longestVersion} characters is not used`);
  const fault = version === '' ? undefined : regexFault(version);
  if (fault !== undefined) yield invalid(path, fault);
}

const connectionManager = 'envoy.filters.network.http_connection_manager';
/** https://www.envoyproxy.io/docs/envoy/latest/version_history/v1.14.0#deprecated */
const oldNames: Readonly<Record<string, string>> = {
  'envoy.http_connection_manager': connectionManager,
  'envoy.tcp_proxy': 'envoy.filters.network.tcp_proxy',
  'envoy.router': 'envoy.filters.http.router',
  'envoy.cors': 'envoy.filters.http.cors',
  'envoy.fault': 'envoy.filters.http.fault',
  'envoy.lua': 'envoy.filters.http.lua',
  'envoy.rate_limit': 'envoy.filters.http.ratelimit',
  'envoy.ext_authz': 'envoy.filters.http.ext_authz',
  'envoy.grpc_web': 'envoy.filters.http.grpc_web',
};

function* checkFilter(filter: NonNullable<FilterChainMatch['filter']>, path: FieldPath, applyTo: string): Drafts {
  const { name = '', subFilter } = filter;
  if (applyTo === 'LISTENER' || applyTo === 'FILTER_CHAIN')
    yield doubtful(path, `a filter match has no effect on ${applyTo}`);
  if (name === '') return yield missing([...path, 'name'], 'the name of the filter is required');
  yield* checkOldName(name, [...path, 'name']);
  if (!subFilter) return;
  const at = [...path, 'subFilter'];
  if (applyTo !== 'HTTP_FILTER') yield conflict(at, 'a subFilter is only for HTTP_FILTER');
  else if ((oldNames[name] ?? name) !== connectionManager)
    yield conflict(at, `a subFilter needs the filter ${connectionManager}`);
  else if (!subFilter.name) yield missing([...at, 'name'], 'the name of the subFilter is required');
  else yield* checkOldName(subFilter.name, [...at, 'name']);
}

function* checkOldName(name: string, path: FieldPath): Drafts {
  const newName = Object.hasOwn(oldNames, name) ? oldNames[name] : undefined;
  if (newName !== undefined) yield deprecated(path, `"${name}" is the old name; use ${newName}`);
}

/** What a proxy could not read would be left out everywhere, without a word. */
function* checkValue(value: object, path: FieldPath, applyTo: string, { findMessage }: RuleContext): Drafts {
  const type = findMessage?.(patchedMessages[applyTo] ?? '');
  if (findMessage === undefined || type === undefined) return;
  for (const { kind, path: inside, message } of canonicalMessage(findMessage, type, value).faults) {
    const at = [...path, ...inside];
    yield kind === 'unknown-field' ? doubtful(at, `${message}: it is left out`) : invalid(at, message);
  }
}

/** Patterns of Envoy's matchers: a proxy refuses the whole resource for one that it cannot compile. */
function* checkPatterns(value: unknown, path: FieldPath): Drafts {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value) as [string, unknown][]) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    const fault = key === 'regex' && typeof child === 'string' && child !== '' ? regexFault(child) : undefined;
    if (fault !== undefined) yield invalid(at, fault);
    yield* checkPatterns(child, at);
  }
}
