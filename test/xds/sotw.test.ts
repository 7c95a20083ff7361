// The state-of-the-world xDS protocol, rule by rule, against a real server.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
import { afterEach, describe, expect, test } from 'vitest';
import type { Configuration } from '../../src/model/envoy/resource.ts';
import type { Mesh } from './mesh.ts';
import { SotwClient, sotwNames } from './ads-client.ts';
import { cluster, configuration, endpoints, listener, route, startMesh, staticCluster, types } from './mesh.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function start(initial: Configuration): Promise<[Mesh, SotwClient]> {
  const mesh = await startMesh(initial);
  const client = new SotwClient(mesh.port);
  open.push(mesh, client);
  return [mesh, client];
}

const clusters = (...list: readonly string[]): Configuration =>
  configuration({ cluster: list.map((name) => staticCluster(name)) });

describe('clusters and listeners', () => {
  test.each([[[]], [['*']]])('asked for with %j are everything', async (wanted: readonly string[]) => {
    const [, client] = await start(clusters('a', 'b'));
    client.want(types.cluster, wanted);
    expect(sotwNames(await client.nextOf(types.cluster))).toEqual(['a', 'b']);
  });

  test('are answered even if there are none', async () => {
    const [, client] = await start(clusters());
    client.want(types.listener, []);
    expect((await client.nextOf(types.listener)).resources).toBeUndefined();
  });

  test('come all together when one changes, and what is gone is left out', async () => {
    const [mesh, client] = await start(clusters('a', 'b', 'c'));
    client.want(types.cluster, []);
    await client.accept(types.cluster);
    await mesh.change(configuration({ cluster: [staticCluster('a'), staticCluster('b', 2), staticCluster('c')] }));
    expect(sotwNames(await client.accept(types.cluster))).toEqual(['a', 'b', 'c']);
    await mesh.change(configuration({ cluster: [staticCluster('a'), staticCluster('b', 2)] }));
    expect(sotwNames(await client.accept(types.cluster))).toEqual(['a', 'b']);
    await client.quiet();
  });

  test('that mean the same bytes are not sent', async () => {
    const [mesh, client] = await start(clusters('a'));
    client.want(types.cluster, []);
    await client.accept(types.cluster);
    await mesh.change(clusters('a'));
    await client.quiet();
  });

  test('a list that was not empty and is now means nothing any more, not everything', async () => {
    const [mesh, client] = await start(clusters('a', 'b'));
    client.want(types.cluster, ['a']);
    const first = await client.nextOf(types.cluster);
    expect(sotwNames(first)).toEqual(['a']);
    client.want(types.cluster, [], first);
    await client.quiet();
    await mesh.change(configuration({ cluster: [staticCluster('a', 2)] }));
    await client.quiet();
  });

  test('a removed cluster stays in the state until the routes that used it have moved', async () => {
    const world = (...list: readonly string[]): Configuration => ({
      ...clusters(...list),
      route: configuration({ route: [route('r', list.length)] }).route,
    });
    const [mesh, client] = await start(world('a', 'b'));
    client.want(types.cluster, []);
    await client.accept(types.cluster);
    client.want(types.route, ['r']);
    await client.accept(types.route, ['r']);
    await mesh.change(world('a'));
    const rds = await client.nextOf(types.route);
    await client.quiet();
    client.want(types.route, ['r'], rds);
    expect(sotwNames(await client.accept(types.cluster))).toEqual(['a']);
  });
});

