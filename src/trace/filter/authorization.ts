// Whether a connection or a request is allowed: Envoy's RBAC filter, policy by policy.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/rbac_filter
import type {
  envoy_config_rbac_v3_Permission,
  envoy_config_rbac_v3_Policy,
  envoy_config_rbac_v3_Principal,
  envoy_config_rbac_v3_RBAC,
} from '../../xds/generated/messages.ts';
import { inBlock } from '../match/address.ts';
import { matchesMetadata } from '../match/metadata-match.ts';
import { matchesHeader, matchesString } from '../match/string-match.ts';
import type { Verdict } from '../match/verdict.ts';
import { every, not, some } from '../match/verdict.ts';
import { pathOnly } from '../request.ts';
import type { Ending, Place, Step } from '../step.ts';
import type { Filter, FilterContext, Possibility } from './filter.ts';

interface RbacConfig {
  readonly rules?: envoy_config_rbac_v3_RBAC;
  readonly shadow_rules?: envoy_config_rbac_v3_RBAC;
  readonly shadow_rules_stat_prefix?: string;
}

interface Decided {
  readonly allowed: Verdict;
  /** The policy that decided; undefined if none matched. */
  readonly policy: string | undefined;
  readonly steps: readonly Step[];
}

export const httpRbac: Filter = (config, place, context) => {
  const own = context.ofRoute('envoy.filters.http.rbac')?.config['rbac'] as RbacConfig | undefined;
  return decided(own ?? config, place, context, {
    kind: 'response',
    status: 403,
    flags: '',
    details: 'rbac_access_denied',
  });
};

export const networkRbac: Filter = (config, place, context) =>
  decided(config, place, context, { kind: 'closed', flags: '', details: 'rbac_access_denied' });

function decided(config: RbacConfig, place: Place, context: FilterContext, denial: Ending): readonly Possibility[] {
  const { rules, shadow_rules: shadow, shadow_rules_stat_prefix: prefix = '' } = config;
  const dry = shadow && evaluate(shadow, place.below('shadow_rules'), context, 'dry run: ');
  const dryRuns = new Map(context.dryRuns);
  if (dry?.policy !== undefined) dryRuns.set(`${prefix}shadow_effective_policy_id`, dry.policy);
  if (rules === undefined) return [{ probability: 1, steps: dry?.steps ?? [], dryRuns }];
  const real = evaluate(rules, place.below('rules'), context, '');
  const steps = [...(dry?.steps ?? []), ...real.steps];
  if (real.allowed === true) return [{ probability: 1, steps, dryRuns }];
  const details = 'an authorization policy looks at what a trace does not know';
  return [{ probability: 1, steps, ending: real.allowed === false ? denial : { kind: 'unknown', details } }];
}

/** The first policy by name that matches decides. */
function evaluate(rules: envoy_config_rbac_v3_RBAC, place: Place, context: FilterContext, what: string): Decided {
  // What is zero is not printed, and ALLOW is.
  const action = rules.action ?? 'ALLOW';
  const policies = Object.entries(rules.policies ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const verdicts = policies.map(([name, policy]) => ({ name, verdict: matches(policy, context) }));
  const steps = verdicts.map(({ name, verdict }) => policyStep(place, name, action, verdict, what));
  const first = verdicts.find(({ verdict }) => verdict !== false);
  if (first === undefined) {
    const allowed = action !== 'ALLOW';
    const none = `${what}no ${action} policy matches${allowed ? '' : ': denied'}`;
    return {
      allowed,
      policy: undefined,
      steps: [...steps, { ...place.step('authorization', none), causes: place.causesBelow() }],
    };
  }
  const allowed: Verdict = first.verdict === 'unknown' ? 'unknown' : action !== 'DENY';
  return { allowed: action === 'LOG' ? true : allowed, policy: first.name, steps };
}

function policyStep(place: Place, name: string, action: string, verdict: Verdict, what: string): Step {
  const words = { true: 'matches', false: 'does not match', unknown: 'cannot be decided here' } as const;
  const policy = place.below('policies', name);
  return {
    ...policy.step('authorization', `${what}${action} ${name} ${words[`${verdict}`]}`),
    causes: policy.causesBelow(),
  };
}

function matches({ permissions = [], principals = [] }: envoy_config_rbac_v3_Policy, context: FilterContext): Verdict {
  const permitted = some(permissions, (permission) => permits(permission, context));
  const meant = some(principals, (principal) => means(principal, context));
  return every([permitted, meant], (verdict) => verdict);
}

/** HTTP conditions never hold for bytes. */
function permits(permission: envoy_config_rbac_v3_Permission, context: FilterContext): Verdict {
  const { connection, http } = context;
  const { and_rules: and, or_rules: or, not_rule: inverse, header, url_path: path } = permission;
  const { destination_ip: ip, destination_port_range: range, requested_server_name: serverName } = permission;
  if (permission.any !== undefined) return permission.any;
  if (and !== undefined) return every(and.rules ?? [], (rule) => permits(rule, context));
  if (or !== undefined) return some(or.rules ?? [], (rule) => permits(rule, context));
  if (inverse !== undefined) return not(permits(inverse, context));
  if (header !== undefined) return http === undefined ? false : matchesHeader(header, http);
  if (path?.path !== undefined) return http === undefined ? false : matchesString(path.path, pathOnly(http.path));
  if (permission.destination_port !== undefined) return connection.destination.port === permission.destination_port;
  if (ip !== undefined) return inBlock(ip, connection.destination.address);
  if (range !== undefined)
    return connection.destination.port >= (range.start ?? 0) && connection.destination.port < (range.end ?? 0);
  if (serverName !== undefined) return matchesString(serverName, connection.tls?.serverName ?? '');
  return permission.metadata === undefined ? 'unknown' : matchesMetadata(permission.metadata, http);
}

function means(principal: envoy_config_rbac_v3_Principal, context: FilterContext): Verdict {
  const { connection, http } = context;
  const { and_ids: and, or_ids: or, not_id: inverse, header, authenticated, url_path: path } = principal;
  const block = principal.direct_remote_ip ?? principal.source_ip;
  if (principal.any !== undefined) return principal.any;
  if (and !== undefined) return every(and.ids ?? [], (id) => means(id, context));
  if (or !== undefined) return some(or.ids ?? [], (id) => means(id, context));
  if (inverse !== undefined) return not(means(inverse, context));
  if (header !== undefined) return http === undefined ? false : matchesHeader(header, http);
  if (path?.path !== undefined) return http === undefined ? false : matchesString(path.path, pathOnly(http.path));
  if (block !== undefined) return inBlock(block, connection.source.address);
  if (principal.remote_ip !== undefined)
    return http?.headers['x-forwarded-for'] === undefined
      ? inBlock(principal.remote_ip, connection.source.address)
      : 'unknown';
  if (principal.metadata !== undefined) return matchesMetadata(principal.metadata, http);
  if (authenticated === undefined) return 'unknown';
  const { principal: shown } = connection.source;
  if (shown === undefined) return false;
  return authenticated.principal_name === undefined ? true : matchesString(authenticated.principal_name, shown);
}
