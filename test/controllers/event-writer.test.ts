// News as Events: the same is counted, not repeated; too much is left out; what cannot be written is given up.
import { describe, expect, test } from 'vitest';

import { ApiError } from '../../src/kubernetes/api-error.ts';
import type { EventWriterOptions, Occurrence } from '../../src/controllers/event-writer.ts';
import { eventWriter } from '../../src/controllers/event-writer.ts';
import { secrets } from '../../src/controllers/resources.ts';

const occurrence = (note: string): Occurrence => ({
  type: 'Warning',
  reason: 'AuthorityEnds',
  action: 'Rotate',
  note,
  regarding: { resource: secrets, kind: 'Secret', ref: { namespace: 'istio-system', name: 'cacerts' } },
});

interface Written {
  readonly verb: string;
  readonly name: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** An API server that keeps Events by name, or refuses them. */
function writing(options: Partial<EventWriterOptions> & { readonly refusal?: () => Error | undefined } = {}) {
  const written: Written[] = [];
  const kept = new Map<string, object>();
  const faults: unknown[] = [];
  const clock = { now: 0 };
  const stopping = new AbortController();
  let asked = 0;
  const client = {
    get: (_: unknown, { name }: { name: string }) =>
      Promise.resolve(kept.get(name) ?? { metadata: { name, uid: 'the-uid' } }),
    create: async (_: unknown, object: { metadata: { name: string } }) => {
      asked++;
      const refusal = options.refusal?.();
      if (refusal !== undefined) throw refusal;
      if (kept.has(object.metadata.name)) throw new ApiError(409, 'AlreadyExists', 'there is one');
      kept.set(object.metadata.name, object);
      written.push({ verb: 'create', name: object.metadata.name, object: { ...object } });
    },
    patch: async (_: unknown, { name }: { name: string }, patch: object) => {
      kept.set(name, { ...kept.get(name), ...patch });
      written.push({ verb: 'patch', name, object: { ...patch } });
    },
  } as unknown as EventWriterOptions['client'];
  const write = eventWriter({
    client,
    instance: 'istiod-1',
    signal: stopping.signal,
    onFault: (_, error) => faults.push(error),
    now: () => clock.now,
    ...options,
  });
  return { write, written, faults, clock, stopping, asked: () => asked };
}

describe('the writer of Events', () => {
  test('tells of something once, beside its object, and counts it when it is told again', async () => {
    const { write, written, clock } = writing();
    for (let times = 0; times < 3; times++) write(occurrence('soon'));
    clock.now += 60_000;
    write(occurrence('soon'));
    await expect.poll(() => written.length).toBe(2);
    expect(written[0]?.object).toMatchObject({
      metadata: { namespace: 'istio-system' },
      regarding: { apiVersion: 'v1', kind: 'Secret', namespace: 'istio-system', name: 'cacerts', uid: 'the-uid' },
      reportingInstance: 'istiod-1',
      eventTime: '1970-01-01T00:00:00.000000Z',
    });
    // The first Event stands for one, the two that were held back and the last make four.
    expect(written[1]).toMatchObject({ verb: 'patch', name: written[0]?.name, object: { series: { count: 4 } } });
  });

  test('leaves out what is too much, and goes on after a while', async () => {
    const { write, written, clock } = writing({ limits: { burst: 3, pauseMs: 1000 } });
    for (let each = 0; each < 50; each++) write(occurrence(`${each}`));
    await expect.poll(() => written.length).toBe(3);
    clock.now += 1000;
    for (let each = 50; each < 60; each++) write(occurrence(`${each}`));
    await expect.poll(() => written.length).toBe(4);
  });

  test('gives up where it may not write, and after some attempts where nobody answers', async () => {
    const forbidden = writing({ refusal: () => new ApiError(403, 'Forbidden', 'no') });
    forbidden.write(occurrence('soon'));
    await expect.poll(() => forbidden.faults.length).toBe(1);
    expect(forbidden.asked()).toBe(1);

    const unreachable = writing({ refusal: () => new ApiError(0, 'Unreachable', 'nobody'), limits: { attempts: 2 } });
    unreachable.write(occurrence('soon'));
    await expect.poll(() => unreachable.faults.length, { timeout: 5000 }).toBe(1);
    expect(unreachable.asked()).toBe(2);
  });

  test('writes nothing after its end', async () => {
    const { write, written, stopping, asked } = writing();
    stopping.abort();
    write(occurrence('late'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([written, asked()]).toEqual([[], 0]);
  });
});
