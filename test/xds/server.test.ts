// The server around the protocol: who may connect, what is bounded, and what happens when something goes wrong.
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import type { WorkloadIdentity } from '../../src/model/proxy/identity.ts';
import type { Configuration, Resource } from '../../src/model/envoy/resource.ts';
import type { SecretSource } from '../../src/model/external/secret-source.ts';
import type { XdsServerOptions } from '../../src/xds/server.ts';
import type { ClientOptions } from './ads-client.ts';
import type { Mesh } from './mesh.ts';
import { Bug } from '../../src/model/invariant.ts';
import type { TypeStatus } from '../../src/model/proxy/proxy-status.ts';
import { cachedResource, encodeCount } from '../../src/xds/codec/cache.ts';
import { syncState } from '../../src/xds/debug/client-config.ts';
import { createXdsServer } from '../../src/xds/server.ts';
import { DeltaClient, names, node } from './ads-client.ts';
import { configuration, layer, listener, route, startMesh, staticCluster, types } from './mesh.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function start(initial: Configuration, options?: Partial<XdsServerOptions>): Promise<Mesh> {
  const mesh = await startMesh(initial, options);
  open.push(mesh);
  return mesh;
}
function connect(mesh: Mesh, options?: ClientOptions): DeltaClient {
  const client = new DeltaClient(mesh.port, options);
  open.push(client);
  return client;
}

const web: WorkloadIdentity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const authenticate: XdsServerOptions['authenticate'] = async (metadata) => {
  const [header] = metadata.get('authorization');
  if (header === 'Bearer broken') throw new Error('authority out of reach');
  return header === 'Bearer web' ? web : undefined;
};
const clusters = (...list: readonly string[]): Configuration =>
  configuration({ cluster: list.map((name) => staticCluster(name)) });

const versionOf = (resource: Resource): string => cachedResource(resource).version;
const routes = (version: number): Configuration => configuration({ route: [route('a', version), route('b', version)] });

describe('who may connect', () => {
  const attempt = async (options: ClientOptions): Promise<number> => {
    const client = connect(await start(clusters('a'), { authenticate }), options);
    client.subscribe(types.cluster);
    return (await client.ended).code;
  };

  test('a proxy that proves who it is', async () => {
    const client = connect(await start(clusters('a'), { authenticate }), { token: 'web' });
    client.subscribe(types.cluster);
    expect(names(await client.nextOf(types.cluster))).toEqual(['a']);
  });

  test('nobody without credentials, or with wrong ones', async () => {
    expect(await attempt({})).toBe(status.UNAUTHENTICATED);
    expect(await attempt({ token: 'other' })).toBe(status.UNAUTHENTICATED);
  });

  test('nobody while credentials cannot be checked, but they may try again', async () => {
    expect(await attempt({ token: 'broken' })).toBe(status.UNAVAILABLE);
  });

  test.each([
    ['another namespace', { ...node, metadata: { NAMESPACE: 'bank', SERVICE_ACCOUNT: 'web' } }],
    ['another namespace in its id', { ...node, id: 'sidecar~10.0.0.1~web-1.bank~bank.svc.cluster.local' }],
    ['another service account', { ...node, metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'till' } }],
    ['no namespace', { id: 'me' }],
  ])('no node that names %s', async (_what, as) => {
    expect(await attempt({ token: 'web', node: as })).toBe(status.PERMISSION_DENIED);
  });

  test('no port is opened without TLS and authentication unless it is asked for', () => {
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    const translate = () => clusters();
    expect(() => createXdsServer({ translate, log })).toThrow(Bug);
    expect(() => createXdsServer({ translate, log, authenticate })).toThrow(Bug);
  });
});

