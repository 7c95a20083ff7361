// Load balancing: one algorithm, its hash key, and where traffic goes by locality.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings
import type {
  ConsistentHashLB,
  LoadBalancerSettings,
  LocalityFailover,
  LocalityLoadBalancerSetting,
  ZoneAwareLoadBalancerSetting,
} from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { conflict, deprecated, doubtful, duplicate, invalid, missing } from '../../draft.ts';
import { atMostOne, checkDuration } from '../common.ts';

export function* checkLoadBalancer(
  settings: LoadBalancerSettings | undefined,
  hasOutlierDetection: boolean,
  path: FieldPath,
): Drafts {
  if (!settings) return;
  yield* atMostOne(settings, path, ['simple', 'consistentHash']);
  yield* atMostOne(settings, path, ['localityLbSetting', 'zoneAwareLbSetting']);
  yield* checkConsistentHash(settings.consistentHash, [...path, 'consistentHash']);
  const { localityLbSetting: locality, zoneAwareLbSetting: zones, warmup } = settings;
  if (locality) yield* checkLocality(locality, [...path, 'localityLbSetting']);
  if (zones) yield* checkZoneAware(zones, [...path, 'zoneAwareLbSetting']);
  for (const [field, setting] of Object.entries({ localityLbSetting: locality, zoneAwareLbSetting: zones })) {
    const fails = (setting?.failover ?? []).length > 0 || (setting?.failoverPriority ?? []).length > 0;
    if (fails && !hasOutlierDetection)
      yield doubtful([...path, field], 'without outlierDetection no failure is noticed, so nothing fails over');
  }
  if (!warmup) return;
  yield* checkDuration(warmup.duration, [...path, 'warmup', 'duration']);
  if (warmup.aggression === 0) yield invalid([...path, 'warmup', 'aggression'], 'the aggression must be more than 0');
}

const keys = ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'];
const largestTable = 5_000_011;

function* checkConsistentHash(hash: ConsistentHashLB | undefined, path: FieldPath): Drafts {
  if (!hash) return;
  yield* atMostOne(hash, path, keys);
  yield* atMostOne(hash, path, ['ringHash', 'maglev']);
  if (hash.httpCookie?.name === '') yield missing([...path, 'httpCookie', 'name'], 'a cookie needs a name');
  const attributes = new Set<string>();
  for (const [index, { name }] of (hash.httpCookie?.attributes ?? []).entries()) {
    const at = [...path, 'httpCookie', 'attributes', index, 'name'];
    if (name === '') yield missing(at, 'an attribute needs a name');
    if (attributes.has(name)) yield duplicate(at, `there is another attribute "${name}"`);
    attributes.add(name);
  }
  if (hash.minimumRingSize) {
    yield deprecated([...path, 'minimumRingSize'], 'minimumRingSize is deprecated; use ringHash.minimumRingSize');
    if (hash.ringHash || hash.maglev) yield conflict(path, 'minimumRingSize excludes ringHash and maglev');
  }
  const size = hash.maglev ? (hash.maglev.tableSize ?? 0) : undefined;
  if (size !== undefined && (size >= largestTable || !isPrime(size)))
    yield invalid([...path, 'maglev', 'tableSize'], `${size} is not a prime number below ${largestTable}`);
}

function isPrime(candidate: number): boolean {
  if (candidate < 4) return candidate > 0; // as Envoy has it: 1 passes
  if (candidate % 2 === 0) return false;
  for (let factor = 3; factor * factor <= candidate; factor += 2) {
    if (candidate % factor === 0) return false;
  }
  return true;
}

const topologyLabels = new Set([
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
]);

/** https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting */
export function* checkLocality(setting: LocalityLoadBalancerSetting, path: FieldPath): Drafts {
  const { distribute = [], failover = [], failoverPriority = [] } = setting;
  if (distribute.length > 0 && failover.length > 0)
    yield conflict([...path, 'failover'], 'distribute and failover exclude each other');
  const topology = failoverPriority.find((label) => topologyLabels.has(label));
  if (failover.length > 0 && topology !== undefined)
    yield conflict([...path, 'failoverPriority'], `failover and the label ${topology} exclude each other`);
  for (const [index, { to = {} }] of distribute.entries()) {
    const weights = Object.values(to);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const at = [...path, 'distribute', index, 'to'];
    if (weights.some((weight) => weight < 1 || weight > 100)) yield invalid(at, 'each weight must be 1 to 100');
    else if (total !== 100) yield invalid(at, `the weights add up to ${total}, not 100`);
    yield* checkLocalities(Object.keys(to), at);
  }
  yield* checkLocalities(
    distribute.map(({ from = '' }) => from),
    [...path, 'distribute'],
  );
  yield* checkFailover(failover, [...path, 'failover']);
}

function* checkZoneAware(setting: ZoneAwareLoadBalancerSetting, path: FieldPath): Drafts {
  const topology = (setting.failoverPriority ?? []).find((label) => topologyLabels.has(label));
  if (topology !== undefined)
    yield conflict([...path, 'failoverPriority'], `regions and zones are kept anyway: leave out ${topology}`);
  yield* checkFailover(setting.failover ?? [], [...path, 'failover']);
}

function* checkFailover(failover: readonly LocalityFailover[], path: FieldPath): Drafts {
  for (const [index, { from = '', to = '' }] of failover.entries()) {
    if (from === to) yield invalid([...path, index], `"${from}" cannot fail over to itself`);
    if (/[/*]/.test(from + to)) yield invalid([...path, index], 'from and to are regions, without zones or wildcards');
  }
}

/** Localities `region/zone/subzone`, with `*` at the end at most, none inside another. */
function* checkLocalities(localities: readonly string[], path: FieldPath): Drafts {
  for (const [index, locality] of localities.entries()) {
    if (locality.split('/', 3).includes('')) yield invalid(path, `"${locality}" has an empty region, zone or subzone`);
    else if (locality.slice(0, -1).includes('*')) yield invalid(path, `"${locality}": * can only stand at the end`);
    const other = localities.slice(0, index).find((earlier) => overlaps(earlier, locality));
    if (other !== undefined) yield duplicate(path, `"${locality}" overlaps with "${other}"`);
  }
}

function overlaps(a: string, b: string): boolean {
  const [left, right] = [parts(a), parts(b)];
  return left.slice(0, Math.min(left.length, right.length)).every((part, index) => part === right[index]);
}

/** The parts before a final `*`: none for `*` alone. */
const parts = (locality: string): readonly string[] => locality.split('/', 3).filter((part) => part !== '*');
