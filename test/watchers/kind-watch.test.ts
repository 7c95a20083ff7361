// A kind that nobody serves is not asked for again and again: whoever defines it is heard of, and only where that cannot be
// known is it looked for.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { watchKind } from '../../src/watchers/cluster/kind-watch.ts';
import type { Definitions } from '../../src/watchers/cluster/definitions.ts';
import { kindTable } from '../../src/watchers/kinds.ts';

const minute = 60_000;
const name = 'httproutes.gateway.networking.k8s.io';

function cluster(isDefined: boolean | undefined) {
  const stop = new AbortController();
  const known = { isDefined, isServed: false, looks: 0, watches: 0, wake: () => {} };
  const definitions: Definitions = {
    has: (asked) => (asked === name ? known.isDefined : undefined),
    follow: (_, wake) => ((known.wake = wake), () => {}),
  };
  const client = {
    read: async (path: string) => {
      if (path.endsWith('/v1')) known.looks++;
      return { resources: known.isServed ? [{ name: 'httproutes' }] : [] };
    },
    watch: () => {
      known.watches++;
      return (async function* () {
        await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
        yield [];
      })();
    },
  };
  const none = (): void => {};
  const ended = watchKind({
    client: client as never,
    row: kindTable.HTTPRoute as never,
    definitions,
    read: none,
    replace: none,
    change: none,
    onState: none,
    signal: stop.signal,
  });
  return { known, stop: () => (stop.abort(), ended) };
}

let running: ReturnType<typeof cluster> | undefined;
beforeEach(() => void vi.useFakeTimers());
afterEach(async () => {
  await running?.stop();
  vi.useRealTimers();
});

test('is looked for once while nobody defines it, and found as soon as somebody does and it is served', async () => {
  const { known } = (running = cluster(false));
  await vi.advanceTimersByTimeAsync(5 * minute);
  expect(known.looks).toBe(1);
  known.isDefined = true;
  known.wake();
  await vi.advanceTimersByTimeAsync(100);
  known.isServed = true;
  await vi.advanceTimersByTimeAsync(1000);
  expect(known.watches).toBe(1);
});

test('is found although nobody defines it, later', async () => {
  const { known } = (running = cluster(false));
  await vi.advanceTimersByTimeAsync(100);
  known.isServed = true;
  await vi.advanceTimersByTimeAsync(15 * minute);
  expect(known.watches).toBe(1);
});

test('is looked for again where definitions may not be read', async () => {
  const { known } = (running = cluster(undefined));
  await vi.advanceTimersByTimeAsync(3 * minute);
  expect(known.looks).toBeGreaterThan(5);
});
