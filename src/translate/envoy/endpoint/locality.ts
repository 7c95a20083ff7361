// Locality load balancing: priorities and weights of the localities of a cluster, as seen from one place.
// https://istio.io/latest/docs/tasks/traffic-management/locality-load-balancing/
import { memo, sharedValue } from '../../../model/memo.ts';
import { networkLabel } from '../../../model/mesh/labels.ts';
import type { Endpoint, MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import type { Locality } from '../../../model/proxy/proxy.ts';
import type { LocalityLoadBalancerSetting, ZoneAwareLoadBalancerSetting } from '../../../model/schema/index.ts';
import { compareText } from '../../resolve/order.ts';
import { localityText, parseLocality } from '../../resolve/kubernetes/workload.ts';
import type { EffectivePolicy } from '../cluster/traffic-policy.ts';

/** Where a caller is, as far as the order of endpoints depends on it. */
export interface CallerPlace {
  readonly locality: Locality;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  readonly nodeName: string;
}

/** What of a place matters where the labels of workloads do not. */
export const localityAlone = memo(({ locality }: CallerPlace): CallerPlace =>
  sharedValue({ locality, labels: {}, network: '', nodeName: '' }),
);

/** What applies to a cluster: shares between localities, or an order of preference. */
export interface LocalityRule {
  readonly setting: LocalityLoadBalancerSetting;
  /** Envoy balances between the zones of a region by itself. */
  readonly zoneAware: boolean;
  /** Hosts are ejected, or closeness was asked for: another locality may take over. */
  readonly failover: boolean;
}

const sameZone: readonly string[] = [
  networkLabel,
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
];
const closeness: Readonly<Record<NonNullable<Service['prefers']>, LocalityLoadBalancerSetting>> = {
  zone: { failoverPriority: [...sameZone] },
  node: { failoverPriority: [...sameZone, 'kubernetes.io/hostname'] },
};
const everyLocality: LocalityLoadBalancerSetting = {};

/** The Service's own preference, else the DestinationRule's setting, else the mesh's; undefined when switched off. */
export function localityRule(
  settings: MeshSettings,
  service: Service,
  policy: EffectivePolicy,
): LocalityRule | undefined {
  const ejects = policy.outlierDetection !== undefined;
  if (service.prefers !== undefined) return { setting: closeness[service.prefers], zoneAware: false, failover: true };
  const zones = zoneAwareness(settings, policy);
  if (zones !== undefined) return { setting: zones, zoneAware: true, failover: ejects };
  const setting = policy.loadBalancer?.value.localityLbSetting ?? settings.localityLbSetting ?? everyLocality;
  return setting.enabled === false ? undefined : { setting, zoneAware: false, failover: ejects };
}

/** The DestinationRule's, else the mesh's unless the rule has an own opinion about localities; undefined when off. */
export function zoneAwareness(
  settings: MeshSettings,
  policy: EffectivePolicy,
): ZoneAwareLoadBalancerSetting | undefined {
  const own = policy.loadBalancer?.value;
  const setting =
    own?.zoneAwareLbSetting ?? (own?.localityLbSetting === undefined ? settings.zoneAwareLbSetting : undefined);
  return setting?.enabled === false ? undefined : setting;
}

/** Whether the weights of localities are to be obeyed by the balancer. */
export const weighsLocalities = (rule: LocalityRule | undefined): boolean =>
  rule !== undefined &&
  (rule.setting.distribute !== undefined ||
    (rule.failover && (rule.setting.failover !== undefined || rule.setting.failoverPriority !== undefined)));

/** Whether the assignment depends on where the caller is. */
export const dependsOnPlace = (rule: LocalityRule | undefined): rule is LocalityRule =>
  rule !== undefined && (rule.setting.distribute !== undefined || rule.failover);

/** As much of the caller's place as the assignment depends on, so that more callers share it. */
export function relevantPlace(rule: LocalityRule | undefined, place: CallerPlace | undefined): CallerPlace | undefined {
  if (place === undefined || !dependsOnPlace(rule)) return undefined;
  return rule.setting.failoverPriority === undefined ? localityAlone(place) : place;
}

/** Endpoints of one locality and priority. */
export interface LocalityGroup {
  readonly locality: Locality;
  readonly endpoints: readonly Endpoint[];
  readonly weight: number;
  readonly priority: number;
}

export const weightOf = (endpoint: Endpoint): number => endpoint.weight ?? 1;

const totalWeight = (endpoints: readonly Endpoint[]): number =>
  endpoints.reduce((sum, endpoint) => sum + weightOf(endpoint), 0);

/** Groups by locality, in the order of their names, all of the same priority. */
export function byLocality(endpoints: readonly Endpoint[]): readonly LocalityGroup[] {
  const groups = Map.groupBy(endpoints, (endpoint) => localityText(endpoint.locality));
  return localityGroups(
    [...groups.values()].map((own) => ({ locality: (own[0] as Endpoint).locality, endpoints: own })),
  );
}

/** The same for endpoints that are grouped already; a locality may have lost all of its endpoints. */
export const localityGroups = (
  localities: readonly Pick<LocalityGroup, 'locality' | 'endpoints'>[],
): readonly LocalityGroup[] =>
  localities
    .map((own) => ({ ...own, name: localityText(own.locality) }))
    .toSorted((a, b) => compareText(a.name, b.name))
    .map(({ locality, endpoints }) => ({ locality, endpoints, weight: totalWeight(endpoints), priority: 0 }));

export function applyLocality(
  groups: readonly LocalityGroup[],
  rule: LocalityRule | undefined,
  view: CallerPlace,
): readonly LocalityGroup[] {
  if (rule === undefined) return groups;
  const { distribute, failover, failoverPriority } = rule.setting;
  if (distribute !== undefined) return distributed(groups, distribute, view.locality);
  if (!rule.failover) return groups;
  const ordered =
    failoverPriority === undefined
      ? groups
      : groups.flatMap((group) => byMatchingLabels(group, failoverPriority, view));
  const byPlace = failoverPriority === undefined || (failover ?? []).length > 0;
  return compacted(byPlace ? byDistance(ordered, failover ?? [], view.locality, rule.zoneAware) : ordered);
}

type Distribute = NonNullable<LocalityLoadBalancerSetting['distribute']>;

/** Gives each named locality its share; localities that are not named keep their place but lose their endpoints. */
function distributed(
  groups: readonly LocalityGroup[],
  distribute: Distribute,
  own: Locality,
): readonly LocalityGroup[] {
  const rule = distribute.find((candidate) => covers(candidate.from ?? '', own));
  if (rule === undefined) return groups;
  const weights = new Map<LocalityGroup, number>();
  for (const [to, share] of Object.entries(rule.to ?? {})) {
    const matching = groups.filter((group) => group.weight > 0 && !weights.has(group) && covers(to, group.locality));
    const total = matching.reduce((sum, group) => sum + group.weight, 0);
    for (const group of matching) weights.set(group, Math.ceil((group.weight * share) / total));
  }
  return groups.map((group) => {
    const weight = weights.get(group);
    return weight === undefined ? { ...group, endpoints: [], weight: 1 } : { ...group, weight };
  });
}

/** `region/zone/*` covers all sub-zones of the zone; `*` covers everything. */
function covers(pattern: string, locality: Locality): boolean {
  const wanted = parseLocality(pattern);
  const parts = [
    [wanted.region, locality.region],
    [wanted.zone, locality.zone],
    [wanted.subZone, locality.subZone],
  ] as const;
  for (const [want, has] of parts) {
    if (want === '*' || want === '') return true;
    if (want !== has) return false;
  }
  return true;
}

/**
 * 0 the same sub-zone, 1 the same zone, 2 the same region, 3 elsewhere; a region to fail over to goes before others. Within
 * a region that is balanced by zone all are alike.
 */
function byDistance(
  groups: readonly LocalityGroup[],
  failover: NonNullable<LocalityLoadBalancerSetting['failover']>,
  own: Locality,
  zoneAware: boolean,
): readonly LocalityGroup[] {
  const preferred = failover.find((rule) => rule.from === own.region)?.to;
  const distance = ({ locality }: LocalityGroup): number => {
    if (locality.region !== own.region) return preferred === undefined || preferred === locality.region ? 3 : 4;
    if (zoneAware) return 0;
    if (locality.zone !== own.zone) return 2;
    return locality.subZone === own.subZone ? 0 : 1;
  };
  return groups.map((group) => ({ ...group, priority: group.priority * 5 + distance(group) }));
}

/** The further down the list the first label that differs, the nearer. `key=value` sets what to compare with. */
function byMatchingLabels(group: LocalityGroup, keys: readonly string[], view: CallerPlace): readonly LocalityGroup[] {
  const own = { ...view.labels, ...placeLabels(view.locality, view.network, view.nodeName) };
  const priority = (endpoint: Endpoint): number => {
    const labels: Readonly<Record<string, string>> = {
      ...endpoint.labels,
      ...placeLabels(endpoint.locality, endpoint.network, endpoint.nodeName),
    };
    const matched = keys.findIndex((key) => {
      const [name = '', value] = key.split('=');
      return labels[name] !== (value ?? own[name]);
    });
    return matched < 0 ? 0 : keys.length - matched;
  };
  return [...Map.groupBy(group.endpoints, priority).entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([level, endpoints]) => ({ ...group, endpoints, weight: totalWeight(endpoints), priority: level }));
}

const placeLabels = (locality: Locality, network: string, node: string): Readonly<Record<string, string>> => ({
  'kubernetes.io/hostname': node,
  'topology.kubernetes.io/region': locality.region,
  'topology.kubernetes.io/zone': locality.zone,
  'topology.istio.io/subzone': locality.subZone,
  [networkLabel]: network,
});

/** Envoy wants priorities without gaps. */
function compacted(groups: readonly LocalityGroup[]): readonly LocalityGroup[] {
  const levels = [...new Set(groups.map((group) => group.priority))].toSorted((a, b) => a - b);
  return groups.map((group) => ({ ...group, priority: levels.indexOf(group.priority) }));
}
