// The incremental xDS protocol, rule by rule, against a real server.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
import { afterEach, describe, expect, test } from 'vitest';
import type { Configuration } from '../../src/model/envoy/resource.ts';
import type { XdsServerOptions } from '../../src/xds/server.ts';
import type { Mesh } from './mesh.ts';
import { cachedResource } from '../../src/xds/codec/cache.ts';
import { DeltaClient, names } from './ads-client.ts';
import { cluster, configuration, endpoints, listener, route, startMesh, staticCluster, types } from './mesh.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function start(initial: Configuration, options?: Partial<XdsServerOptions>): Promise<[Mesh, DeltaClient]> {
  const mesh = await startMesh(initial, options);
  const client = new DeltaClient(mesh.port);
  open.push(mesh, client);
  return [mesh, client];
}

const clusters = (...list: readonly string[]): Configuration =>
  configuration({ cluster: list.map((name) => staticCluster(name)) });

describe('wildcard', () => {
  test('a first request without names asks for everything', async () => {
    const [, client] = await start(clusters('a', 'b'));
    client.subscribe(types.cluster);
    expect(names(await client.nextOf(types.cluster))).toEqual(['a', 'b']);
  });

  test('an explicit * asks for everything', async () => {
    const [, client] = await start(clusters('a', 'b'));
    client.subscribe(types.cluster, '*');
    expect(names(await client.nextOf(types.cluster))).toEqual(['a', 'b']);
  });

  test('is answered even if there is nothing, so that the proxy can go on', async () => {
    const [, client] = await start(clusters());
    client.subscribe(types.cluster);
    const response = await client.nextOf(types.cluster);
    expect(response.resources).toBeUndefined();
    expect(response.removedResources).toBeUndefined();
  });

  test('a later request without names asks for nothing new', async () => {
    const [, client] = await start(clusters('a'));
    client.subscribe(types.cluster, 'a');
    await client.accept(types.cluster);
    client.subscribe(types.cluster);
    await client.quiet();
  });

  test('no names at first is everything only of clusters and listeners', async () => {
    const [, client] = await start(configuration({ endpoint: [endpoints('a')] }));
    client.subscribe(types.endpoint);
    await client.quiet();
  });

  test('leaving * keeps the names asked for', async () => {
    const [mesh, client] = await start(clusters('a', 'b'));
    client.subscribe(types.cluster, '*', 'a');
    await client.accept(types.cluster);
    client.unsubscribe(types.cluster, '*');
    await client.quiet();
    await mesh.change(configuration({ cluster: [staticCluster('a', 2), staticCluster('b', 2)] }));
    expect(names(await client.accept(types.cluster))).toEqual(['a']);
    await client.quiet();
  });

  test('leaving a name that * still covers tells its state once more', async () => {
    const [, client] = await start(clusters('a', 'b'));
    client.subscribe(types.cluster, '*', 'a');
    await client.accept(types.cluster);
    client.unsubscribe(types.cluster, 'a');
    expect(names(await client.accept(types.cluster))).toEqual(['a']);
  });

  test('joining * later sends what is not there yet', async () => {
    const [, client] = await start(clusters('a', 'b'));
    client.subscribe(types.cluster, 'a');
    await client.accept(types.cluster);
    client.subscribe(types.cluster, '*');
    expect(names(await client.accept(types.cluster))).toEqual(['b']);
  });
});

describe('names', () => {
  test('only what is asked for is sent', async () => {
    const [mesh, client] = await start(configuration({ endpoint: [endpoints('a'), endpoints('b')] }));
    client.subscribe(types.endpoint, 'a');
    expect(names(await client.accept(types.endpoint))).toEqual(['a']);
    await mesh.change(configuration({ endpoint: [endpoints('a'), endpoints('b', 81)] }));
    await client.quiet();
  });

  test('a name that does not exist is answered as removed', async () => {
    const [, client] = await start(configuration({}));
    client.subscribe(types.endpoint, 'a');
    const response = await client.nextOf(types.endpoint);
    expect(response.removedResources).toEqual(['a']);
    expect(response.resources).toBeUndefined();
  });

  test('a name that did not exist is sent when it does', async () => {
    const [mesh, client] = await start(configuration({}));
    client.subscribe(types.endpoint, 'a');
    await client.accept(types.endpoint);
    await mesh.change(configuration({ endpoint: [endpoints('a')] }));
    expect(names(await client.accept(types.endpoint))).toEqual(['a']);
  });

  test('a name asked for again is sent again', async () => {
    const [, client] = await start(configuration({ endpoint: [endpoints('a')] }));
    client.subscribe(types.endpoint, 'a');
    await client.accept(types.endpoint);
    client.subscribe(types.endpoint, 'a');
    expect(names(await client.accept(types.endpoint))).toEqual(['a']);
  });

  test('a name given up is not sent any more, and sent when it is taken up again', async () => {
    const [mesh, client] = await start(configuration({ endpoint: [endpoints('a')] }));
    client.subscribe(types.endpoint, 'a');
    await client.accept(types.endpoint);
    client.unsubscribe(types.endpoint, 'a');
    await client.quiet();
    await mesh.change(configuration({ endpoint: [endpoints('a', 81)] }));
    await client.quiet();
    client.subscribe(types.endpoint, 'a');
    expect(names(await client.accept(types.endpoint))).toEqual(['a']);
  });

  test('a type that nobody serves has no resources', async () => {
    const [, client] = await start(configuration({}));
    client.subscribe('type.googleapis.com/somebody.elses.Type', 'x');
    expect((await client.next()).removedResources).toEqual(['x']);
  });
});

