// What a proxy has of one resource: noted once for all the proxies that have the same.
import type { CachedResource } from '../codec/cache.ts';

/** A version that the proxy has; without its resource if it had it before this stream began. */
export interface Held {
  readonly version: string;
  readonly resource?: CachedResource;
}

const known = new WeakMap<CachedResource, Held>();

/** The same object for the same resource. */
export function heldAs(resource: CachedResource): Held {
  let held = known.get(resource);
  if (held === undefined) known.set(resource, (held = { version: resource.version, resource }));
  return held;
}