describe('endpoints, routes and secrets', () => {
  test('are sent by name, and only what is new when names are added', async () => {
    const [, client] = await start(configuration({ endpoint: [endpoints('a'), endpoints('b'), endpoints('c')] }));
    client.want(types.endpoint, ['a']);
    const first = await client.accept(types.endpoint, ['a']);
    expect(sotwNames(first)).toEqual(['a']);
    client.want(types.endpoint, ['a', 'b'], first);
    expect(sotwNames(await client.accept(types.endpoint, ['a', 'b']))).toEqual(['b']);
  });

  test('that do not exist are answered all the same', async () => {
    const [, client] = await start(configuration({}));
    client.want(types.endpoint, ['nowhere']);
    expect((await client.accept(types.endpoint, ['nowhere'])).resources).toBeUndefined();
    await client.quiet();
  });

  test('no names mean nothing', async () => {
    const [, client] = await start(configuration({ endpoint: [endpoints('a')] }));
    client.want(types.endpoint, []);
    await client.quiet();
  });

  test('given up are not sent any more, and are when they are taken up again', async () => {
    const [mesh, client] = await start(configuration({ endpoint: [endpoints('a'), endpoints('b')] }));
    client.want(types.endpoint, ['a', 'b']);
    const first = await client.accept(types.endpoint, ['a']);
    await client.quiet();
    await mesh.change(configuration({ endpoint: [endpoints('a'), endpoints('b', 81)] }));
    await client.quiet();
    client.want(types.endpoint, ['a', 'b'], first);
    expect(sotwNames(await client.accept(types.endpoint, ['a', 'b']))).toEqual(['b']);
  });

  test('come again when their cluster does', async () => {
    const eds = endpoints('a');
    const world = (seconds: number): Configuration =>
      configuration({ cluster: [cluster('a', seconds)], endpoint: [eds] });
    const [mesh, client] = await start(world(1));
    client.want(types.cluster, []);
    await client.accept(types.cluster);
    client.want(types.endpoint, ['a']);
    await client.accept(types.endpoint, ['a']);
    await mesh.change(world(2));
    await client.accept(types.cluster);
    expect(sotwNames(await client.accept(types.endpoint, ['a']))).toEqual(['a']);
  });
});

describe('nonces', () => {
  test('a request with a stale one is ignored', async () => {
    const [mesh, client] = await start(configuration({ endpoint: [endpoints('a'), endpoints('b')] }));
    client.want(types.endpoint, ['a']);
    const first = await client.accept(types.endpoint, ['a']);
    await client.quiet();
    await mesh.change(configuration({ endpoint: [endpoints('a', 81), endpoints('b')] }));
    const second = await client.nextOf(types.endpoint);
    client.want(types.endpoint, ['a', 'b'], first);
    await client.quiet();
    client.want(types.endpoint, ['a', 'b'], second);
    expect(sotwNames(await client.accept(types.endpoint, ['a', 'b']))).toEqual(['b']);
  });

  test('one of an earlier stream starts anew', async () => {
    const [, client] = await start(clusters('a'));
    client.send({ type_url: types.cluster, response_nonce: '17', version_info: '17' });
    expect(sotwNames(await client.nextOf(types.cluster))).toEqual(['a']);
  });
});

test('one response is unacknowledged at most; later changes merge into the next', async () => {
  const [mesh, client] = await start(clusters('a'));
  client.want(types.cluster, []);
  const first = await client.nextOf(types.cluster);
  await mesh.change(clusters('a', 'b'));
  await mesh.change(clusters('a', 'b', 'c'));
  await client.quiet();
  client.want(types.cluster, [], first);
  expect(sotwNames(await client.accept(types.cluster))).toEqual(['a', 'b', 'c']);
  await client.quiet();
});

test('a rejection keeps the version before, and the state stays whole', async () => {
  const [mesh, client] = await start(configuration({ listener: [listener('a'), listener('b')] }));
  client.want(types.listener, []);
  await client.accept(types.listener);
  await mesh.change(configuration({ listener: [listener('a', 'bad'), listener('b', 'good')] }));
  client.nack(await client.nextOf(types.listener), [], 'Error adding/updating listener(s) a: no such filter\n');
  await client.quiet();
  await mesh.change(configuration({ listener: [listener('a', 'bad'), listener('b', 'better')] }));
  const state = await client.accept(types.listener);
  const prefixes = Object.fromEntries((state.resources ?? []).map(({ name, statPrefix }) => [name, statPrefix]));
  expect(prefixes).toEqual({ a: undefined, b: 'better' });
});

test('a rejection that names nobody makes the server try one change at a time', async () => {
  const [mesh, client] = await start(clusters('a'));
  client.want(types.cluster, []);
  await client.accept(types.cluster);
  await mesh.change(clusters('a', 'b', 'c'));
  client.nack(await client.nextOf(types.cluster), [], 'malformed');
  const first = await client.nextOf(types.cluster);
  expect(sotwNames(first)).toEqual(['a', 'b']);
  client.nack(first, [], 'malformed');
  expect(sotwNames(await client.accept(types.cluster))).toEqual(['a', 'c']);
  await client.quiet();
  expect(mesh.server.rejections().map(({ name }) => name)).toEqual(['b']);
});
