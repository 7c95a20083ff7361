// Bytes by resource: what means the same object is encoded once, whoever asks for it and however often.
import type { Resource, TypeUrl } from '../../model/envoy/resource.ts';
import type { Encoded } from './encode.ts';
import { Topic } from '../../model/notes.ts';
import { encode } from './encode.ts';
import { lasting } from './written.ts';

export interface CachedResource extends Encoded {
  readonly type: TypeUrl;
  readonly name: string;
  /** The version of the content alone; `version` may be of more than that (see `withDependency`). */
  readonly content: string;
  readonly source: Resource;
}

const encoded = new Topic<CachedResource>();
let encodes = 0;

/** The resource's bytes and version; the same object for the same resource. Throws a Bug if it cannot be encoded. */
export function cachedResource(resource: Resource): CachedResource {
  let cached = encoded.of(resource);
  if (cached === undefined) {
    const { bytes, version } = encode(resource, cachedResource);
    encodes++;
    const { type, name } = resource;
    encoded.note(
      resource,
      (cached = { type, name, bytes: lasting(bytes), version, content: version, source: resource }),
    );
  }
  return cached;
}

/** How many resources have been encoded since the program started. */
export const encodeCount = (): number => encodes;

const dependent = new Topic<{ readonly dependency: string; readonly made: CachedResource }>();

/**
 * The same bytes under a version that also changes with `dependency`: so they are sent again when what they depend
 * on is. The same object as long as it is asked for with the same arguments.
 */
export function withDependency(resource: CachedResource, dependency: string): CachedResource {
  const known = dependent.of(resource);
  if (known?.dependency === dependency) return known.made;
  const made = { ...resource, version: `${resource.content}+${dependency}` };
  dependent.note(resource, { dependency, made });
  return made;
}
