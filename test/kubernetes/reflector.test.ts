// The reflector's rules one by one, against a server that follows a script.
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import type { WatchEvent } from '../../src/kubernetes/watch-stream.ts';

import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { ApiError, connectionFault } from '../../src/kubernetes/api-error.ts';
import { defaultPace, retryDelay, watchSeconds } from '../../src/kubernetes/pace.ts';
import { startReflector } from '../support/kubernetes/reflected.ts';

const resource = { group: '', version: 'v1', plural: 'services', namespaced: true };
const object = (name: string, resourceVersion = '1'): KubernetesObject => ({
  metadata: { name, namespace: 'shop', resourceVersion },
});
const added = (name: string, version?: string): WatchEvent => ({ type: 'ADDED', object: object(name, version) });
const gone = (name: string, version?: string): WatchEvent => ({ type: 'DELETED', object: object(name, version) });
const bookmark = (resourceVersion: string): WatchEvent => ({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion } },
});
const listEnd = (resourceVersion: string): WatchEvent => ({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion, annotations: { 'k8s.io/initial-events-end': 'true' } } },
});
const failure = (code: number, reason: string): WatchEvent => ({
  type: 'ERROR',
  object: { kind: 'Status', metadata: {}, code, reason, message: reason },
});
const expired = new ApiError(410, 'Expired', 'too old');
const broken = connectionFault('Unreachable', 'broken');
const unstreamed = new ApiError(422, 'Invalid', 'sendInitialEvents is forbidden');

/** Groups of events; an error breaks the watch, 'open' leaves it open, the end of the list ends it in good order. */
type Watch = readonly (readonly WatchEvent[] | Error | 'open')[];
type List = Error | { readonly names: readonly string[]; readonly continue?: string };

/** A server that answers each request by the next line of its script; when that is over, watches stay open. */
function scripted(watches: readonly Watch[], lists: readonly List[] = []) {
  const asked: string[] = [];
  const [nextWatch, nextList] = [watches.values(), lists.values()];
  const client: Pick<KubernetesClient, 'list' | 'watch'> = {
    list: async (_, { limit, continue: from = 'start' } = {}) => {
      asked.push(`list ${limit ?? 'all'} ${from}`);
      const list = nextList.next().value ?? broken;
      if (list instanceof Error) throw list;
      const { names, ...more } = list;
      return { items: names.map((name) => object(name)) as never, resourceVersion: '50', ...more };
    },
    async *watch(_, { resourceVersion, signal }) {
      asked.push(`watch ${resourceVersion ?? 'initial'}`);
      const [first, ...rest] = nextWatch.next().value ?? (['open'] as const);
      if (first instanceof Error) throw first;
      yield [];
      for (const step of first === undefined ? [] : [first, ...rest]) {
        if (step instanceof Error) throw step;
        if (step === 'open') await delay(60_000, undefined, { ...(signal && { signal }) }).catch(() => {});
        else yield step;
      }
    },
  };
  return { client, asked };
}

