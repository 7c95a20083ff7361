// Bytes by resource: what means the same object is encoded once, whoever asks for it and however often.
import type { Resource, TypeUrl } from '../../model/envoy/resource.ts';
import type { Encoded } from './encode.ts';
import { encode } from './encode.ts';
import { lasting } from './written.ts';

export interface CachedResource extends Encoded {
  readonly type: TypeUrl;
  readonly name: string;
  /** The version of the content alone; `version` may be of more than that (see `withDependency`). */
  readonly content: string;
  readonly source: Resource;
}

const cache = new WeakMap<Resource, CachedResource>();
let encodes = 0;

/** The resource's bytes and version; the same object for the same resource. Throws a Bug if it cannot be encoded. */
export function cachedResource(resource: Resource): CachedResource {
  let cached = cache.get(resource);
  if (cached === undefined) {
    const { bytes, version } = encode(resource, cachedResource);
    encodes++;
    const { type, name } = resource;
    cache.set(resource, (cached = { type, name, bytes: lasting(bytes), version, content: version, source: resource }));
  }
  return cached;
}

/** How many resources have been encoded since the program started. */
export const encodeCount = (): number => encodes;

const dependent = new WeakMap<CachedResource, CachedResource>();

/**
 * The same bytes under a version that also changes with `dependency`: so they are sent again when what they depend
 * on is. The same object as long as it is asked for with the same arguments.
 */
export function withDependency(resource: CachedResource, dependency: string): CachedResource {
  const version = `${resource.content}+${dependency}`;
  const known = dependent.get(resource);
  if (known?.version === version) return known;
  const made = { ...resource, version };
  dependent.set(resource, made);
  return made;
}
