// What a proxy gets only when it asks for it by name, under that name or another one.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#on-demand
import { afterEach, describe, expect, test } from 'vitest';
import type { Configuration, Layer, OnDemand, Resource } from '../../src/model/envoy/resource.ts';
import type { DeltaResponse } from './ads-client.ts';
import type { Mesh } from './mesh.ts';
import { cachedResource } from '../../src/xds/codec/cache.ts';
import { DeltaClient, names } from './ads-client.ts';
import { cluster, configuration, empty, endpoints, layer, route, startMesh, staticCluster, types } from './mesh.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function start(initial: Configuration): Promise<[Mesh, DeltaClient]> {
  const mesh = await startMesh(initial);
  const client = new DeltaClient(mesh.port);
  open.push(mesh, client);
  return [mesh, client];
}

function reconnected(mesh: Mesh): DeltaClient {
  const client = new DeltaClient(mesh.port);
  open.push(client);
  return client;
}

const nothingMade: OnDemand = { canonical: (asked) => asked, made: () => undefined };
const lazily = (scope: string, resources: readonly Resource[], onDemand = nothingMade): Layer => ({
  ...layer(scope, ...resources),
  onDemand,
});
const clusters = (base: readonly Resource[], awaited: readonly Resource[], onDemand?: OnDemand): Configuration => ({
  ...empty,
  cluster: [layer('base', ...base), lazily('on demand', awaited, onDemand)],
});

describe('clusters on demand', () => {
  test('are no part of everything', async () => {
    const [, client] = await start(clusters([staticCluster('base')], [staticCluster('lazy')]));
    client.subscribe(types.cluster, '*');
    expect(names(await client.accept(types.cluster))).toEqual(['base']);
    await client.quiet();
  });

  test('come when they are asked for beside everything', async () => {
    const [, client] = await start(clusters([staticCluster('base')], [staticCluster('lazy'), staticCluster('other')]));
    client.subscribe(types.cluster, '*');
    await client.accept(types.cluster);
    client.subscribe(types.cluster, 'lazy');
    expect(names(await client.accept(types.cluster))).toEqual(['lazy']);
    await client.quiet();
  });

  test('that do not exist are answered at once, and sent when they do', async () => {
    const [mesh, client] = await start(clusters([], []));
    client.subscribe(types.cluster, '*');
    await client.accept(types.cluster);
    client.subscribe(types.cluster, 'lazy');
    expect((await client.accept(types.cluster)).removedResources).toEqual(['lazy']);
    await mesh.change(clusters([], [staticCluster('lazy'), staticCluster('other')]));
    expect(names(await client.accept(types.cluster))).toEqual(['lazy']);
    await client.quiet();
  });

  test('are kept up to date for who has them, and for nobody else', async () => {
    const [mesh, client] = await start(clusters([], [staticCluster('lazy'), staticCluster('other')]));
    client.subscribe(types.cluster, '*', 'lazy');
    await client.accept(types.cluster);
    await mesh.change(clusters([], [staticCluster('lazy', 2), staticCluster('other', 2)]));
    expect(names(await client.accept(types.cluster))).toEqual(['lazy']);
    await mesh.change(clusters([], [staticCluster('other', 3)]));
    expect((await client.accept(types.cluster)).removedResources).toEqual(['lazy']);
  });

  test('are made for a name that no list has', async () => {
    const made = (name: string) => (name.startsWith('tcp|') ? staticCluster(name) : undefined);
    const [, client] = await start(clusters([], [], { ...nothingMade, made }));
    client.subscribe(types.cluster, '*');
    await client.accept(types.cluster);
    client.subscribe(types.cluster, 'tcp|10.0.0.1:80', 'nobody');
    const response = await client.accept(types.cluster);
    expect(names(response)).toEqual(['tcp|10.0.0.1:80']);
    expect(response.removedResources).toEqual(['nobody']);
  });

  test('stay with a proxy that comes back with them', async () => {
    const lazy = staticCluster('lazy');
    const [, client] = await start(clusters([], [lazy, staticCluster('other')]));
    client.send({
      type_url: types.cluster,
      resource_names_subscribe: ['*'],
      initial_resource_versions: { lazy: cachedResource(lazy).version },
    });
    const response = await client.accept(types.cluster);
    expect([response.resources, response.removedResources]).toEqual([undefined, undefined]);
    await client.quiet();
  });

  test('stay with a proxy that had everything before', async () => {
    const [a, b] = [staticCluster('a'), staticCluster('b')];
    const [mesh, client] = await start(configuration({ cluster: [a, b] }));
    client.subscribe(types.cluster, '*');
    await client.accept(types.cluster);
    await mesh.change(clusters([a], [b]));
    await client.quiet();
    await mesh.change(clusters([a], [staticCluster('b', 2)]));
    expect(names(await client.accept(types.cluster))).toEqual(['b']);
    await mesh.change(clusters([a], [b]));
    await client.accept(types.cluster);
    await mesh.change(configuration({ cluster: [a, b, staticCluster('c')] }));
    expect(names(await client.accept(types.cluster))).toEqual(['c']);
  });

  test('have their endpoints like others', async () => {
    const lazy = cluster('lazy');
    const [, client] = await start({
      ...clusters([], [lazy]),
      endpoint: [layer('all', endpoints('lazy'))],
    });
    client.subscribe(types.cluster, '*', 'lazy');
    await client.accept(types.cluster);
    client.subscribe(types.endpoint, 'lazy');
    expect(names(await client.accept(types.endpoint))).toEqual(['lazy']);
  });
});

