// Resources that a proxy rejected: within their scope they are not sent again, and the last version that a proxy
// accepted stays in force, for proxies that come later too. Another version gets another try.
import type { Resource, TypeUrl } from '../model/resource.ts';
import type { CachedResource } from './cache.ts';
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
}

interface Entry {
  /** The last version accepted, and the one before it in case another proxy rejects the last. */
  good?: CachedResource;
  earlier?: CachedResource;
  /** By version. */
  rejections?: Map<string, Rejection>;
}

/** Of the nodes that rejected one resource, so that a big mesh does not make a long list. */
const maxNodes = 100;

export class Quarantine {
  /** By scope, then by type and name. */
  readonly #entries = new Map<string, Map<string, Entry>>();

  /** What is to be sent instead of `wanted`, which may be `wanted`. */
  inForce(scope: string, wanted: CachedResource): Wanted {
    const entry = this.#entries.get(scope)?.get(key(wanted.type, wanted.name));
    if (entry?.rejections?.has(wanted.content) !== true) return wanted;
    return entry.good ?? 'withheld';
  }

  accepted(scope: string, resource: CachedResource): void {
    const entry = this.#entry(scope, resource.type, resource.name);
    if (entry.good?.content === resource.content || entry.rejections?.has(resource.content) === true) return;
    if (entry.good !== undefined) entry.earlier = entry.good;
    entry.good = resource;
    delete entry.rejections;
  }

  rejected(scope: string, resource: CachedResource, by: { node: string; error: string; at: number }): void {
    const entry = this.#entry(scope, resource.type, resource.name);
    const { type, name, content: version, source } = resource;
    const known = entry.rejections?.get(version);
    const nodes = [...new Set([...(known?.nodes ?? []), by.node])].slice(0, maxNodes);
    const since = known?.since ?? by.at;
    entry.rejections ??= new Map();
    entry.rejections.set(version, { scope, type, name, version, error: by.error, resource: source, nodes, since });
    if (entry.good?.content === version) stepBack(entry);
  }

  rejections(): readonly Rejection[] {
    const entries = [...this.#entries.values()].flatMap((scope) => [...scope.values()]);
    return entries.flatMap(({ rejections }) => [...(rejections?.values() ?? [])]);
  }

  /** Forgets what no proxy is to have any more. */
  retain(isLive: (scope: string, name: string) => boolean): void {
    for (const [scope, entries] of this.#entries) {
      for (const id of entries.keys()) if (!isLive(scope, id.slice(id.indexOf(' ') + 1))) entries.delete(id);
      if (entries.size === 0) this.#entries.delete(scope);
    }
  }

  /** How many resources it knows of. */
  get size(): number {
    return [...this.#entries.values()].reduce((sum, entries) => sum + entries.size, 0);
  }

  #entry(scope: string, type: TypeUrl, name: string): Entry {
    let entries = this.#entries.get(scope);
    if (entries === undefined) this.#entries.set(scope, (entries = new Map()));
    const id = key(type, name);
    let entry = entries.get(id);
    if (entry === undefined) entries.set(id, (entry = {}));
    return entry;
  }
}

/** Another proxy rejects what one accepted: the version before is in force. */
function stepBack(entry: Entry): void {
  delete entry.good;
  if (entry.earlier !== undefined) entry.good = entry.earlier;
  delete entry.earlier;
}

const key = (type: TypeUrl, name: string): string => `${type} ${name}`;
