// What a proxy has and asks for: noted once for all the proxies that have and ask for the same.
import type { CachedResource } from '../codec/cache.ts';
import { Topic } from '../../model/notes.ts';
import { SharedMaps } from './shared-map.ts';

/** A version that the proxy has; without its resource if it had it before this stream began. */
export interface Held {
  readonly version: string;
  readonly resource?: CachedResource;
}

const known = new Topic<Held>();

/** The same object for the same resource. */
export function heldAs(resource: CachedResource): Held {
  let held = known.of(resource);
  if (held === undefined) known.note(resource, (held = { version: resource.version, resource }));
  return held;
}

/** All that a proxy has of one type, and the names that it asks for. */
export const holdings = new SharedMaps<Held>(
  ({ version, resource }) => `${version}${resource === undefined ? '?' : ''}`,
);
export const asked = new SharedMaps<true>(() => '');