describe('changes', () => {
  test('send what changed and nothing else', async () => {
    const a = staticCluster('a');
    const [mesh, client] = await start(configuration({ cluster: [a, staticCluster('b')] }));
    client.subscribe(types.cluster);
    await client.accept(types.cluster);
    await mesh.change(configuration({ cluster: [a, staticCluster('b', 2)] }));
    expect(names(await client.accept(types.cluster))).toEqual(['b']);
  });

  test('that mean the same bytes send nothing', async () => {
    const [mesh, client] = await start(clusters('a', 'b'));
    client.subscribe(types.cluster);
    await client.accept(types.cluster);
    await mesh.change(clusters('a', 'b'));
    await client.quiet();
  });

  test('are told as removed when a resource is gone', async () => {
    const [mesh, client] = await start(clusters('a', 'b'));
    client.subscribe(types.cluster);
    await client.accept(types.cluster);
    await mesh.change(clusters('b'));
    expect((await client.accept(types.cluster)).removedResources).toEqual(['a']);
  });

  test('carry the version of the content', async () => {
    const [, client] = await start(clusters('a'));
    client.subscribe(types.cluster);
    const [sent] = (await client.accept(types.cluster)).resources ?? [];
    expect(sent?.version).toBe(cachedResource(staticCluster('a')).version);
  });

  test('wait for the acknowledgement of the last response and merge into the next', async () => {
    const [mesh, client] = await start(clusters('a'));
    client.subscribe(types.cluster);
    const first = await client.nextOf(types.cluster);
    await mesh.change(clusters('a', 'b'));
    await mesh.change(clusters('a', 'b', 'c'));
    await client.quiet();
    client.ack(first);
    expect(names(await client.accept(types.cluster))).toEqual(['b', 'c']);
    await client.quiet();
  });

  test('that are undone before they were sent send nothing', async () => {
    const [mesh, client] = await start(clusters('a'));
    client.subscribe(types.cluster);
    const first = await client.nextOf(types.cluster);
    await mesh.change(configuration({ cluster: [staticCluster('a', 2)] }));
    await mesh.change(clusters('a'));
    client.ack(first);
    await client.quiet();
  });
});

describe('nonces', () => {
  test('a stale one acknowledges nothing', async () => {
    const [mesh, client] = await start(clusters('a'));
    client.subscribe(types.cluster);
    const first = await client.accept(types.cluster);
    await mesh.change(clusters('a', 'b'));
    await client.nextOf(types.cluster);
    await mesh.change(clusters('a', 'b', 'c'));
    client.ack(first);
    await client.quiet();
  });

  test('with a stale one names are still taken in', async () => {
    const [, client] = await start(configuration({ endpoint: [endpoints('a'), endpoints('b')] }));
    client.subscribe(types.endpoint, 'a');
    await client.accept(types.endpoint);
    client.send({ type_url: types.endpoint, response_nonce: 'old', resource_names_subscribe: ['b'] });
    expect(names(await client.accept(types.endpoint))).toEqual(['b']);
  });
});

describe('a proxy that comes back', () => {
  const versions = (...list: readonly ReturnType<typeof staticCluster>[]) =>
    Object.fromEntries(list.map((resource) => [resource.name, cachedResource(resource).version]));

  test('is not sent what it has', async () => {
    const [, client] = await start(clusters('a', 'b'));
    client.send({ type_url: types.cluster, initial_resource_versions: versions(staticCluster('a')) });
    expect(names(await client.accept(types.cluster))).toEqual(['b']);
  });

  test('is sent what changed and told what is gone', async () => {
    const [, client] = await start(clusters('a'));
    client.send({
      type_url: types.cluster,
      initial_resource_versions: { ...versions(staticCluster('gone')), a: 'old' },
    });
    const changed = await client.accept(types.cluster);
    expect(names(changed)).toEqual(['a']);
    const removed = changed.removedResources ?? (await client.accept(types.cluster)).removedResources;
    expect(removed).toEqual(['gone']);
  });

  test('with nothing changed gets an empty answer to its wildcard and none to its names', async () => {
    const eds = endpoints('a');
    const [, client] = await start(configuration({ cluster: [staticCluster('a')], endpoint: [eds] }));
    client.send({ type_url: types.cluster, initial_resource_versions: versions(staticCluster('a')) });
    expect((await client.accept(types.cluster)).resources).toBeUndefined();
    const { version } = cachedResource(eds);
    const clusterVersion = cachedResource(staticCluster('a')).version;
    client.send({
      type_url: types.endpoint,
      resource_names_subscribe: ['a'],
      initial_resource_versions: { a: `${version}+${clusterVersion}` },
    });
    await client.quiet();
  });
});

