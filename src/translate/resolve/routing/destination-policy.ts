// DestinationRules merged per host and namespace, and which of them is in force for a caller.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/
import { byKeys } from '../../../model/by-keys.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import type { DestinationPolicy, MeshSettings, PolicySubset, Service } from '../../../model/mesh/mesh.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import { bySpecificity, hostMatches, resolveHost } from './host.ts';
import { selects } from '../../../model/mesh/labels.ts';
import { byObjectAge, compareText } from '../order.ts';
import { isVisible, visibility } from '../scope/visibility.ts';

type DestinationRule = KindMap['DestinationRule'];
type Labels = Readonly<Record<string, string>>;

/** Rules for the same host that are exported to the same namespaces are one policy, unless they select workloads. */
export function destinationPolicies(
  rules: readonly DestinationRule[],
  settings: MeshSettings,
): readonly DestinationPolicy[] {
  const groups = Map.groupBy(rules.toSorted(byObjectAge), (rule) => mergeKey(rule, settings));
  return [...groups.entries()]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([, group]) => mergeRules(settings, sharedList(group)));
}

const hostOf = (rule: DestinationRule, settings: MeshSettings): string =>
  resolveHost(rule.spec.host ?? '', rule.metadata.namespace, settings.clusterDomain);

const visibilityOf = (rule: DestinationRule, settings: MeshSettings): DestinationPolicy['visibility'] =>
  visibility(rule.spec.exportTo, rule.metadata.namespace, settings.defaultDestinationRuleExportTo);

function mergeKey(rule: DestinationRule, settings: MeshSettings): string {
  const selector = rule.spec.workloadSelector === undefined ? '' : rule.metadata.name;
  return JSON.stringify([rule.metadata.namespace, hostOf(rule, settings), visibilityOf(rule, settings), selector]);
}

const mergeRules = memo((settings: MeshSettings, rules: readonly DestinationRule[]): DestinationPolicy => {
  const [oldest] = rules as readonly [DestinationRule];
  const subsets = new Map<string, PolicySubset>();
  for (const rule of rules) {
    (rule.spec.subsets ?? []).forEach((subset, i) => {
      const name = subset.name ?? '';
      if (!subsets.has(name)) subsets.set(name, { ...subset, source: at(rule.source, `spec.subsets[${i}]`) });
    });
  }
  const withPolicy = rules.find((rule) => rule.spec.trafficPolicy !== undefined);
  return {
    sources: rules.map((rule) => rule.source),
    ...(oldest.metadata.name !== oldest.source.name && { name: oldest.metadata.name }),
    namespace: oldest.metadata.namespace,
    host: hostOf(oldest, settings),
    created: oldest.metadata.creationTimestamp,
    visibility: visibilityOf(oldest, settings),
    ...(oldest.spec.workloadSelector !== undefined && {
      workloadSelector: oldest.spec.workloadSelector.matchLabels ?? {},
    }),
    ...(withPolicy?.spec.trafficPolicy !== undefined && { trafficPolicy: withPolicy.spec.trafficPolicy }),
    trafficPolicySource: at((withPolicy ?? oldest).source, 'spec.trafficPolicy'),
    subsets: [...subsets.values()],
  };
});

/** Policies of one namespace, found by host. */
export interface PolicyIndex {
  readonly exact: ReadonlyMap<string, readonly DestinationPolicy[]>;
  /** The most specific wildcard first. */
  readonly wildcards: readonly DestinationPolicy[];
}

export const indexPolicies = memo((policies: readonly DestinationPolicy[]): ReadonlyMap<string, PolicyIndex> => {
  const byNamespace = Map.groupBy(policies, (policy) => policy.namespace);
  return new Map([...byNamespace].map(([namespace, own]) => [namespace, indexNamespace(own)]));
});

const indexNamespace = (policies: readonly DestinationPolicy[]): PolicyIndex => ({
  exact: Map.groupBy(
    policies.filter((policy) => !policy.host.startsWith('*')),
    (policy) => policy.host,
  ),
  wildcards: policies.filter((policy) => policy.host.startsWith('*')).toSorted((a, b) => bySpecificity(a.host, b.host)),
});

/**
 * The policy in force for `service` when called from `namespace`: the caller's namespace first, then the service's, then
 * the root namespace; the first that has one for the host decides alone. One that selects the caller's workload by
 * `labels` goes before those for everybody. Without a namespace it is the one for callers to whom nothing particular applies.
 */
export function policyFor(
  index: ReadonlyMap<string, PolicyIndex>,
  service: Service,
  namespace: string | undefined,
  labels: Labels,
  rootNamespace: string,
): DestinationPolicy | undefined {
  const ownedBy = (owner: string | undefined): DestinationPolicy | undefined => {
    const own = owner === undefined ? undefined : index.get(owner);
    // Most services have none: this is asked for all of them, for each namespace.
    if (own === undefined || (own.wildcards.length === 0 && !own.exact.has(service.hostname))) return undefined;
    return mostSpecific(
      own,
      service.hostname,
      (policy) =>
        (policy.visibility.everywhere || (namespace !== undefined && isVisible(policy.visibility, namespace))) &&
        (policy.workloadSelector === undefined || (owner === namespace && selects(policy.workloadSelector, labels))),
    );
  };
  return ownedBy(namespace) ?? ownedBy(service.namespace) ?? ownedBy(rootNamespace);
}

/** Hosts of all policies. */
export const policyHosts = memo((index: ReadonlyMap<string, PolicyIndex>): readonly string[] =>
  [...index.values()].flatMap(({ exact, wildcards }) => [...exact.keys(), ...wildcards.map(({ host }) => host)]),
);

/** Hosts of the policies that may be in force for a namespace and not for others. */
export const particularHosts = (index: ReadonlyMap<string, PolicyIndex>, namespace: string): readonly string[] =>
  hostsByCaller(index).get(namespace) ?? nobodysHosts;

const nobodysHosts: readonly string[] = [];

const hostsByCaller = memo((index: ReadonlyMap<string, PolicyIndex>): ReadonlyMap<string, readonly string[]> => {
  const all = [...index.values()].flatMap(({ exact, wildcards }) => [...[...exact.values()].flat(), ...wildcards]);
  const byCaller = byKeys(all, ({ namespace, visibility }) => [namespace, ...visibility.namespaces]);
  return new Map([...byCaller].map(([caller, policies]) => [caller, policies.map(({ host }) => host)]));
});

function mostSpecific(
  index: PolicyIndex,
  host: string,
  usable: (policy: DestinationPolicy) => boolean,
): DestinationPolicy | undefined {
  const exact = preferSelected((index.exact.get(host) ?? []).filter(usable));
  if (exact !== undefined) return exact;
  const matching = index.wildcards.filter((policy) => hostMatches(policy.host, host) && usable(policy));
  return preferSelected(matching.filter((policy) => policy.host === matching[0]?.host));
}

const preferSelected = (policies: readonly DestinationPolicy[]): DestinationPolicy | undefined =>
  policies.find((policy) => policy.workloadSelector !== undefined) ??
  policies.toSorted((a, b) => compareText(a.created, b.created))[0];
