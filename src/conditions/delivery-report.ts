// For each object of the user: how many proxies have something that it caused, how many of them have all of it in its latest
// version, and what those say that reject it. From one look to the next only what has changed in between is counted again.
import type { Delivery, ProxyDelivery, Refusal } from '../model/proxy/delivery.ts';
import type { PatchCount } from '../model/envoy/patch-places.ts';
import { joinedCounts } from '../model/envoy/patch-places.ts';
import { memo, sharedList } from '../model/memo.ts';
import type { SourceRef } from '../model/source.ts';
import type { Keys } from './causes.ts';
import { causeKey, Causes } from './causes.ts';

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

const mostFaults = 3;
/** Between pauses. */
const layersAtOnce = 4;

export interface ReporterOptions {
  /** Which objects to report of. */
  readonly isReported: (source: SourceRef) => boolean;
  /** Lets others work; it is awaited again and again. */
  readonly breathe: () => Promise<void>;
}

/** What an object lacks. */
interface Shortcomings {
  /** The proxies that do not have its latest version, by their place in the list. */
  readonly behind: Map<string, Set<number>>;
  readonly faults: Map<string, Set<string>>;
}

export class DeliveryReporter {
  readonly #breathe: () => Promise<void>;
  readonly #causes: Causes;
  /** How many proxies have what these objects caused, and nothing of others. */
  #holders: ReadonlyMap<Keys, number> = new Map();
  /** How many have something of an object. */
  readonly #counts = new Map<string, number>();
  #report: DeliveryReport = new Map();

  constructor({ isReported, breathe }: ReporterOptions) {
    this.#breathe = breathe;
    this.#causes = new Causes(isReported);
  }

  /**
   * `generations` has the objects to report of, by their keys; `patches` are those that are for the proxies. What is as in
   * the report before is the very same object, up to the report itself. One at a time.
   */
  async report(
    { proxies, refusals }: Delivery,
    generations: ReadonlyMap<string, number>,
    patches: readonly PatchCount[],
  ): Promise<DeliveryReport> {
    await this.#lookAtNew(proxies);
    this.#count(Map.groupBy(proxies, ({ layers }) => this.#causes.ofLayers(layers)));
    const { behind, faults } = shortcomings(proxies, refusals, this.#causes);
    const patchesOf = Map.groupBy(patches, ({ source }) => causeKey(source));
    const report = new Map(
      [...generations].map(([key, generation]) => {
        const own = patchesOf.get(key);
        const count = this.#counts.get(key) ?? 0;
        const told = [...(faults.get(key) ?? [])].slice(0, mostFaults);
        const programmed = count - (behind.get(key)?.size ?? 0);
        const delivery = { generation, proxies: count, programmed, faults: told, ...(own && { patches: own }) };
        return [key, kept(this.#report.get(key), delivery)];
      }),
    );
    return (this.#report = keptMap(this.#report, report));
  }

  /** What layers are caused by is found out once for each. */
  async #lookAtNew(proxies: readonly ProxyDelivery[]): Promise<void> {
    const unknown = this.#causes.unknown(proxies.map(({ layers }) => layers));
    for (const [index, layer] of unknown.entries()) {
      if (index > 0 && index % layersAtOnce === 0) await this.#breathe();
      this.#causes.ofLayer(layer);
    }
  }

  #count(groups: ReadonlyMap<Keys, readonly ProxyDelivery[]>): void {
    const holders = new Map([...groups].map(([keys, { length }]) => [keys, length]));
    const before = this.#holders;
    for (const keys of new Set([...before.keys(), ...holders.keys()])) {
      const more = (holders.get(keys) ?? 0) - (before.get(keys) ?? 0);
      if (more !== 0) for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + more);
    }
    for (const [key, count] of this.#counts) if (count === 0) this.#counts.delete(key);
    this.#holders = holders;
  }
}

/** Who has nothing that an object caused lacks nothing of it. */
function shortcomings(proxies: readonly ProxyDelivery[], refusals: readonly Refusal[], causes: Causes): Shortcomings {
  const behind = new Map<string, Set<number>>();
  const faults = new Map<string, Set<string>>();
  const isBehind = (proxy: number, keys: Iterable<string>): void => {
    const has = setOf(causes.ofLayers(proxies[proxy]?.layers ?? []));
    for (const key of keys) if (has.has(key)) entry(behind, key, newSet<number>).add(proxy);
  };
  for (const [proxy, { pending }] of proxies.entries())
    if (pending.length > 0) isBehind(proxy, new Set(pending.flatMap((each) => causes.ofResource(each))));
  for (const { scope, resource, causing, error } of refusals) {
    const keys = new Set(causing.flatMap((part) => causes.ofResource(part)));
    for (const key of keys) entry(faults, key, newSet<string>).add(error);
    for (const [proxy, { layers }] of proxies.entries())
      if (layers.some((layer) => layer.scope === scope && layer.resources.get(resource.name) === resource))
        isBehind(proxy, keys);
  }
  return { behind, faults };
}

const setOf = memo((keys: Keys): ReadonlySet<string> => new Set(keys));

function kept(before: ObjectDelivery | undefined, now: ObjectDelivery): ObjectDelivery {
  const isSame =
    before !== undefined &&
    before.generation === now.generation &&
    before.proxies === now.proxies &&
    before.programmed === now.programmed &&
    JSON.stringify([before.faults, before.patches]) === JSON.stringify([now.faults, now.patches]);
  return isSame ? before : now;
}

const keptMap = (before: DeliveryReport, now: DeliveryReport): DeliveryReport =>
  before.size === now.size && [...now].every(([key, delivery]) => before.get(key) === delivery) ? before : now;

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

/** Of the objects that this replica knows; `isKnownTo` a replica of a revision, too. The same object while they say the same. */
export function joinedReports(
  own: DeliveryReport,
  others: readonly PeerReport[],
  isKnownTo: (key: string, revision: string) => boolean,
): ReadonlyMap<string, JoinedDelivery> {
  return new Map(
    [...own].map(([key, delivery]) => {
      const concerned = others.filter(({ revision }) => isKnownTo(key, revision)).map(({ report }) => report);
      const heard = concerned
        .flatMap((report) => report.get(key) ?? [])
        .filter(({ generation }) => generation >= delivery.generation);
      return [key, joined(concerned.length - heard.length, delivery, sharedList(heard))];
    }),
  );
}

const joined = memo((unheard: number, own: ObjectDelivery, heard: readonly ObjectDelivery[]): JoinedDelivery => {
  const all = [own, ...heard];
  const patches = joinedCounts(all.flatMap((each) => each.patches ?? []));
  return {
    generation: own.generation,
    proxies: all.reduce((sum, { proxies }) => sum + proxies, 0),
    programmed: all.reduce((sum, { programmed }) => sum + programmed, 0),
    faults: [...new Set(all.flatMap(({ faults }) => faults))].slice(0, mostFaults),
    unheard,
    ...(patches.length > 0 && { patches }),
  };
});

const newSet = <T>(): Set<T> => new Set();

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
