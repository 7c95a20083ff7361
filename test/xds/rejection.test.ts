// What happens to a resource that a proxy rejects, against a real server.
import { afterEach, describe, expect, test } from 'vitest';
import type { Configuration } from '../../src/model/envoy/resource.ts';
import type { Mesh } from './mesh.ts';
import { rejectedNames } from '../../src/xds/subscription/nack.ts';
import { DeltaClient, names } from './ads-client.ts';
import { configuration, endpoints, layer, startMesh, staticCluster, types } from './mesh.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function start(initial: Configuration): Promise<Mesh> {
  const mesh = await startMesh(initial);
  open.push(mesh);
  return mesh;
}

async function connect(mesh: Mesh): Promise<DeltaClient> {
  const client = new DeltaClient(mesh.port);
  open.push(client);
  return client;
}

const clusters = (a: number, b: number): Configuration =>
  configuration({ cluster: [staticCluster('a', a), staticCluster('b', b)] });
const refused = 'Error adding/updating cluster(s) a: not supported';

/** A proxy that took clusters(1, 1) and rejected `a` of clusters(2, 2). */
async function afterRejection(): Promise<[Mesh, DeltaClient]> {
  const mesh = await start(clusters(1, 1));
  const client = await connect(mesh);
  client.subscribe(types.cluster);
  await client.accept(types.cluster);
  await mesh.change(clusters(2, 2));
  client.nack(await client.nextOf(types.cluster), refused);
  await client.quiet();
  return [mesh, client];
}

describe('a rejected resource', () => {
  test('is not sent again', async () => {
    const [mesh, client] = await afterRejection();
    await mesh.change(clusters(2, 2));
    await client.quiet();
  });

  test('leaves the other resources of its response in force', async () => {
    const [mesh, client] = await afterRejection();
    await mesh.change(clusters(2, 3));
    expect(names(await client.accept(types.cluster))).toEqual(['b']);
  });

  test('is tried again in another version', async () => {
    const [mesh, client] = await afterRejection();
    await mesh.change(clusters(3, 2));
    expect(names(await client.accept(types.cluster))).toEqual(['a']);
    await client.quiet();
    expect(mesh.server.rejections()).toEqual([]);
  });

  test('is replaced by its last good version for proxies that come later', async () => {
    const [mesh] = await afterRejection();
    const later = await connect(mesh);
    later.subscribe(types.cluster);
    const response = await later.nextOf(types.cluster);
    const timeouts = (response.resources ?? []).map(({ name, resource }) => [name, resource['connectTimeout']]);
    expect(timeouts).toEqual([
      ['a', '1s'],
      ['b', '2s'],
    ]);
  });

  test('costs the proxy nothing when its last good version comes back', async () => {
    const [mesh, client] = await afterRejection();
    await mesh.change(clusters(1, 2));
    await client.quiet();
  });

  test('is told with its version, its resource and the words of the proxy', async () => {
    const [mesh] = await afterRejection();
    expect(mesh.server.rejections()).toMatchObject([
      { scope: 'all cluster', type: types.cluster, name: 'a', error: refused, resource: staticCluster('a', 2) },
    ]);
    expect(mesh.server.status()[0]?.types[0]).toMatchObject({ nacks: 1, lastNack: refused });
    expect(mesh.logged.join()).toContain('not supported');
  });

  test('that never had a good version is left out, also for those who come later', async () => {
    const mesh = await start(clusters(1, 1));
    const client = await connect(mesh);
    client.subscribe(types.cluster);
    client.nack(await client.nextOf(types.cluster), refused);
    await client.quiet();
    const later = await connect(mesh);
    later.subscribe(types.cluster);
    expect(names(await later.accept(types.cluster))).toEqual(['b']);
    await later.quiet();
  });

  test('stays with the proxies that accepted it', async () => {
    const mesh = await start(clusters(1, 1));
    const [picky, content] = [await connect(mesh), await connect(mesh)];
    for (const client of [picky, content]) {
      client.subscribe(types.cluster);
      await client.accept(types.cluster);
    }
    await mesh.change(clusters(2, 1));
    await content.accept(types.cluster);
    picky.nack(await picky.nextOf(types.cluster), refused);
    await Promise.all([picky.quiet(), content.quiet()]);
    await mesh.change(clusters(2, 1));
    await Promise.all([picky.quiet(), content.quiet()]);
  });

  test('of another scope is another matter', async () => {
    const mesh = await startMesh(clusters(1, 1), {
      translate: ({ id }) => ({
        ...configuration({}),
        cluster: [layer(id.includes('odd') ? 'odd' : 'even', staticCluster('a', 2))],
      }),
    });
    open.push(mesh);
    const odd = new DeltaClient(mesh.port, { node: { id: 'sidecar~1~odd.shop~shop.svc' } });
    const even = new DeltaClient(mesh.port, { node: { id: 'sidecar~1~even.shop~shop.svc' } });
    open.push(odd, even);
    odd.subscribe(types.cluster);
    odd.nack(await odd.nextOf(types.cluster), refused);
    await odd.quiet();
    even.subscribe(types.cluster);
    expect(names(await even.accept(types.cluster))).toEqual(['a']);
  });
});

describe('a rejection that names nobody', () => {
  test('makes the server send one by one, until it is clear who is meant', async () => {
    const mesh = await start(configuration({ endpoint: [endpoints('a'), endpoints('b'), endpoints('c')] }));
    const client = await connect(mesh);
    client.subscribe(types.endpoint, 'a', 'b', 'c');
    client.nack(await client.nextOf(types.endpoint), 'malformed');
    const tried: string[] = [];
    for (let round = 0; round < 3; round++) {
      const response = await client.nextOf(types.endpoint);
      const [name = '', ...others] = names(response);
      expect(others).toEqual([]);
      tried.push(name);
      if (name === 'b') client.nack(response, 'malformed');
      else client.ack(response);
    }
    await client.quiet();
    expect(tried).toEqual(['a', 'b', 'c']);
    expect(mesh.server.rejections().map(({ name }) => name)).toEqual(['b']);
  });
});

describe('the names in a rejection', () => {
  test.each([
    [
      'Error adding/updating cluster(s) outbound|80||a: bad, outbound|80||c: worse',
      ['outbound|80||a', 'outbound|80||c'],
    ],
    ['Error adding/updating listener(s) 0.0.0.0_80: bad\nvirtualInbound: bad\n', ['0.0.0.0_80', 'virtualInbound']],
    ['something about 10.0.0.0.0_80: no', []],
    ['all is bad', []],
  ])('%s', (error, expected) => {
    const sent = ['outbound|80||a', 'outbound|80||b', 'outbound|80||c', '0.0.0.0_80', 'virtualInbound'];
    expect(rejectedNames(error, sent)).toEqual(expected);
  });

  test('are not needed where there was one resource only', () => {
    expect(rejectedNames('bad', ['a'])).toEqual(['a']);
  });
});
