// A reflector under test: what it holds, and how often it has listed and watched to have it.
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';
import type { Pace } from '../../../src/kubernetes/pace.ts';
import type { ReflectorState } from '../../../src/kubernetes/reflector.ts';
import type { KubernetesObject, ResourceType } from '../../../src/kubernetes/resource.ts';

import { vi } from 'vitest';

import { reflect } from '../../../src/kubernetes/reflector.ts';

export interface Reflected {
  readonly objects: Map<string, KubernetesObject>;
  readonly states: ReflectorState[];
  /** How often everything was listed. */
  readonly lists: () => number;
  readonly watches: () => number;
  readonly ended: Promise<'ended' | 'not served'>;
  /** Resolves with the first complete list. */
  readonly listed: () => Promise<void>;
  readonly eventually: (probe: () => unknown) => Promise<void>;
  readonly stop: () => Promise<unknown>;
}

/** Fast enough for tests; whatever a test is about it sets itself. */
export const quickPace: Partial<Pace> = { shortestMs: 20, longestMs: 200, deniedMs: 200, shortestWatchMs: 200 };

export function startReflector(
  client: Pick<KubernetesClient, 'list' | 'watch'>,
  resource: ResourceType,
  pace: Partial<Pace> = {},
): Reflected {
  const stopping = new AbortController();
  const objects = new Map<string, KubernetesObject>();
  const states: ReflectorState[] = [];
  const counts = { lists: 0, watches: 0 };
  const ended = reflect<KubernetesObject>({
    client: {
      list: (...args) => client.list(...args),
      watch: (...args) => {
        counts.watches++;
        return client.watch(...args);
      },
    },
    resource,
    read: (object) => object,
    replace: (all) => {
      counts.lists++;
      objects.clear();
      for (const [key, object] of all) objects.set(key, object);
    },
    change: (changes) => {
      for (const { key, value } of changes)
        if (value === undefined) objects.delete(key);
        else objects.set(key, value);
    },
    onState: (state) => states.push(state),
    signal: stopping.signal,
    pace: { ...quickPace, ...pace },
  });
  const eventually = async (probe: () => unknown): Promise<void> =>
    void (await vi.waitFor(probe, { timeout: 25_000, interval: 20 }));
  return {
    objects,
    states,
    lists: () => counts.lists,
    watches: () => counts.watches,
    ended,
    listed: () =>
      eventually(() => {
        if (counts.lists === 0) throw new Error(`not listed yet: ${JSON.stringify(states)}`);
      }),
    eventually,
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}
