// Resources that a proxy rejected: within their scope they are not sent again, and the last version that a proxy
// accepted stays in force, for proxies that come later too, unless there is something better. Another version gets another
// try.
import type { Layer, Resource, Substitute, TypeUrl } from '../../model/envoy/resource.ts';
import type { CachedResource } from '../codec/cache.ts';
import type { Wanted } from './subscription.ts';

export interface Rejection {
  readonly scope: string;
  readonly type: TypeUrl;
  readonly name: string;
  readonly version: string;
  /** The proxy's own words. */
  readonly error: string;
  /** The rejected resource, for what it came from. */
  readonly resource: Resource;
  /** The ids of the nodes that rejected it. */
  readonly nodes: readonly string[];
  /** When it was rejected first, in milliseconds since 1970. */
  readonly since: number;
  /** For people: what is in force in its place, if that is neither its last good version nor nothing. */
  readonly instead?: string;
}

export interface QuarantineOptions {
  /** Hears of every version once, when the first proxy rejects it. */
  readonly onRejected?: (rejection: Rejection) => void;
  /** What to try before the last good version, best first. Pure. */
  readonly substitutes?: (refused: Resource, good: Resource | undefined) => readonly Substitute[];
  /** Undefined for what cannot be encoded. */
  readonly encode?: (resource: Resource) => CachedResource | undefined;
}

interface Entry {
  /** The last version accepted, and the one before it in case another proxy rejects the last. */
  good?: CachedResource;
  earlier?: CachedResource;
  /** By version. */
  rejections?: Map<string, Rejection>;
  /** By what was rejected, and what was good then. */
  stands?: Map<string, readonly Stand[]>;
}

interface Stand {
  readonly resource: CachedResource;
  readonly effect: string;
}

interface Refuser {
  readonly node: string;
  readonly error: string;
  readonly at: number;
  readonly held?: CachedResource | undefined;
}

/** Of what was rejected while nothing was accepted, so that a restless mesh does not remember for ever. */
const maxStands = 8;
/** Of the nodes that rejected one resource, so that a big mesh does not make a long list. */
const maxNodes = 100;

export class Quarantine {
  /** By scope, type and name. */
  readonly #entries = new Map<string, Map<TypeUrl, Map<string, Entry>>>();
  /** Scopes that ever had a rejection: the others need no look. */
  readonly #troubled = new Set<string>();
  readonly #options: QuarantineOptions;
  #size = 0;

  constructor(options: QuarantineOptions = {}) {
    this.#options = options;
  }

  /** What is to be sent instead of `wanted`, which may be `wanted`, to a proxy that has `held`. */
  inForce(scope: string, wanted: CachedResource, held?: CachedResource): Wanted {
    if (!this.#troubled.has(scope)) return wanted;
    const entry = this.#entries.get(scope)?.get(wanted.type)?.get(wanted.name);
    if (entry?.rejections?.has(wanted.content) !== true) return wanted;
    return this.#stand(entry, wanted, held)?.resource ?? entry.good ?? 'withheld';
  }

  /** Versions of resources of one type that proxies of this scope reject. */
  rejectedIn(scope: string, type: TypeUrl): readonly Rejection[] {
    if (!this.#troubled.has(scope)) return [];
    const names = this.#entries.get(scope)?.get(type);
    return [...(names?.values() ?? [])].flatMap(({ rejections }) => [...(rejections?.values() ?? [])]);
  }

  accepted(scope: string, resource: CachedResource): void {
    const entry = this.#entry(scope, resource);
    if (entry.good?.content === resource.content || entry.rejections?.has(resource.content) === true) return;
    if (standing(entry, resource.content) !== undefined) return;
    delete entry.stands;
    if (entry.good !== undefined) entry.earlier = entry.good;
    entry.good = resource;
    delete entry.rejections;
  }

  /** `held`: what the proxy had before, and has again. */
  rejected(scope: string, resource: CachedResource, by: Refuser): void {
    this.#troubled.add(scope);
    const entry = this.#entry(scope, resource);
    const { type, name, content: version, source } = resource;
    entry.rejections ??= new Map();
    const known = entry.rejections.get(version);
    const nodes = [...new Set([...(known?.nodes ?? []), by.node])].slice(0, maxNodes);
    const since = known?.since ?? by.at;
    const rejection = { scope, type, name, version, error: by.error, resource: source, nodes, since };
    entry.rejections.set(version, { ...known, ...rejection });
    if (entry.good?.content === version) stepBack(entry);
    if (known !== undefined) return;
    const instead = this.#stand(entry, resource, by.held)?.effect;
    const told = instead === undefined ? rejection : { ...rejection, instead };
    entry.rejections.set(version, told);
    this.#options.onRejected?.(told);
  }

  /** What takes the place of a version that was rejected; of what takes its place, if that was rejected too. */
  #stand(entry: Entry, refused: CachedResource, held: CachedResource | undefined): Stand | undefined {
    const stands =
      standing(entry, refused.content) ??
      heldFor(entry, refused, held) ??
      this.#stands(entry, refused, entry.good ?? held);
    return stands.find(({ resource: { content } }) => entry.rejections?.has(content) !== true);
  }

  #stands(entry: Entry, refused: CachedResource, good: CachedResource | undefined): readonly Stand[] {
    const key = `${refused.content} ${good?.content ?? ''}`;
    const known = entry.stands?.get(key);
    if (known !== undefined) return known;
    const { substitutes, encode } = this.#options;
    const stands = (substitutes?.(refused.source, good?.source) ?? []).flatMap(({ resource, effect }) => {
      const encoded = encode?.(resource);
      return encoded === undefined ? [] : [{ resource: encoded, effect }];
    });
    entry.stands ??= new Map();
    entry.stands.set(key, stands);
    for (const oldest of entry.stands.keys())
      if (entry.stands.size > maxStands) entry.stands.delete(oldest);
      else break;
    return stands;
  }

