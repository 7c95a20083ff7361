// Virtual hosts that are sent because they are there: beside a route configuration that leaves them out, and when they change.
import { afterEach, describe, expect, test } from 'vitest';
import type { Configuration, Resource } from '../../src/model/envoy/resource.ts';
import type { DeltaResponse } from './ads-client.ts';
import type { Mesh } from './mesh.ts';
import { DeltaClient, names, node, SotwClient } from './ads-client.ts';
import { configuration, empty, layer, route, startMesh, staticCluster, types } from './mesh.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

const hostByHost = { ...node, metadata: { ...node.metadata, ROUTE_DELIVERY: 'virtual-hosts' } };

function connected(mesh: Mesh): DeltaClient {
  const client = new DeltaClient(mesh.port, { node: hostByHost });
  open.push(client);
  return client;
}

/** Domains by virtual host, by route configuration. */
type Table = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

const host = (name: string, domains: readonly string[]): Resource => ({
  type: types.virtualHost,
  name,
  message: { name: name.slice(name.lastIndexOf('/') + 1), domains },
});

const made = new Map<string, Resource>();
/** The same object for the same content, as translation makes them. */
function sameHost(name: string, domains: readonly string[]): Resource {
  const key = JSON.stringify([name, domains]);
  const known = made.get(key) ?? host(name, domains);
  made.set(key, known);
  return known;
}

const routes = (table: Table): Configuration => ({
  ...empty,
  route: [
    layer(
      'r',
      ...Object.entries(table).map(([name, hosts]) => ({
        ...route(name),
        parts: {
          field: 'virtual_hosts',
          resources: Object.entries(hosts).map(([each, domains]) => sameHost(`${name}/${each}`, domains)),
        },
      })),
    ),
  ],
});

const eighty: Table = { 80: { a: ['a'], b: ['b'], any: ['*'] } };

async function start(table: Table): Promise<readonly [Mesh, DeltaClient]> {
  const mesh = await startMesh(routes(table));
  open.push(mesh);
  return [mesh, connected(mesh)];
}

/** What Envoy does when it is told of a listener on port 80. */
async function take(client: DeltaClient, name = '80'): Promise<readonly [routes: DeltaResponse, hosts: DeltaResponse]> {
  client.subscribe(types.route, name);
  const shell = await client.accept(types.route);
  client.subscribe(types.virtualHost);
  return [shell, await client.accept(types.virtualHost)];
}

