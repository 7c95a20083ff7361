// The state of the protocol alone: no server, no bytes on a wire.
import { describe, expect, test } from 'vitest';
import type { DeltaRequest, SotwRequest } from '../../src/xds/subscription/requests.ts';
import type { Catalog } from '../../src/xds/subscription/subscription.ts';
import type { Update } from '../../src/xds/subscription/update.ts';
import { cachedResource } from '../../src/xds/codec/cache.ts';
import { Subscription } from '../../src/xds/subscription/subscription.ts';
import { staticCluster, types } from './mesh.ts';

const now = { removals: true, maxBytes: 1e6 };
const later = { ...now, removals: false };

const catalog = (resources: Readonly<Record<string, number | 'withheld'>>): Catalog => ({
  names: () => Object.keys(resources),
  find: (name) => {
    const seconds = resources[name];
    if (seconds === undefined) return 'absent';
    return seconds === 'withheld' ? seconds : cachedResource(staticCluster(name, seconds));
  },
});

const delta = (request: Partial<DeltaRequest>): DeltaRequest => ({
  typeUrl: types.cluster,
  nonce: '',
  error: undefined,
  node: undefined,
  subscribe: [],
  unsubscribe: [],
  versions: new Map(),
  ...request,
});
const sotw = (request: Partial<SotwRequest>): SotwRequest => ({
  typeUrl: types.cluster,
  nonce: '',
  error: undefined,
  node: undefined,
  names: [],
  ...request,
});

const incremental = () => new Subscription({ incremental: true, fullState: true });
const whole = () => new Subscription({ incremental: false, fullState: true });
const told = (update: Update | undefined) =>
  update === undefined ? undefined : [update.resources.map(({ name }) => name), update.removed];

/** Sends what is due and has it acknowledged. */
function accepted(subscription: Subscription, from: Catalog, nonce: string) {
  const update = subscription.next(from, now);
  if (update === undefined) return undefined;
  subscription.sent(update, nonce);
  subscription.delta(delta({ nonce }), from);
  return told(update);
}