/** Hosts by their domains on port 80; others are made: `80/any|<host>`. */
function hosts(table: Readonly<Record<string, readonly string[]>>, version = 1): Configuration {
  const host = (name: string, domains: readonly string[]): Resource => ({
    type: types.virtualHost,
    name,
    message: { name, domains, request_headers_to_remove: [`x-${version}`] },
  });
  const owner = (domain: string) => Object.keys(table).find((name) => table[name]?.includes(domain));
  const canonical = (asked: string) => `80/${owner(asked.slice(3)) ?? `any|${asked.slice(3)}`}`;
  const made = (name: string) => {
    const domain = name.split('|')[1];
    return domain === undefined || canonical(`80/${domain}`) !== name ? undefined : host(name, [domain]);
  };
  const nothing = () => '80/any|nothing';
  const listed = Object.entries(table).map(([name, domains]) => host(`80/${name}`, domains));
  return {
    ...empty,
    route: [layer('r', route('80'))],
    virtualHost: [lazily('v', listed, { canonical, made, nothing })],
  };
}

const told = ({ resources = [], removedResources = [] }: DeltaResponse) => ({
  sent: Object.fromEntries(resources.map(({ name, aliases = [] }) => [name, aliases.toSorted()])),
  removed: removedResources,
});

describe('virtual hosts', () => {
  test('are answered under the name that was asked for', async () => {
    const [, client] = await start(hosts({ a: ['a', 'a.ns'], b: ['b'] }));
    client.subscribe(types.virtualHost);
    await client.quiet();
    client.subscribe(types.virtualHost, '80/a.ns');
    expect(told(await client.accept(types.virtualHost))).toEqual({ sent: { '80/a': ['80/a.ns'] }, removed: [] });
  });

  test('that a proxy has already answer to another name of theirs, too', async () => {
    const [, client] = await start(hosts({ a: ['a1', 'a2'] }));
    client.subscribe(types.virtualHost, '80/a1');
    await client.accept(types.virtualHost);
    client.subscribe(types.virtualHost, '80/a2');
    const { sent } = told(await client.accept(types.virtualHost));
    expect(sent).toEqual({ '80/a': ['80/a1', '80/a2'] });
  });

  test('are sent once for two names asked for at once', async () => {
    const [, client] = await start(hosts({ a: ['a1', 'a2'] }));
    client.subscribe(types.virtualHost, '80/a1', '80/a2');
    expect(names(await client.accept(types.virtualHost))).toEqual(['80/a']);
    await client.quiet();
  });

  test('change for who has them', async () => {
    const [mesh, client] = await start(hosts({ a: ['a1'], b: ['b1'] }));
    client.subscribe(types.virtualHost, '80/a1');
    await client.accept(types.virtualHost);
    await mesh.change(hosts({ a: ['a1'], b: ['b1'] }, 2));
    expect(told(await client.accept(types.virtualHost))).toEqual({ sent: { '80/a': ['80/a1'] }, removed: [] });
    await client.quiet();
  });

  test('take the place of what answered for their names before, in one response', async () => {
    const [mesh, client] = await start(hosts({}));
    client.subscribe(types.virtualHost, '80/late');
    expect(told(await client.accept(types.virtualHost)).sent).toEqual({ '80/any|late': ['80/late'] });
    await mesh.change(hosts({ service: ['late'] }));
    expect(told(await client.accept(types.virtualHost))).toEqual({
      sent: { '80/service': ['80/late'] },
      removed: ['80/any|late'],
    });
    await mesh.change(hosts({}));
    expect(told(await client.accept(types.virtualHost))).toEqual({
      sent: { '80/any|late': ['80/late'] },
      removed: ['80/service'],
    });
  });

  test('that are rejected have an answer in their place, until there is another version of them', async () => {
    const [mesh, client] = await start(hosts({ a: ['a1'] }));
    client.subscribe(types.virtualHost, '80/a1');
    client.nack(await client.nextOf(types.virtualHost), 'no');
    expect(told(await client.accept(types.virtualHost))).toEqual({
      sent: { '80/any|nothing': ['80/a1'] },
      removed: [],
    });
    const other = reconnected(mesh);
    other.subscribe(types.virtualHost, '80/a1');
    expect(names(await other.accept(types.virtualHost))).toEqual(['80/any|nothing']);
    await mesh.change(hosts({ a: ['a1'] }, 2));
    expect(told(await client.accept(types.virtualHost)).sent).toMatchObject({ '80/a': ['80/a1'] });
    await client.quiet();
  });

  test('that are rejected stay as they were for who has them', async () => {
    const [mesh, client] = await start(hosts({ a: ['a1'] }));
    client.subscribe(types.virtualHost, '80/a1');
    await client.accept(types.virtualHost);
    await mesh.change(hosts({ a: ['a1'] }, 2));
    client.nack(await client.nextOf(types.virtualHost), 'no');
    await client.quiet();
  });

  const versionOf = async (mesh: Mesh, name: string): Promise<string> => {
    const client = reconnected(mesh);
    client.subscribe(types.virtualHost, name);
    return (await client.accept(types.virtualHost)).resources?.[0]?.version ?? '';
  };

  test('are not sent to a proxy that comes back with them under their own names', async () => {
    const [mesh, client] = await start(hosts({ a: ['a1', 'a2'] }));
    client.send({
      type_url: types.virtualHost,
      resource_names_subscribe: ['80/a1', '80/a2'],
      initial_resource_versions: { '80/a': await versionOf(mesh, '80/a1') },
    });
    await client.quiet();
    await mesh.change(hosts({ a: ['a1', 'a2'] }, 2));
    expect(told(await client.accept(types.virtualHost)).sent).toEqual({ '80/a': ['80/a1', '80/a2'] });
  });

  test('that came to answer while a proxy was away take the place of what it has', async () => {
    const [mesh, client] = await start(hosts({}));
    const version = await versionOf(mesh, '80/late');
    await mesh.change(hosts({ service: ['late'] }));
    client.send({
      type_url: types.virtualHost,
      resource_names_subscribe: ['80/late'],
      initial_resource_versions: { '80/any|late': version },
    });
    expect(told(await client.accept(types.virtualHost))).toEqual({
      sent: { '80/service': ['80/late'] },
      removed: ['80/any|late'],
    });
  });

  test.each(['80/a1', '80/a'])('are given up with %s', async (name) => {
    const [mesh, client] = await start(hosts({ a: ['a1'] }));
    client.subscribe(types.virtualHost, '80/a1');
    await client.accept(types.virtualHost);
    client.unsubscribe(types.virtualHost, name);
    await client.quiet();
    await mesh.change(hosts({ a: ['a1'] }, 2));
    await client.quiet();
  });

  test('stay while another of their names is asked for', async () => {
    const [mesh, client] = await start(hosts({ a: ['a1', 'a2'] }));
    client.subscribe(types.virtualHost, '80/a1', '80/a2');
    await client.accept(types.virtualHost);
    client.unsubscribe(types.virtualHost, '80/a1');
    await client.quiet();
    await mesh.change(hosts({ a: ['a1', 'a2'] }, 2));
    expect(told(await client.accept(types.virtualHost)).sent).toEqual({ '80/a': ['80/a2'] });
  });
});