describe('what is bounded', () => {
  test('the number of streams', async () => {
    const mesh = await start(clusters('a'), { limits: { streams: 1 } });
    const first = connect(mesh);
    first.subscribe(types.cluster);
    await first.accept(types.cluster);
    const second = connect(mesh);
    second.subscribe(types.cluster);
    expect((await second.ended).code).toBe(status.RESOURCE_EXHAUSTED);
    await first.quiet();
  });

  test.each(['cancels', 'ends', 'is refused', 'is invalid'])('a stream that %s makes room for another', async (how) => {
    const mesh = await start(clusters('a'), { authenticate, limits: { streams: 1 } });
    const first = connect(mesh, { token: how === 'is refused' ? 'nobody' : 'web' });
    first.subscribe(types.cluster);
    if (how !== 'is refused') await first.accept(types.cluster);
    if (how === 'cancels') first.close();
    if (how === 'ends') first.end();
    if (how === 'is invalid') first.raw(new Uint8Array([0x0a, 0xff, 0xff]));
    await first.ended;
    for (;;) {
      const next = connect(mesh, { token: 'web' });
      next.subscribe(types.cluster);
      const outcome = await Promise.race([next.nextOf(types.cluster), next.ended]);
      if ('typeUrl' in outcome) break;
      expect(outcome.code).toBe(status.RESOURCE_EXHAUSTED);
    }
  });

  test('the age of a connection', async () => {
    const mesh = await start(clusters('a'), { limits: { connectionAge: 20, connectionGrace: 1 } });
    const client = connect(mesh);
    client.subscribe(types.cluster);
    await client.ended;
  });

  test('names: how many, in one request and in all, and how long', async () => {
    const mesh = await start(clusters(), { limits: { names: 3, nameLength: 10 } });
    const refuse = async (...requests: readonly (readonly string[])[]): Promise<number> => {
      const client = connect(mesh);
      for (const request of requests) client.subscribe(types.endpoint, ...request);
      return (await client.ended).code;
    };
    expect(await refuse(['a', 'b', 'c', 'd'])).toBe(status.INVALID_ARGUMENT);
    expect(await refuse(['a', 'b'], ['c', 'd'])).toBe(status.INVALID_ARGUMENT);
    expect(await refuse(['elevenchars'])).toBe(status.INVALID_ARGUMENT);
  });

  test('requests that cannot be read or come from no node end the stream alone', async () => {
    const mesh = await start(clusters('a'));
    const broken = connect(mesh);
    broken.raw(new Uint8Array([0x0a, 0xff, 0xff]));
    expect((await broken.ended).code).toBe(status.INVALID_ARGUMENT);
    const nameless = connect(mesh);
    nameless.raw(new Uint8Array());
    expect((await nameless.ended).code).toBe(status.INVALID_ARGUMENT);
    const fine = connect(mesh);
    fine.subscribe(types.cluster);
    await fine.accept(types.cluster);
  });
});

describe('bugs', () => {
  test('of the translation leave the proxy what it has, and the others untouched', async () => {
    let broken = false;
    let seconds = 1;
    const translate: XdsServerOptions['translate'] = ({ id }) => {
      if (broken && id.includes('web-1')) throw new Bug('oh');
      return configuration({ cluster: [staticCluster('a', seconds)] });
    };
    const mesh = await start(clusters(), { translate });
    const [victim, other] = [connect(mesh), connect(mesh, { node: { id: 'sidecar~1~till.bank~bank.svc' } })];
    for (const client of [victim, other]) {
      client.subscribe(types.cluster);
      await client.accept(types.cluster);
    }
    broken = true;
    seconds = 2;
    await mesh.server.update();
    await victim.quiet();
    expect(names(await other.accept(types.cluster))).toEqual(['a']);
    expect(mesh.server.counters().bugs).toBe(1);
    expect(mesh.logged.join()).toContain('oh');
    broken = false;
    await mesh.server.update();
    expect(names(await victim.accept(types.cluster))).toEqual(['a']);
  });

  test('in one resource cost that resource alone, and are told once', async () => {
    const bad: Resource = { type: types.cluster, name: 'bad', message: { nmae: 'bad' } };
    const mesh = await start(configuration({ cluster: [bad, staticCluster('a')] }));
    const client = connect(mesh);
    client.subscribe(types.cluster);
    expect(names(await client.accept(types.cluster))).toEqual(['a']);
    await mesh.server.update();
    await client.quiet();
    expect(mesh.logged.filter((line) => line.includes('nmae'))).toHaveLength(1);
  });
});