describe('order', () => {
  const world = (seconds: number, port: number): Configuration =>
    configuration({
      cluster: [cluster('a', seconds)],
      endpoint: [endpoints('a', port)],
      listener: [listener('l', `${port}`)],
      route: [route('r', port)],
    });

  async function subscribed(mesh: Configuration): Promise<[Mesh, DeltaClient]> {
    const [server, client] = await start(mesh);
    client.subscribe(types.cluster);
    await client.accept(types.cluster);
    client.subscribe(types.endpoint, 'a');
    await client.accept(types.endpoint);
    client.subscribe(types.listener);
    await client.accept(types.listener);
    client.subscribe(types.route, 'r');
    await client.accept(types.route);
    return [server, client];
  }

  test('clusters, endpoints, and then listeners and routes once these are acknowledged', async () => {
    const [mesh, client] = await subscribed(world(1, 80));
    await mesh.change(world(2, 81));
    const cds = await client.nextOf(types.cluster);
    const eds = await client.nextOf(types.endpoint);
    await client.quiet();
    client.ack(eds);
    await client.quiet();
    client.ack(cds);
    await client.accept(types.listener);
    await client.accept(types.route);
  });

  test("a cluster's endpoints are sent again when the cluster is, though they did not change", async () => {
    const eds = endpoints('a');
    const part = (seconds: number): Configuration =>
      configuration({ cluster: [cluster('a', seconds)], endpoint: [eds] });
    const [mesh, client] = await start(part(1));
    client.subscribe(types.cluster);
    await client.accept(types.cluster);
    client.subscribe(types.endpoint, 'a');
    await client.accept(types.endpoint);
    await mesh.change(part(2));
    await client.accept(types.cluster);
    expect(names(await client.accept(types.endpoint))).toEqual(['a']);
  });

  test('so are endpoints under another name than the cluster', async () => {
    const named = (seconds: number) => {
      const { message, ...rest } = cluster('a', seconds);
      return { ...rest, message: { ...message, eds_cluster_config: { eds_config: { ads: {} }, service_name: 'svc' } } };
    };
    const eds = endpoints('svc');
    const [mesh, client] = await start(configuration({ cluster: [named(1)], endpoint: [eds] }));
    client.subscribe(types.cluster);
    await client.accept(types.cluster);
    client.subscribe(types.endpoint, 'svc');
    await client.accept(types.endpoint);
    await mesh.change(configuration({ cluster: [named(2)], endpoint: [eds] }));
    await client.accept(types.cluster);
    expect(names(await client.accept(types.endpoint))).toEqual(['svc']);
  });

  test('routes to a new cluster wait until the proxy has its endpoints', async () => {
    const [mesh, client] = await subscribed(world(1, 80));
    const before = world(1, 80);
    await mesh.change({
      ...before,
      cluster: configuration({ cluster: [cluster('a'), cluster('new')] }).cluster,
      endpoint: configuration({ endpoint: [endpoints('a'), endpoints('new')] }).endpoint,
      route: configuration({ route: [route('r', 99)] }).route,
    });
    await client.accept(types.cluster);
    await client.quiet();
    client.subscribe(types.endpoint, 'new');
    await client.accept(types.endpoint);
    await client.accept(types.route);
  });

  test('changed endpoints alone keep nothing waiting', async () => {
    const [mesh, client] = await subscribed(world(1, 80));
    await mesh.change({ ...world(1, 80), endpoint: world(1, 81).endpoint });
    await client.nextOf(types.endpoint);
    await mesh.change({ ...world(1, 80), endpoint: world(1, 81).endpoint, route: world(1, 81).route });
    await client.accept(types.route);
  });

  test('a cluster is removed after the routes that used it have moved', async () => {
    const [mesh, client] = await subscribed(world(1, 80));
    await mesh.change(configuration({ listener: [listener('l', '80')], route: [route('r', 81)] }));
    const rds = await client.nextOf(types.route);
    await client.quiet();
    client.ack(rds);
    expect((await client.accept(types.endpoint)).removedResources).toEqual(['a']);
    expect((await client.accept(types.cluster)).removedResources).toEqual(['a']);
  });

  test('a listener that takes the place of another comes with its removal', async () => {
    const [mesh, client] = await start(configuration({ listener: [listener('old')] }));
    client.subscribe(types.listener);
    await client.accept(types.listener);
    await mesh.change(configuration({ listener: [listener('new')] }));
    const response = await client.accept(types.listener);
    expect([names(response), response.removedResources]).toEqual([['new'], ['old']]);
  });
});

test('a big push is divided into bounded responses', async () => {
  const many = Array.from({ length: 100 }, (_, index) => `cluster-${String(index).padStart(3, '0')}`);
  const [mesh, client] = await start(clusters(...many), { limits: { responseBytes: 200 } });
  client.subscribe(types.cluster);
  const received: string[] = [];
  while (received.length < 100) received.push(...names(await client.accept(types.cluster)));
  expect(received).toEqual(many);
  expect(mesh.server.counters().pushes).toBeGreaterThan(5);
  await client.quiet();
});