const versionsOf = (...responses: readonly DeltaResponse[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    responses.flatMap(({ resources = [] }) => resources.map(({ name, version }) => [name, version] as const)),
  );

describe('a proxy that takes virtual hosts one by one', () => {
  test('gets the route configuration without them, and all of them once it asks', async () => {
    const [, client] = await start(eighty);
    const [shell, hosts] = await take(client);
    expect(shell.resources?.[0]?.resource).toMatchObject({ name: '80', vhds: { configSource: { ads: {} } } });
    expect(shell.resources?.[0]?.resource).not.toHaveProperty('virtualHosts');
    expect(names(hosts)).toEqual(['80/a', '80/b', '80/any']);
    expect(hosts.resources?.[0]?.resource).toMatchObject({ name: '80/a', domains: ['a'] });
    await client.quiet();
  });

  test('gets the one that has changed and nothing else', async () => {
    const [mesh, client] = await start(eighty);
    await take(client);
    await mesh.change(routes({ 80: { ...eighty['80'], b: ['b', 'b.ns'] } }));
    expect(names(await client.accept(types.virtualHost))).toEqual(['80/b']);
    await client.quiet();
  });

  test('hears in one response who gains a domain and who loses it, and what is gone', async () => {
    const [mesh, client] = await start({ 80: { a: ['a', 'x'], b: ['b', 'y'], c: ['c'] } });
    await take(client);
    await mesh.change(routes({ 80: { a: ['a', 'c'], b: ['b', 'y', 'x'] } }));
    const response = await client.accept(types.virtualHost);
    expect(names(response).toSorted()).toEqual(['80/a', '80/b']);
    expect(response.removedResources).toEqual(['80/c']);
    await client.quiet();
  });

  test('gets those of a route configuration only that it has asked for', async () => {
    const table: Table = { ...eighty, 8080: { a: ['a'], any: ['*'] } };
    const [mesh, client] = await start(table);
    const [, hosts] = await take(client);
    expect(names(hosts)).toEqual(['80/a', '80/b', '80/any']);
    await mesh.change(routes({ ...table, 8080: { a: ['a', 'a.ns'], any: ['*'] } }));
    await client.quiet();
    client.subscribe(types.route, '8080');
    await client.accept(types.route);
    expect(names(await client.accept(types.virtualHost))).toEqual(['8080/a', '8080/any']);
  });

  test('gets all of them again with a route configuration that it has forgotten', async () => {
    const [, client] = await start(eighty);
    await take(client);
    client.unsubscribe(types.route, '80');
    client.subscribe(types.route, '80');
    await client.accept(types.route);
    expect(names(await client.accept(types.virtualHost))).toEqual(['80/a', '80/b', '80/any']);
    await client.quiet();
  });

  test.each([['first', true] as const, ['last', false] as const])(
    'comes back with what it had, and names its route configurations %s: only what differs is sent',
    async (_when, routesFirst) => {
      const [mesh, client] = await start({ 80: { ...eighty['80'], gone: ['gone'] } });
      const [shell, hosts] = await take(client);
      client.close();
      await mesh.change(routes({ 80: { ...eighty['80'], a: ['a', 'a.ns'] } }));
      const again = connected(mesh);
      const askRoutes = () =>
        again.send({
          type_url: types.route,
          resource_names_subscribe: ['80'],
          initial_resource_versions: versionsOf(shell),
        });
      if (routesFirst) askRoutes();
      again.send({ type_url: types.virtualHost, initial_resource_versions: versionsOf(hosts) });
      if (!routesFirst) askRoutes();
      const seen: DeltaResponse[] = [await again.accept(types.virtualHost)];
      if (!routesFirst) seen.push(await again.accept(types.virtualHost));
      expect(seen.flatMap(names)).toEqual(['80/a']);
      expect(seen.flatMap(({ removedResources = [] }) => removedResources)).toEqual(['80/gone']);
      await again.quiet();
    },
  );

  test('keeps what it had of what it rejects, and its neighbours change', async () => {
    const [mesh, client] = await start(eighty);
    await take(client);
    await mesh.change(routes({ 80: { a: ['bad'], b: ['b', 'b.ns'], any: ['*'] } }));
    const bad = await client.nextOf(types.virtualHost);
    expect(names(bad).toSorted()).toEqual(['80/a', '80/b']);
    client.nack(bad, 'no such domain');
    for (let alone = 0; alone < 2; alone++) {
      const response = await client.nextOf(types.virtualHost);
      if (names(response).includes('80/a')) client.nack(response, 'no such domain');
      else client.ack(response);
      expect(names(response)).toHaveLength(1);
    }
    await client.quiet();
    expect(mesh.server.rejections().map(({ name }) => name)).toEqual(['80/a']);
    const other = connected(mesh);
    const [, hosts] = await take(other);
    expect(hosts.resources?.find(({ name }) => name === '80/a')?.resource).toMatchObject({ domains: ['a'] });
  });

  test('is told once more what is gone after it has rejected that response', async () => {
    const [mesh, client] = await start(eighty);
    await take(client);
    await mesh.change(routes({ 80: { a: ['bad'], any: ['*'] } }));
    const bad = await client.nextOf(types.virtualHost);
    expect(bad.removedResources).toEqual(['80/b']);
    client.nack(bad, 'no');
    const again = await client.accept(types.virtualHost);
    expect([names(again), again.removedResources]).toEqual([[], ['80/b']]);
    await client.quiet();
  });

  test('gets them after the clusters that they lead to', async () => {
    const [mesh, client] = await start(eighty);
    await take(client);
    client.subscribe(types.cluster, '*');
    await client.accept(types.cluster);
    const { route: changed } = routes({ 80: { ...eighty['80'], b: ['b', 'new'] } });
    await mesh.change({ ...configuration({ cluster: [staticCluster('new')] }), route: changed });
    const clusters = await client.nextOf(types.cluster);
    await client.quiet();
    client.ack(clusters);
    expect(names(await client.accept(types.virtualHost))).toEqual(['80/b']);
  });

  test('gets a route configuration whole that has one virtual host', async () => {
    const [mesh, client] = await start({ 'a:80': { a: ['*'] } });
    client.subscribe(types.route, 'a:80');
    const whole = await client.accept(types.route);
    expect(whole.resources?.[0]?.resource).toMatchObject({ virtualHosts: [{ name: 'a' }] });
    await mesh.change(routes({ 'a:80': { a: ['a'], b: ['b'] } }));
    expect((await client.accept(types.route)).resources?.[0]?.resource).not.toHaveProperty('virtualHosts');
    client.subscribe(types.virtualHost);
    expect(names(await client.accept(types.virtualHost))).toEqual(['a:80/a', 'a:80/b']);
    await client.quiet();
  });
});

test('who does not say that it takes them one by one gets route configurations whole', async () => {
  const [mesh] = await start(eighty);
  const client = new DeltaClient(mesh.port);
  const sotw = new SotwClient(mesh.port, { node: hostByHost });
  open.push(client, sotw);
  client.subscribe(types.route, '80');
  sotw.want(types.route, ['80']);
  const hosts = [{ name: 'a' }, { name: 'b' }, { name: 'any' }];
  expect((await client.nextOf(types.route)).resources?.[0]?.resource).toMatchObject({ virtualHosts: hosts });
  expect((await sotw.nextOf(types.route)).resources?.[0]).toMatchObject({ virtualHosts: hosts });
});
