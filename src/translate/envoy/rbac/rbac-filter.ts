// Authorization as filters: for each action one RBAC filter with the rules of all policies, for HTTP and for plain
// connections. Who is asked first: AUDIT, DENY, then ALLOW.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/rbac_filter
import { at } from '../../../model/source.ts';
import type { AuthorizationPolicy } from '../../../model/mesh/workload-policies.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import type { Identities, RuleContext } from './attribute.ts';
import { matchesNothing, rulePolicy } from './rule.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type NetworkFilter = MessageOf['envoy.config.listener.v3.Filter'];
type Rbac = MessageOf['envoy.config.rbac.v3.RBAC'];
type Policy = MessageOf['envoy.config.rbac.v3.Policy'];

/** The same decisions on requests and on connections. */
export interface Filters {
  readonly http: readonly HttpFilter[];
  readonly tcp: readonly NetworkFilter[];
}

/** `rules` decide; `shadowRules` only say how they would have decided. */
export interface RbacRules {
  readonly rules?: Rbac;
  readonly shadowRules?: Rbac;
  readonly shadowPrefix?: string;
}

const actions = [
  ['AUDIT', 'LOG'],
  ['DENY', 'DENY'],
  ['ALLOW', 'ALLOW'],
] as const;

type Action = (typeof actions)[number][1];

/** For every action but CUSTOM. An action with policies has a filter, even one that was left without rules. */
export function authorizationFilters(policies: readonly AuthorizationPolicy[], identities: Identities): Filters {
  const byAction = actions.flatMap(([name, action]) => {
    const own = policies.filter(({ spec }) => (spec.action ?? 'ALLOW') === name);
    return own.length === 0 ? [] : [{ action, own }];
  });
  return {
    http: byAction.map(({ action, own }) => httpRbac(decisions(own, action, identities, true))),
    tcp: byAction.map(({ action, own }) => networkRbac(decisions(own, action, identities, false))),
  };
}

export const httpRbac = (rules: RbacRules): HttpFilter =>
  extension('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', rbac(rules));

export const networkRbac = (rules: RbacRules): NetworkFilter =>
  extension('envoy.filters.network.rbac', 'envoy.extensions.filters.network.rbac.v3.RBAC', {
    ...rbac(rules),
    stat_prefix: 'tcp.',
  });

const rbac = ({
  rules,
  shadowRules,
  shadowPrefix,
}: RbacRules): MessageOf['envoy.extensions.filters.http.rbac.v3.RBAC'] => ({
  ...(rules !== undefined && { rules }),
  ...(shadowRules !== undefined && { shadow_rules: shadowRules }),
  ...(shadowPrefix !== undefined && { shadow_rules_stat_prefix: shadowPrefix }),
});

function decisions(
  policies: readonly AuthorizationPolicy[],
  action: Action,
  identities: Identities,
  http: boolean,
): RbacRules {
  const rulesFor = (own: readonly AuthorizationPolicy[]): Rbac | undefined => {
    if (own.length === 0) return undefined;
    const rules = { action, policies: policyEntries(own, action, identities, http, plainName) };
    // Without entries nothing else would tell whose they are.
    const sources = own.map(({ source }) => at(source, 'spec.rules'));
    return Object.keys(rules.policies).length > 0 ? rules : from(sources, rules);
  };
  const rules = rulesFor(policies.filter((policy) => !isDryRun(policy)));
  const shadowRules = rulesFor(policies.filter(isDryRun));
  // The prefix is there for nothing as well: dashboards look the statistics up by it.
  const denies = shadowRules !== undefined && action === 'DENY';
  return {
    ...(rules !== undefined && { rules }),
    ...(shadowRules !== undefined && { shadowRules }),
    shadowPrefix: denies ? 'istio_dry_run_deny_' : 'istio_dry_run_allow_',
  };
}

/** https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/ */
export const isDryRun = ({ metadata, spec }: AuthorizationPolicy): boolean =>
  ['ALLOW', 'DENY'].includes(spec.action ?? 'ALLOW') &&
  ['1', 't', 'true'].includes((metadata.annotations['istio.io/dry-run'] ?? '').toLowerCase());

const plainName = (rule: string): string => rule;

/** An entry for each rule, by the name that access logs and `istioctl` show: `ns[shop]-policy[admins]-rule[0]`. */
export function policyEntries(
  policies: readonly AuthorizationPolicy[],
  action: Action,
  identities: Identities,
  http: boolean,
  named: (rule: string) => string,
): Readonly<Record<string, Policy>> {
  return Object.fromEntries(
    policies.flatMap(({ metadata: { namespace, name }, spec: { rules = [] }, source }) => {
      const context: RuleContext = { namespace, ...identities };
      const entryName = (i: number): string => named(`ns[${namespace}]-policy[${name}]-rule[${i}]`);
      if (rules.length === 0) return [[entryName(0), from(at(source, 'spec'), matchesNothing)] as const];
      return rules.flatMap((rule, i) => {
        const entry = rulePolicy(rule, context, http, action === 'ALLOW');
        return entry === undefined ? [] : [[entryName(i), from(at(source, `spec.rules[${i}]`), entry)] as const];
      });
    }),
  );
}