describe('incremental', () => {
  test('has nothing to send before it is asked', () => {
    expect(incremental().next(catalog({ a: 1 }), now)).toBeUndefined();
  });

  test('sends nothing while a response is unacknowledged, and tells what an acknowledgement settles', () => {
    const subscription = incremental();
    const world = catalog({ a: 1 });
    subscription.delta(delta({}), world);
    const update = subscription.next(world, now);
    subscription.sent(update!, '1');
    subscription.touch(['a']);
    expect(subscription.next(catalog({ a: 2 }), now)).toBeUndefined();
    expect(subscription.delta(delta({ nonce: 'other' }), world)).toBeUndefined();
    expect(subscription.delta(delta({ nonce: '1' }), world)).toMatchObject({ error: undefined, sent: [{ name: 'a' }] });
    expect(told(subscription.next(catalog({ a: 2 }), now))).toEqual([['a'], []]);
  });

  test('looks only at what was touched', () => {
    const subscription = incremental();
    subscription.delta(delta({}), catalog({ a: 1, b: 1 }));
    accepted(subscription, catalog({ a: 1, b: 1 }), '1');
    const looked: string[] = [];
    const changed = catalog({ a: 2, b: 2 });
    subscription.touch(['b']);
    subscription.next({ ...changed, find: (name) => (looked.push(name), changed.find(name)) }, now);
    expect(looked).toEqual(['b']);
  });

  test('keeps removals back until they may go, and forgets them if the resource returns', () => {
    const subscription = incremental();
    subscription.delta(delta({}), catalog({ a: 1, b: 1 }));
    accepted(subscription, catalog({ a: 1, b: 1 }), '1');
    subscription.touch(['a', 'b']);
    expect(subscription.next(catalog({}), later)).toBeUndefined();
    expect(subscription.busy).toBe(false);
    subscription.touch(['a']);
    expect(told(subscription.next(catalog({ a: 1 }), now))).toEqual([[], ['b']]);
  });

  test('withholds without telling that a resource is gone, and sends it when it is free', () => {
    const subscription = incremental();
    subscription.delta(delta({ subscribe: ['a'] }), catalog({ a: 'withheld' }));
    expect(subscription.next(catalog({ a: 'withheld' }), now)).toBeUndefined();
    subscription.touch(['a']);
    expect(told(subscription.next(catalog({ a: 1 }), now))).toEqual([['a'], []]);
  });

  test('goes back to the version before when one is rejected', () => {
    const subscription = incremental();
    subscription.delta(delta({}), catalog({ a: 1 }));
    accepted(subscription, catalog({ a: 1 }), '1');
    const before = subscription.has.get('a')?.version;
    subscription.touch(['a']);
    subscription.sent(subscription.next(catalog({ a: 2 }), now)!, '2');
    expect(subscription.has.get('a')?.version).not.toBe(before);
    const settled = subscription.delta(delta({ nonce: '2', error: 'no' }), catalog({ a: 2 }));
    subscription.revert(settled!.sent);
    expect(subscription.has.get('a')?.version).toBe(before);
  });

  test('sends what is unclear again, one at a time, even if the proxy may have it', () => {
    const subscription = incremental();
    const world = catalog({ a: 1, b: 1 });
    subscription.delta(delta({}), world);
    subscription.sent(subscription.next(world, now)!, '1');
    subscription.resend(subscription.delta(delta({ nonce: '1', error: 'no' }), world)!.sent);
    expect([accepted(subscription, world, '2'), accepted(subscription, world, '3')]).toEqual([
      [['a'], []],
      [['b'], []],
    ]);
    expect(accepted(subscription, world, '4')).toBeUndefined();
  });

  test('sends what is unclear again even if the version before is wanted back', () => {
    const subscription = incremental();
    subscription.delta(delta({}), catalog({ a: 1 }));
    accepted(subscription, catalog({ a: 1 }), '1');
    subscription.touch(['a']);
    subscription.sent(subscription.next(catalog({ a: 2 }), now)!, '2');
    subscription.resend(subscription.delta(delta({ nonce: '2', error: 'no' }), catalog({ a: 2 }))!.sent);
    expect(told(subscription.next(catalog({ a: 1 }), now))).toEqual([['a'], []]);
  });

  test('does not keep versions of what the proxy does not want', () => {
    const subscription = incremental();
    const versions = new Map([
      ['a', '1'],
      ['b', '1'],
    ]);
    subscription.delta(delta({ subscribe: ['a'], versions }), catalog({}));
    expect([...subscription.has.keys()]).toEqual(['a']);
  });
});

describe('state of the world', () => {
  test('holds on to removed resources until removals may go', () => {
    const subscription = whole();
    subscription.sotw(sotw({}), catalog({ a: 1, b: 1 }));
    subscription.sent(subscription.next(catalog({ a: 1, b: 1 }), now)!, '1');
    subscription.sotw(sotw({ nonce: '1' }), catalog({ b: 2 }));
    subscription.touch(['a', 'b']);
    const first = subscription.next(catalog({ b: 2 }), later);
    expect(told(first)).toEqual([['a', 'b'], []]);
    subscription.sent(first!, '2');
    subscription.sotw(sotw({ nonce: '2' }), catalog({ b: 2 }));
    expect(told(subscription.next(catalog({ b: 2 }), now))).toEqual([['b'], []]);
  });

  test('is never divided, however large: what is left out would be gone', () => {
    const subscription = whole();
    const world = catalog({ a: 1, b: 1, c: 1 });
    subscription.sotw(sotw({}), world);
    expect(told(subscription.next(world, { ...now, maxBytes: 1 }))).toEqual([['a', 'b', 'c'], []]);
  });

  test('of a type whose responses cannot tell that something is gone says nothing', () => {
    const subscription = new Subscription({ incremental: false, fullState: false });
    subscription.sotw(sotw({ names: ['a'] }), catalog({ a: 1 }));
    subscription.sent(subscription.next(catalog({ a: 1 }), now)!, '1');
    subscription.sotw(sotw({ names: ['a'], nonce: '1' }), catalog({}));
    subscription.touch(['a']);
    expect(subscription.next(catalog({}), now)).toBeUndefined();
    expect(subscription.has.size).toBe(0);
  });
});
