// A real Envoy on our server, in both dialects: it takes changes without losing a request, and what it refuses is
// quarantined by name.
import { afterEach, describe, expect, test } from 'vitest';
import type { Configuration, Resource } from '../../../src/model/envoy/resource.ts';
import type { Envoy } from '../../support/mesh/envoy.ts';
import type { Mesh } from '../../xds/mesh.ts';
import { freePort } from '../../../scripts/ports.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import { configuration, layer, startMesh } from '../../xds/mesh.ts';
import { adsBootstrap } from './ads-bootstrap.ts';
import { adsSource, answering, cluster, endpoints, forwarding, listener, routes } from './messages.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const rds = { rds: { config_source: adsSource, route_config_name: 'web' } };

describe.each(['DELTA_GRPC', 'GRPC'] as const)('%s', (dialect) => {
  async function start(initial: Configuration): Promise<[Mesh, Envoy]> {
    const mesh = await startMesh(initial);
    open.push(() => mesh.close());
    const envoy = await startEnvoy({ bootstrap: adsBootstrap({ port: mesh.port, dialect }) });
    open.push(() => envoy.stop());
    return [mesh, envoy];
  }

  /** All that the mesh wants has been sent and accepted. */
  const synced = (mesh: Mesh, envoy: Envoy): Promise<void> =>
    envoy.eventually('everything is acknowledged', () => mesh.server.status()[0]?.synced === true);

  async function world(): Promise<{
    front: number;
    of: (seconds: number, prefix: string, to?: string) => Configuration;
  }> {
    const [front, back] = [await freePort(), await freePort()];
    const of = (seconds: number, prefix: string, to = 'back'): Configuration =>
      configuration({
        cluster: [cluster(to, { connect_timeout: `${seconds}s` })],
        endpoint: [endpoints(to, back)],
        listener: [
          listener('front', front, { stat_prefix: prefix, ...rds }),
          listener('back', back, { route_config: { name: 'back', virtual_hosts: [answering('hello')] } }),
        ],
        route: [routes('web', forwarding(to))],
      });
    return { front, of };
  }

  test('changes of clusters, listeners and routes lose no request', async () => {
    const { front, of } = await world();
    const [mesh, envoy] = await start(of(1, 'one'));
    const answers: string[] = [];
    const ask = async (): Promise<void> => {
      const response = await fetch(`http://127.0.0.1:${front}/`);
      answers.push(`${response.status} ${await response.text()}`);
    };
    await ask();
    const changes = [of(2, 'one'), of(2, 'two'), of(3, 'three'), of(3, 'three', 'other'), of(4, 'four', 'back')];
    for (const change of changes) {
      await mesh.change(change);
      for (let request = 0; request < 20; request++) await ask();
      await synced(mesh, envoy);
      await ask();
    }
    expect(new Set(answers)).toEqual(new Set(['200 hello']));
    expect(envoy.nacks()).toEqual([]);
    const stats = await envoy.stats('warming|total_clusters|active_clusters');
    expect(stats.get('cluster_manager.warming_clusters')).toBe(0);
    expect(stats.get('listener_manager.total_listeners_warming')).toBe(0);
    expect(stats.get('cluster_manager.active_clusters')).toBe(2);
  });

  /** A mesh in force, to which these clusters are added beside a good one. */
  async function afterAdding(...bad: readonly Resource[]): Promise<[Mesh, Envoy]> {
    const { of } = await world();
    const good = of(1, 'one');
    const [mesh, envoy] = await start(good);
    await synced(mesh, envoy);
    await mesh.change({
      ...good,
      cluster: [...good.cluster, layer('more', cluster('fine'), ...bad)],
      endpoint: [...good.endpoint, layer('more', endpoints('fine', 1))],
    });
    await envoy.eventually('all is clear', () => mesh.server.rejections().length === bad.length);
    await synced(mesh, envoy);
    expect(mesh.server.rejections().map(({ name, type }) => [name, type])).toEqual(
      bad.map(({ name, type }) => [name, type]),
    );
    expect((await envoy.stats('active_clusters')).get('cluster_manager.active_clusters')).toBe(3);
    return [mesh, envoy];
  }

  test('what is refused by name is quarantined, and the rest of its response is in force', async () => {
    const refused = { lb_policy: 'CLUSTER_PROVIDED' } as const;
    const [mesh] = await afterAdding(cluster('bad', refused), cluster('worse', refused));
    expect(mesh.server.counters().nacks).toBe(1);
  });

  test('what is refused without a name is found, and the rest of its response is in force', async () => {
    const [mesh] = await afterAdding(
      cluster('bad', { connect_timeout: '-1s' }),
      cluster('worse', { connect_timeout: '-2s' }),
    );
    expect(mesh.server.counters().nacks).toBe(3);
  });
});
