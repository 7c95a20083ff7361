// The election without a server: what a Lease says is scripted, and who leads when is written down.
import { afterEach, expect, test } from 'vitest';

import type { ElectionOptions } from '../../src/controllers/leader-election.ts';
import { takePartInElection } from '../../src/controllers/leader-election.ts';
import { ApiError, connectionFault } from '../../src/kubernetes/api-error.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';

const pace = { durationSeconds: 1, patienceMs: 400, retryMs: 40 };
const stopping: AbortController[] = [];
afterEach(() => {
  for (const each of stopping.splice(0)) each.abort();
});

/** One Lease with versions; those who are cut off get no answer. */
function server() {
  let lease: KubernetesObject | undefined;
  let version = 0;
  const cut = new Set<string>();
  const clientOf = (name: string): ElectionOptions['client'] => {
    const reach = (): void => {
      if (cut.has(name)) throw connectionFault('Unreachable', 'gone');
    };
    const write = (object: KubernetesObject): KubernetesObject =>
      (lease = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } });
    return {
      get: async <T>() => {
        reach();
        if (lease === undefined) throw new ApiError(404, 'NotFound', 'no lease');
        return lease as T;
      },
      create: async <T extends KubernetesObject>(_: unknown, object: T) => {
        reach();
        if (lease !== undefined) throw new ApiError(409, 'AlreadyExists', 'there is one');
        return write(object) as T;
      },
      update: async <T extends KubernetesObject>(_: unknown, object: T) => {
        reach();
        if (object.metadata.resourceVersion !== lease?.metadata.resourceVersion)
          throw new ApiError(409, 'Conflict', 'somebody was faster');
        return write(object) as T;
      },
    };
  };
  return { clientOf, cut, holder: () => (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity };
}

function candidate(
  name: string,
  { clientOf }: ReturnType<typeof server>,
  events: string[],
  precedence?: ElectionOptions['precedence'],
) {
  const stop = new AbortController();
  stopping.push(stop);
  const ended = takePartInElection({
    client: clientOf(name),
    lease: { namespace: 'system', name: 'leader' },
    identity: name,
    signal: stop.signal,
    ...(precedence && { precedence }),
    onElected: (signal) => {
      events.push(`${name} leads`);
      signal.addEventListener('abort', () => events.push(`${name} stops`));
    },
    onFault: () => {},
    pace,
  });
  return { stop: () => (stop.abort(), ended) };
}

test('one of several leads, and the next one as soon as it gives the Lease back', async () => {
  const events: string[] = [];
  const api = server();
  const one = candidate('one', api, events);
  await expect.poll(() => events).toEqual(['one leads']);
  const two = candidate('two', api, events);
  await one.stop();
  await expect.poll(() => events).toEqual(['one leads', 'one stops', 'two leads']);
  await two.stop();
  expect(api.holder()).toBe('');
});

test('whoever cannot renew stops before anybody else begins, and may come back later', async () => {
  const events: string[] = [];
  const api = server();
  candidate('one', api, events);
  await expect.poll(() => events).toEqual(['one leads']);
  const two = candidate('two', api, events);
  api.cut.add('one');
  await expect.poll(() => events, { timeout: 10_000 }).toEqual(['one leads', 'one stops', 'two leads']);
  api.cut.delete('one');
  await two.stop();
  await expect
    .poll(() => events, { timeout: 10_000 })
    .toEqual(['one leads', 'one stops', 'two leads', 'two stops', 'one leads']);
});

test('whoever goes before the holder takes the Lease, and leads when that one has stopped for certain', async () => {
  const events: string[] = [];
  const api = server();
  candidate('one', api, events);
  await expect.poll(() => events).toEqual(['one leads']);
  candidate('two', api, events, (holder) => (holder === 'one' ? 'lower' : undefined));
  // It cannot be told.
  await expect.poll(() => api.holder()).toBe('two');
  api.cut.add('one');
  await expect.poll(() => events, { timeout: 10_000 }).toEqual(['one leads', 'one stops', 'two leads']);
});

test('what is left of one that has ended is taken at once', async () => {
  const events: string[] = [];
  const api = server();
  candidate('one', api, events);
  await expect.poll(() => events).toEqual(['one leads']);
  api.cut.add('one');
  candidate('two', api, events, () => 'ended');
  await expect.poll(() => events[1]).toBe('two leads');
});