describe('work', () => {
  test('resources are encoded once for all proxies', async () => {
    const shared = layer('shared', ...Array.from({ length: 20 }, (_, index) => staticCluster(`c${index}`)));
    const mesh = await start({ ...configuration({}), cluster: [shared] });
    const before = encodeCount();
    for (let proxy = 0; proxy < 5; proxy++) {
      const client = connect(mesh);
      client.subscribe(types.cluster);
      await client.accept(types.cluster);
    }
    expect(encodeCount() - before).toBe(20);
    expect(mesh.server.counters().resourcesSent).toBe(100);
  });

  test('changes during a push cycle are one next cycle', async () => {
    const mesh = await start(clusters('a'));
    const before = mesh.server.counters().cycles;
    const first = mesh.server.update();
    await Promise.resolve();
    const others = [mesh.server.update(), mesh.server.update(), mesh.server.update()];
    await Promise.all([first, ...others]);
    expect(mesh.server.counters().cycles - before).toBe(2);
  });

  test('a proxy that does not read gets no more than it was sent, and everything in the end', async () => {
    const big = (seconds: number): Configuration =>
      configuration({
        listener: Array.from({ length: 40 }, (_, index) => listener(`l${index}`, 'x'.repeat(50_000) + seconds)),
      });
    const mesh = await start(big(1), { limits: { responseBytes: 50_000 } });
    const client = connect(mesh);
    client.subscribe(types.listener);
    const received = new Map<string, string>();
    const take = async (): Promise<void> => {
      for (const { name, resource } of (await client.accept(types.listener)).resources ?? [])
        received.set(name, (resource['statPrefix'] as string).slice(-1));
    };
    await take();
    client.pause();
    for (let change = 2; change <= 6; change++) await mesh.change(big(change));
    expect(mesh.server.counters().pushes).toBeLessThanOrEqual(3);
    client.resume();
    while (received.size < 40 || [...received.values()].some((last) => last !== '6')) await take();
    await client.quiet();
  });
});

