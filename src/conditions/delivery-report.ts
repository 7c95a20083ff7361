// For each object of the user: how many proxies have something that it caused, how many of them have all of it in its latest
// version, and what those say that reject it. What layers and messages are caused by is found out once for each of them.
import type { Delivery } from '../model/proxy/delivery.ts';
import type { PatchCount } from '../model/envoy/patch-places.ts';
import { joinedCounts } from '../model/envoy/patch-places.ts';
import type { Layer, Resource } from '../model/envoy/resource.ts';
import type { SourceRef } from '../model/source.ts';
import { sourcesOf } from '../translate/provenance.ts';

export interface ObjectDelivery {
  /** Of the object that it is about. */
  readonly generation: number;
  readonly proxies: number;
  readonly programmed: number;
  /** Why proxies reject it, in their words; a few of them. */
  readonly faults: readonly string[];
  /** Of an object with patches: what each of them matches. */
  readonly patches?: readonly PatchCount[];
}

/** By `causeKey`. */
export type DeliveryReport = ReadonlyMap<string, ObjectDelivery>;

/** Names an object among all kinds that have conditions. */
export const causeKey = ({ kind, namespace, name }: Pick<SourceRef, 'kind' | 'namespace' | 'name'>): string =>
  `${kind} ${namespace}/${name}`;

const mostFaults = 3;
/** Between pauses. */
const layersAtOnce = 4;

/**
 * `generations` has the objects to report of, by their keys; `patches` are those that are for the proxies. `breathe` lets others
 * work; it is awaited again and again.
 */
export async function deliveryReport(
  { proxies, refusals }: Delivery,
  generations: ReadonlyMap<string, number>,
  isReported: (source: SourceRef) => boolean,
  patches: readonly PatchCount[],
  breathe: () => Promise<void>,
): Promise<DeliveryReport> {
  const layers = new Map<Layer, Set<number>>();
  for (const [proxy, delivery] of proxies.entries())
    for (const layer of delivery.layers) entry(layers, layer, newSet<number>).add(proxy);
  const having = new Map<string, Set<number>[]>();
  let looked = 0;
  for (const [layer, holders] of layers) {
    for (const key of layerCauses(layer, isReported)) entry(having, key, newList<Set<number>>).push(holders);
    if (++looked % layersAtOnce === 0) await breathe();
  }
  const behind = new Map<string, Set<number>>();
  const faults = new Map<string, Set<string>>();
  for (const [proxy, { pending }] of proxies.entries())
    for (const resource of pending)
      for (const key of resourceCauses(resource, isReported)) entry(behind, key, newSet<number>).add(proxy);
  for (const { scope, resource, causing, error } of refusals) {
    const holders = [...layers].filter(
      ([layer]) => layer.scope === scope && layer.resources.get(resource.name) === resource,
    );
    for (const key of new Set(causing.flatMap((part) => [...resourceCauses(part, isReported)]))) {
      for (const proxy of union(holders.map(([, each]) => each))) entry(behind, key, newSet<number>).add(proxy);
      entry(faults, key, newSet<string>).add(error);
    }
  }
  const patchesOf = Map.groupBy(patches, ({ source }) => causeKey(source));
  return new Map(
    [...generations].map(([key, generation]) => {
      const own = patchesOf.get(key);
      const all = union(having.get(key) ?? []);
      const missing = [...(behind.get(key) ?? [])].filter((proxy) => all.has(proxy)).length;
      const told = [...(faults.get(key) ?? [])].slice(0, mostFaults);
      return [
        key,
        { generation, proxies: all.size, programmed: all.size - missing, faults: told, ...(own && { patches: own }) },
      ];
    }),
  );
}

/** What another replica reports of its proxies. */
export interface PeerReport {
  readonly revision: string;
  readonly report: DeliveryReport;
}

/** What several replicas report, as one. */
export interface JoinedDelivery extends ObjectDelivery {
  /** Of how many others nothing is known about this version of the object. */
  readonly unheard: number;
}

/** Of the objects that this replica knows; `isKnownTo` a replica of a revision, too. */
export function joinedReports(
  own: DeliveryReport,
  others: readonly PeerReport[],
  isKnownTo: (key: string, revision: string) => boolean,
): ReadonlyMap<string, JoinedDelivery> {
  return new Map(
    [...own].map(([key, delivery]) => {
      const concerned = others.filter(({ revision }) => isKnownTo(key, revision)).map(({ report }) => report);
      return [key, joined(key, delivery, concerned)];
    }),
  );
}

function joined(key: string, own: ObjectDelivery, others: readonly DeliveryReport[]): JoinedDelivery {
  const heard = others
    .flatMap((report) => report.get(key) ?? [])
    .filter(({ generation }) => generation >= own.generation);
  const all = [own, ...heard];
  const patches = joinedCounts(all.flatMap((each) => each.patches ?? []));
  return {
    generation: own.generation,
    proxies: all.reduce((sum, { proxies }) => sum + proxies, 0),
    programmed: all.reduce((sum, { programmed }) => sum + programmed, 0),
    faults: [...new Set(all.flatMap(({ faults }) => faults))].slice(0, mostFaults),
    unheard: others.length - heard.length,
    ...(patches.length > 0 && { patches }),
  };
}

type Causes = ReadonlySet<string>;
const ofLayers = new WeakMap<Layer['resources'], Causes>();
const ofMessages = new WeakMap<object, Causes>();

function layerCauses({ resources }: Layer, isReported: (source: SourceRef) => boolean): Causes {
  let causes = ofLayers.get(resources);
  if (causes === undefined) {
    causes = new Set([...resources.values()].flatMap((resource) => [...resourceCauses(resource, isReported)]));
    ofLayers.set(resources, causes);
  }
  return causes;
}

function resourceCauses({ message, parts }: Resource, isReported: (source: SourceRef) => boolean): Causes {
  const own = messageCauses(message, isReported);
  if (parts === undefined) return own;
  return new Set([...own, ...parts.resources.flatMap((part) => [...resourceCauses(part, isReported)])]);
}

function messageCauses(message: object, isReported: (source: SourceRef) => boolean): Causes {
  let causes = ofMessages.get(message);
  if (causes === undefined) {
    causes = new Set([...sourcesOf(message)].filter(isReported).map(causeKey));
    ofMessages.set(message, causes);
  }
  return causes;
}

function union(sets: readonly ReadonlySet<number>[]): ReadonlySet<number> {
  const [only, ...others] = sets;
  return only !== undefined && others.length === 0 ? only : new Set(sets.flatMap((set) => [...set]));
}

const newSet = <T>(): Set<T> => new Set();
const newList = <T>(): T[] => [];

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