describe('a reflector', () => {
  let stop: (() => Promise<unknown>) | undefined;
  afterEach(() => stop?.());
  const start = (server: ReturnType<typeof scripted>, pace = {}) => {
    const reflected = startReflector(server.client, resource, pace);
    stop = reflected.stop;
    return reflected;
  };
  const names = ({ objects }: ReturnType<typeof startReflector>) => [...objects.keys()].map((key) => key.split('/')[1]);

  it('takes nothing for the truth but a list that is complete', async () => {
    const server = scripted([
      [[added('a'), listEnd('10')], broken],
      [[failure(410, 'Expired')]],
      // Lists that break off, then one that the server cannot give.
      [[added('b')], broken],
      [broken],
      [[failure(500, 'InternalError')]],
      [[added('b'), added('c')], [gone('b')], [listEnd('30'), added('d', '31')], 'open'],
    ]);
    const reflected = start(server);
    const seen: (readonly (string | undefined)[])[] = [];
    const record = setInterval(() => seen.push(names(reflected)), 1);
    await reflected.eventually(() => expect(names(reflected)).toEqual(['c', 'd']));
    clearInterval(record);
    expect(new Set(seen.map((each) => each.join()))).not.toContain('');
    expect(server.asked).toEqual([
      'watch initial',
      'watch 10',
      'watch initial',
      'watch initial',
      'watch initial',
      'watch initial',
    ]);
    expect(reflected.lists()).toBe(2);
  });

  it('believes an empty list that is complete', async () => {
    const reflected = start(
      scripted([[[added('a'), listEnd('10')]], [[failure(410, 'Expired')]], [[listEnd('20')], 'open']]),
    );
    await reflected.eventually(() => expect(reflected.lists()).toBe(2));
    expect(names(reflected)).toEqual([]);
  });

  it('resumes after the last event or bookmark it has seen', async () => {
    const server = scripted([
      [[listEnd('10'), added('a', '11')]],
      [[bookmark('40')], [added('b', '41'), added('c', '42')], broken],
      [[gone('a', '43')], 'open'],
    ]);
    const reflected = start(server);
    await reflected.eventually(() => expect(names(reflected)).toEqual(['b', 'c']));
    expect(server.asked).toEqual(['watch initial', 'watch 11', 'watch 42']);
  });

  it('reads pages where lists are not streamed, larger ones when turning them takes too long', async () => {
    const server = scripted(
      [[unstreamed], ['open']],
      [{ names: ['a'], continue: 'p2' }, expired, { names: ['a'], continue: 'p2' }, { names: ['b'] }],
    );
    const reflected = start(server);
    await reflected.listed();
    expect(names(reflected)).toEqual(['a', 'b']);
    await reflected.eventually(() => expect(server.asked).toHaveLength(6));
    expect(server.asked).toEqual([
      'watch initial',
      'list 500 start',
      'list 500 p2',
      'list 5000 start',
      'list 5000 p2',
      'watch 50',
    ]);
  });

  it('reads pages where the server streams but never says that the list is complete', async () => {
    const server = scripted([[[added('a')], 'open'], ['open']], [{ names: ['a', 'b'] }]);
    const reflected = start(server, { initialListSeconds: 0.05 });
    await reflected.listed();
    expect(names(reflected)).toEqual(['a', 'b']);
    expect(server.asked).toEqual(['watch initial', 'list 500 start', 'watch 50']);
  });

  it('goes on with the watch that began with the list', async () => {
    const server = scripted([[[added('a'), listEnd('10')], 'open']]);
    const reflected = start(server, { initialListSeconds: 0.05 });
    await reflected.listed();
    await delay(150);
    expect(server.asked).toEqual(['watch initial']);
  });

  it('no longer trusts a place from which the server cannot go on', async () => {
    const refusal = new ApiError(504, 'Timeout', 'Too large resource version');
    const server = scripted([
      [[added('a'), listEnd('9000')]],
      [refusal],
      [refusal],
      [refusal],
      [[listEnd('7')], 'open'],
    ]);
    const reflected = start(server);
    await reflected.eventually(() => expect(reflected.lists()).toBe(2));
    expect(server.asked.slice(1)).toEqual(['watch 9000', 'watch 9000', 'watch 9000', 'watch initial']);
  });

  it('does not believe a denial of a server that has just started, and keeps what it has when it must', async () => {
    const denied = new ApiError(403, 'Forbidden', 'roles are not there yet');
    const hasty = start(scripted([[denied], [denied], [denied], [[added('a'), listEnd('10')], 'open']]));
    await hasty.listed();
    expect(hasty.states.map(({ kind }) => kind)).not.toContain('denied');
    await hasty.stop();
    const denials = Array.from({ length: 20 }, (): Watch => [denied]);
    const earnest = start(scripted([[[added('a'), listEnd('10')]], ...denials]));
    await earnest.eventually(() => expect(earnest.states.at(-1)?.kind).toBe('denied'));
    expect(names(earnest)).toEqual(['a']);
  });

  it('has time for a server that ends watches as soon as they begin', async () => {
    const server = scripted([[[listEnd('1')]], ...Array.from({ length: 1000 }, (): Watch => [])]);
    const reflected = start(server, { shortestMs: 40, longestMs: 10_000, shortestWatchMs: 10_000 });
    await delay(1000);
    // 40, 80, 160, ... milliseconds apart, where it could ask hundreds of times.
    expect(server.asked.length).toBeGreaterThan(2);
    expect(server.asked.length).toBeLessThan(15);
    expect(reflected.lists()).toBe(1);
  });
});

describe('pauses', () => {
  it('are next to nothing at first, then longer, never longer than the longest, and never all the same', () => {
    const delays = Array.from({ length: 40 }, (_, failures) => retryDelay(failures, defaultPace));
    expect(delays[0]).toBeLessThan(defaultPace.shortestMs);
    expect(Math.max(...delays)).toBeLessThanOrEqual(defaultPace.longestMs);
    expect(Math.min(...delays.slice(10))).toBeGreaterThanOrEqual(defaultPace.longestMs / 2);
    expect(new Set(Array.from({ length: 20 }, () => watchSeconds(defaultPace))).size).toBeGreaterThan(1);
  });
});