describe('secrets', () => {
  const secret = (name: string, text: string): Resource => ({
    type: types.secret,
    name,
    message: { name, generic_secret: { secret: { inline_string: text } } },
  });

  interface Watch {
    readonly of: WorkloadIdentity;
    readonly name: string;
    readonly change: (secret: Resource | undefined) => void;
    readonly signal: AbortSignal;
  }

  function source(): { source: SecretSource; watches: Watch[] } {
    const watches: Watch[] = [];
    return {
      watches,
      source: {
        watch: ({ identity }, name, change, signal) => void watches.push({ of: identity, name, change, signal }),
      },
    };
  }

  test('are asked for on behalf of the identity that was proven, and sent when they are there', async () => {
    const { source: secrets, watches } = source();
    const client = connect(await start(clusters(), { authenticate, secrets }), { token: 'web' });
    client.subscribe(types.secret, 'default');
    await client.quiet();
    expect(watches.map(({ of, name }) => [of, name])).toEqual([[web, 'default']]);
    watches[0]?.change(secret('default', 'one'));
    expect(names(await client.accept(types.secret))).toEqual(['default']);
    watches[0]?.change(secret('default', 'two'));
    expect(names(await client.accept(types.secret))).toEqual(['default']);
  });

  test('that do not exist are answered as not existing', async () => {
    const { source: secrets, watches } = source();
    const client = connect(await start(clusters(), { authenticate, secrets }), { token: 'web' });
    client.subscribe(types.secret, 'other');
    await client.quiet();
    watches[0]?.change(undefined);
    expect((await client.accept(types.secret)).removedResources).toEqual(['other']);
  });

  test('do not exist for a proxy that proved nothing', async () => {
    const { source: secrets, watches } = source();
    const client = connect(await start(clusters(), { secrets }));
    client.subscribe(types.secret, 'default');
    expect((await client.accept(types.secret)).removedResources).toEqual(['default']);
    expect(watches).toEqual([]);
  });

  test('are watched no longer when they are given up or the stream ends', async () => {
    const { source: secrets, watches } = source();
    const client = connect(await start(clusters(), { authenticate, secrets }), { token: 'web' });
    client.subscribe(types.secret, 'a', 'b');
    await client.quiet();
    client.unsubscribe(types.secret, 'a');
    await client.quiet();
    expect(watches.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    const aborted = new Promise((resolve) => watches[1]?.signal.addEventListener('abort', resolve));
    client.close();
    await aborted;
  });
});

describe('status', () => {
  test('tells what each proxy was sent and accepted', async () => {
    const mesh = await start(clusters('a'), { authenticate, now: () => 1234 });
    const client = connect(mesh, { token: 'web' });
    client.subscribe(types.cluster);
    const response = await client.nextOf(types.cluster);
    expect(mesh.server.status()).toMatchObject([
      { node: { id: node.id }, identity: web, connectedSince: 1234, synced: false },
    ]);
    client.ack(response);
    await client.quiet();
    expect(mesh.server.status()[0]?.types[0]).toMatchObject({
      type: types.cluster,
      synced: true,
      resources: 1,
      sentAt: 1234,
      ackedAt: 1234,
    });
  });

  test('counts what a proxy came back with as sent and accepted, if all of it is in force', async () => {
    const mesh = await start(routes(1), { now: () => 1234 });
    const versions = { a: versionOf(route('a', 1)), b: versionOf(route('b', 1)) };
    const asked = { type_url: types.route, resource_names_subscribe: ['a', 'b'] };
    const client = connect(mesh);
    client.send({ ...asked, initial_resource_versions: versions });
    await client.quiet();
    const [current] = mesh.server.status()[0]?.types ?? [];
    expect(current).toMatchObject({ resources: 2, synced: true, sentAt: 1234, ackedAt: 1234 });
    expect([current?.ackedVersion, syncState(current as TypeStatus)]).toEqual([current?.sentVersion, 'SYNCED']);
    const behind = connect(mesh);
    behind.send({ ...asked, initial_resource_versions: { ...versions, b: 'old' } });
    expect(names(await behind.nextOf(types.route))).toEqual(['b']);
    expect(mesh.server.status()[1]?.types[0]).toMatchObject({ synced: false, ackedAt: 0 });
    await mesh.change(routes(2));
    expect(names(await client.nextOf(types.route)).toSorted()).toEqual(['a', 'b']);
    expect(syncState(mesh.server.status()[0]?.types[0] as TypeStatus)).toBe('STALE');
  });

  test('calls not sent what a proxy has nothing of', async () => {
    const mesh = await start(clusters('a'), { authenticate, secrets: { watch: () => {} } });
    const client = connect(mesh, { token: 'web' });
    client.subscribe(types.secret, 'default');
    await client.quiet();
    expect(syncState(mesh.server.status()[0]?.types[0] as TypeStatus)).toBe('NOT_SENT');
  });

  test('forgets a proxy that has gone', async () => {
    const mesh = await start(clusters('a'));
    const [one, other] = [connect(mesh), connect(mesh)];
    for (const client of [one, other]) {
      client.subscribe(types.cluster);
      await client.accept(types.cluster);
    }
    one.close();
    while (mesh.server.status().length > 1) await other.quiet();
  });
});

test('closing ends the streams, so that proxies go elsewhere', async () => {
  const mesh = await startMesh(clusters('a'));
  const client = connect(mesh);
  client.subscribe(types.cluster);
  await client.accept(types.cluster);
  const closed = mesh.close();
  expect((await client.ended).code).toBe(status.UNAVAILABLE);
  await closed;
});