  rejections(): readonly Rejection[] {
    const types = [...this.#troubled].flatMap((scope) => [...(this.#entries.get(scope)?.values() ?? [])]);
    const entries = types.flatMap((names) => [...names.values()]);
    return entries.flatMap(({ rejections }) => [...(rejections?.values() ?? [])]);
  }

  /** What is in force in the place of what was rejected. */
  good({ scope, type, name }: Pick<Rejection, 'scope' | 'type' | 'name'>): Resource | undefined {
    return this.#entries.get(scope)?.get(type)?.get(name)?.good?.source;
  }

  /** Forgets what no proxy is to have any more. */
  retain(isLive: (scope: string, name: string) => boolean): void {
    for (const [scope, names] of this.#names()) {
      for (const name of names.keys()) if (!isLive(scope, name) && names.delete(name)) this.#size--;
    }
    for (const [scope, types] of this.#entries) {
      if ([...types.values()].some((names) => names.size > 0)) continue;
      this.#entries.delete(scope);
      this.#troubled.delete(scope);
    }
  }

  /** Forgets what is in none of these. */
  retainLayers(layers: readonly Layer[]): void {
    const live = new Map<string, Set<Layer['resources']>>();
    for (const { scope, resources } of layers) made(live, scope, newSet<Layer['resources']>).add(resources);
    this.retain((scope, name) => [...(live.get(scope) ?? [])].some((resources) => resources.has(name)));
  }

  /** How many resources it knows of. */
  get size(): number {
    return this.#size;
  }

  *#names(): Generator<[scope: string, names: Map<string, Entry>]> {
    for (const [scope, types] of this.#entries) for (const names of types.values()) yield [scope, names];
  }

  #entry(scope: string, { type, name }: CachedResource): Entry {
    const names = made(made(this.#entries, scope, newMap<TypeUrl, Map<string, Entry>>), type, newMap<string, Entry>);
    return made(names, name, (): Entry => {
      this.#size++;
      return {};
    });
  }
}

const newMap = <K, V>(): Map<K, V> => new Map();
const newSet = <T>(): Set<T> => new Set();

/** The value of this key, which is made if there is none. */
function made<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** Those of which this version is one. */
const standing = ({ stands }: Entry, content: string): readonly Stand[] | undefined =>
  [...(stands?.values() ?? [])].find((each) => each.some(({ resource }) => resource.content === content));

/** Those that a proxy has one of already, in the place of this version. */
const heldFor = (
  { stands }: Entry,
  { content }: CachedResource,
  held: CachedResource | undefined,
): readonly Stand[] | undefined =>
  [...(stands ?? [])].find(
    ([key, each]) => key.startsWith(`${content} `) && each.some(({ resource }) => resource.content === held?.content),
  )?.[1];

/** Another proxy rejects what one accepted: the version before is in force. */
function stepBack(entry: Entry): void {
  delete entry.good;
  delete entry.stands;
  if (entry.earlier !== undefined) entry.good = entry.earlier;
  delete entry.earlier;
}
