// What one response tells a proxy of one type, and what it changes in what the proxy has.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto
import type { CachedResource } from '../codec/cache.ts';
import type { Held } from '../holdings/held.ts';
import type { Changes } from '../holdings/shared-map.ts';

export interface Sent {
  readonly name: string;
  /** Undefined if it was removed. */
  readonly after: Held | undefined;
  /** What the proxy goes back to if it rejects. */
  readonly before: Held | undefined;
}

export interface Update {
  /** On the wire. */
  readonly resources: readonly CachedResource[];
  readonly removed: readonly string[];
  /** What is new to the proxy: all of `resources` but for a full state. */
  readonly sent: readonly Sent[];
}

export interface Settled {
  readonly sent: readonly Sent[];
  /** Why the proxy rejects the response; undefined if it accepts. */
  readonly error: string | undefined;
}

/** All of it is new to the proxy, or gone. */
export function increment(sent: readonly Sent[]): Update {
  const resources: CachedResource[] = [];
  const removed: string[] = [];
  for (const { name, after } of sent)
    if (after === undefined) removed.push(name);
    else if (after.resource !== undefined) resources.push(after.resource);
  return { resources, removed, sent };
}

export const changesOf = (sent: readonly Sent[]): Changes<Held> => sent.map(({ name, after }) => [name, after]);
