// Encodes for the server: a resource that cannot be encoded is a bug that costs that resource alone.
import type { Resource } from '../../model/envoy/resource.ts';
import type { CachedResource } from './cache.ts';
import type { Log } from '../log.ts';
import { cachedResource } from './cache.ts';

/** Returns undefined for what cannot be encoded; `onBug` is called once for each such resource. */
export function resourceEncoder(log: Log, onBug: () => void): (resource: Resource) => CachedResource | undefined {
  const broken = new WeakSet<Resource>();
  return (resource) => {
    if (broken.has(resource)) return undefined;
    try {
      return cachedResource(resource);
    } catch (error) {
      broken.add(resource);
      onBug();
      log.error('a resource cannot be encoded', { type: resource.type, name: resource.name, reason: String(error) });
      return undefined;
    }
  };
}
