// What becomes of a status that somebody else changes: it comes back, soon if that happens once, and ever more slowly if it
// goes on; what is none of ours, or has been told late, makes no work.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { WantedStatus } from '../../src/controllers/status/status-writer.ts';
import { StatusWriter } from '../../src/controllers/status/status-writer.ts';
import { ApiError } from '../../src/kubernetes/api-error.ts';
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

interface Patch {
  readonly metadata: { readonly resourceVersion: string };
  readonly status: object;
}

/** An API server with one object. */
class Server {
  version = 1;
  generation = 1;
  status: Readonly<Record<string, unknown>> & { conditions?: readonly object[] } = {};
  gets = 0;
  conflicts = 0;
  readonly written: object[] = [];
  /** Whom it tells of changes before it answers who made them. */
  tell: (object: KubernetesObject) => void = () => {};
  /** Between what a write goes over and the write. */
  meanwhile: () => void = () => {};

  object(): KubernetesObject {
    const { generation, version } = this;
    const metadata = { namespace: 'shop', name: 'web', uid: 'one', generation, resourceVersion: String(version) };
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
    patch: async (_resource: unknown, _ref: unknown, { metadata, status }: Patch) => {
      this.meanwhile();
      if (metadata.resourceVersion !== String(this.version)) {
        this.conflicts++;
        throw new ApiError(409, 'Conflict', 'the object has been modified');
      }
      this.written.push(status);
      const object = this.change(status);
      this.tell(object);
      return object;
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
});

const counted = (count: number): WantedStatus => ({ ...wanted, status: { ...wanted.status, count } });
/** Written, though it is a count alone. */
const told = async (count: number): Promise<void> => {
  writer.want(new Map([['key', counted(count)]]));
  await vi.advanceTimersByTimeAsync(1000);
};

test('one after the other is written without a look at the object in between', async () => {
  server.tell = (object) => writer.seen('key', object);
  for (const count of [1, 2, 3]) await told(count);
  expect(server.status).toMatchObject({ conditions: [ours], count: 3 });
  expect([server.gets, server.conflicts, server.written.length]).toEqual([0, 0, 4]);
});

test('one that somebody has written to unseen is looked at, and what they wrote stays', async () => {
  server.change({ conditions: [theirs, ...(server.status.conditions ?? [])] });
  await told(1);
  expect(server.status).toMatchObject({ conditions: [theirs, ours], count: 1 });
  expect([server.gets, server.conflicts]).toEqual([1, 1]);
});

test('one that somebody overwrites while it is written is written again, told before or after the answer', async () => {
  for (const [count, isToldFirst] of [true, false].entries()) {
    const late: KubernetesObject[] = [];
    let isOnce = true;
    server.meanwhile = () => {
      if (!isOnce) return;
      isOnce = false;
      const overwritten = server.change({ conditions: [theirs] });
      if (isToldFirst) writer.seen('key', overwritten);
      else late.push(overwritten);
    };
    await told(count);
    for (const object of late) writer.seen('key', object);
    await vi.advanceTimersByTimeAsync(5000);
    expect(server.status).toMatchObject({ conditions: [theirs, ours], count });
  }
  expect(server.conflicts).toBe(2);
});

test('one that somebody overwrites right after it was written comes back, though that is told before the answer', async () => {
  let isOnce = true;
  server.tell = (object) => {
    writer.seen('key', object);
    if (!isOnce) return;
    isOnce = false;
    // The answer is still on its way.
    writer.seen('key', server.change({ conditions: [theirs] }));
  };
  await told(1);
  expect(server.status).toMatchObject({ conditions: [theirs, ours], count: 1 });
});

test('one is not written to a version of the object that came meanwhile, and to that once it is known', async () => {
  server.meanwhile = () => {
    if (server.generation > 1) return;
    server.generation = 2;
    writer.seen('key', server.change(server.status));
  };
  await told(1);
  expect(server.written).toHaveLength(1);
  writer.want(new Map([['key', { ...counted(2), generation: 2 }]]));
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.status).toMatchObject({ count: 2 });
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

test('mere counts are told the more rarely the more objects there are, and news is not', async () => {
  const other = { ...wanted, ref: { ...wanted.ref, name: 'other' } };
  const all = (mine: WantedStatus) => new Map([...Array.from({ length: 299 }, (_, i) => [`${i}`, { ...other, transient: 'in every version' as const }] as const), ['key', mine] as const]); // prettier-ignore
  const mine = (count: number, news: string): WantedStatus => ({ ...counted(count), news });
  await told(0);
  writer.want(all(mine(1, 'first')));
  await vi.advanceTimersByTimeAsync(10);
  expect(server.status).toMatchObject({ count: 1 });
  writer.want(all(mine(2, 'first')));
  await vi.advanceTimersByTimeAsync(55_000);
  expect(server.status).toMatchObject({ count: 1 });
  await vi.advanceTimersByTimeAsync(6000);
  expect(server.status).toMatchObject({ count: 2 });
  writer.want(all(mine(3, 'second')));
  await vi.advanceTimersByTimeAsync(10);
  expect(server.status).toMatchObject({ count: 3 });
});
