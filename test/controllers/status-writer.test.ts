// What becomes of a status that somebody else changes: it comes back, soon if that happens once, and ever more slowly if it
// goes on; what is none of ours, or has been told late, makes no work.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { WantedStatus } from '../../src/controllers/status/status-writer.ts';
import { StatusWriter } from '../../src/controllers/status/status-writer.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';

const resource = { group: 'networking.istio.io', versions: ['v1'], plural: 'sidecars', namespaced: true };
const ours = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' };
const theirs = {
  type: 'Seen',
  status: 'True',
  reason: 'ByMe',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const wanted: WantedStatus = {
  resource,
  ref: { namespace: 'shop', name: 'web' },
  uid: 'one',
  generation: 1,
  status: { conditions: [ours] },
  owned: { conditions: ['Accepted'] },
};

/** An API server with one object. */
class Server {
  version = 1;
  status: { conditions?: readonly object[] } = {};
  gets = 0;
  readonly written: object[] = [];

  object(): KubernetesObject {
    const metadata = {
      namespace: 'shop',
      name: 'web',
      uid: 'one',
      generation: 1,
      resourceVersion: String(this.version),
    };
    return { metadata, status: this.status };
  }
  /** Somebody else writes. */
  change(status: { conditions?: readonly object[] }): KubernetesObject {
    this.version++;
    this.status = status;
    return this.object();
  }
  readonly client = {
    read: async () => ({ resources: [{ name: 'sidecars' }] }),
    list: async () => ({ items: [this.object()], resourceVersion: '1' }),
    get: async () => (this.gets++, this.object()),
    patch: async (_resource: unknown, _ref: unknown, { status }: { readonly status: object }) => {
      this.written.push(status);
      return this.change(status);
    },
  } as never;
}

const open = new AbortController();
let server: Server;
let writer: StatusWriter;
beforeEach(async () => {
  vi.useFakeTimers();
  server = new Server();
  writer = new StatusWriter({ client: server.client, signal: open.signal, onFault: (_, error) => expect.unreachable(String(error)) }); // prettier-ignore
  writer.want(new Map([['key', wanted]]));
  await vi.advanceTimersByTimeAsync(10);
});
afterEach(() => vi.useRealTimers());

test('one that is taken away comes back at once, beside what is of others', async () => {
  writer.seen('key', server.change({ conditions: [theirs] }));
  await vi.advanceTimersByTimeAsync(10);
  expect(server.written.at(-1)).toMatchObject({ conditions: [theirs, ours] });
  expect(server.written).toHaveLength(2);
});

test('one that is told of a new version is written over the object as it was seen, without another look at it', async () => {
  const { gets } = server;
  writer.seen('key', server.change({ conditions: [theirs] }));
  writer.want(new Map([['key', { ...wanted, status: { observedGeneration: 1, conditions: [ours] } }]]));
  await vi.advanceTimersByTimeAsync(10);
  expect(server.written.at(-1)).toMatchObject({ observedGeneration: 1, conditions: [theirs, ours] });
  expect(server.gets).toBe(gets);
  // What has been used is not used again.
  server.change({ conditions: [] });
  writer.want(new Map([['key', { ...wanted, status: { observedGeneration: 2, conditions: [ours] } }]]));
  await vi.advanceTimersByTimeAsync(10);
  expect(server.gets).toBe(gets + 1);
  expect(server.written.at(-1)).toMatchObject({ conditions: [ours] });
});

test('one that is changed by somebody who does not give in is written ever more rarely', async () => {
  for (let second = 0; second < 3600; second++) {
    writer.seen('key', server.object());
    const [first] = server.status.conditions ?? [];
    if (first !== undefined && (first as { status: string }).status === 'True')
      writer.seen('key', server.change({ conditions: [{ ...ours, status: 'False' }] }));
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(server.written.length).toBeGreaterThan(10);
  expect(server.written.length).toBeLessThan(25);
  // An hour of peace, and it is the first time again.
  await vi.advanceTimersByTimeAsync(3_600_000);
  const before = server.written.length;
  writer.seen('key', server.change({}));
  await vi.advanceTimersByTimeAsync(10);
  expect(server.written.length).toBe(before + 1);
});

test('what says the same, is of others, is late or is about another object is not even looked at', async () => {
  const late = { ...server.object(), status: {} };
  writer.seen('key', server.object());
  writer.seen('key', server.change({ conditions: [theirs, ...(server.status.conditions ?? [])] }));
  writer.seen('key', late);
  const newer = { ...server.object().metadata, generation: 2, resourceVersion: '99' };
  writer.seen('key', { metadata: newer, status: {} });
  writer.seen('key', { metadata: { ...newer, generation: 1, uid: 'other' }, status: {} });
  writer.seen('unknown', { metadata: newer, status: {} });
  await vi.advanceTimersByTimeAsync(60_000);
  expect([server.gets, server.written.length]).toEqual([0, 1]);
});
