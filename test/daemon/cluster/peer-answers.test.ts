// Two replicas of a control plane over a real API server, one proxy at each: whichever is asked knows of both, by whatever it
// is asked, and names the other one when that does not answer.
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import { replicaServiceDefinition } from '../../../src/daemon/cluster/replica-service.ts';
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { resourceTypes } from '../../../src/model/envoy/resource.ts';
import type { DebugResponse } from '../../admin/debug-client.ts';
import { askDebug, resourceJson } from '../../admin/debug-client.ts';
import type { TestKubernetes } from '../../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../../support/kubernetes/kubernetes.ts';
import { connectProxy, trustedRoots, webProxy } from '../../support/kubernetes/proxies.ts';
import type { Replica } from '../../support/kubernetes/replicas.ts';
import { accountToken, install, resources, startReplica, systemNamespace } from '../../support/kubernetes/replicas.ts';
import type { DeltaClient } from '../../xds/ads-client.ts';

const patience = { timeout: 30_000, interval: 100 };
const both = ['web-1.shop', 'web-2.shop'];

describe.skipIf(kubernetesMissing)(`replicas that are asked for each other${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  let roots: string;
  let token: string;
  const replicas: Replica[] = [];
  const proxies: DeltaClient[] = [];

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    ({ client } = kubernetes);
    await install(client, await freePort());
    await client.create(resources.namespaces, { metadata: { name: 'shop' } });
    await client.create(resources.accounts, { metadata: { name: 'web', namespace: 'shop' } });
    await client.create(resources.services, {
      metadata: { name: 'store', namespace: 'shop' },
      spec: { ports: [{ name: 'http', port: 80 }] },
    });
    for (const [replica, proxy] of [['istiod-1', 'web-1'] as const, ['istiod-2', 'web-2'] as const]) {
      const started = await startReplica(kubernetes, replica, { monitoringAddress: '127.0.0.1:0' });
      replicas.push(started);
      proxies.push(await connect(client, started.daemon.port, proxy));
    }
    roots = (await trustedRoots(client)).toString();
    token = await accountToken(client, { namespace: systemNamespace, name: 'istiod' }, ['istio-ca']);
  }, 180_000);
  afterAll(async () => {
    for (const proxy of proxies) proxy.close();
    for (const { stop } of replicas) await stop();
    await kubernetes?.stop();
  });

  const response = (i: number, path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${replicas[i]?.daemon.monitoringPort}/${path}`);
  const page = async (i: number, path: string): Promise<unknown> => (await response(i, `debug/${path}`)).json();
  const ask = (i: number, type: string, asked: readonly string[] = []): Promise<DebugResponse> =>
    askDebug({ port: replicas[i]?.daemon.port ?? 0, roots, token, type, names: asked });

  test.each([0, 1])('replica %i lists both proxies, over HTTP and over xDS, with what they have', async (i) => {
    await expect.poll(async () => names(await page(i, 'syncz')), patience).toEqual(both);
    const { resources: configs } = await ask(i, 'istio.io/debug/syncz');
    expect(configs.map((config) => (resourceJson(config) as { node: { id: string } }).node.id).toSorted()).toEqual(
      both,
    );
    const [nodes] = [await ask(i, 'istio.io/connections')];
    expect(nodes.resources).toHaveLength(2);
    expect(await page(i, 'connections')).toMatchObject({ totalClients: 2 });
    const { clients } = (await page(i, 'adsz')) as {
      clients: readonly { proxy: string; replica: string; watches: Readonly<Record<string, readonly string[]>> }[];
    };
    const sorted = clients.toSorted((a, b) => (a.proxy < b.proxy ? -1 : 1));
    expect(sorted.map(({ replica }) => replica)).toEqual(['istiod-1', 'istiod-2']);
    for (const { watches } of sorted)
      expect(watches[resourceTypes.cluster]).toContain('outbound|80||store.shop.svc.cluster.local');
    const registry = await ask(i, 'istio.io/debug', ['syncz']);
    expect(names(resourceJson(registry.resources[0]!))).toEqual(both);
  });

  test('either has the configuration of a proxy that is connected to the other', async () => {
    for (const [i, proxy] of [[0, 'web-2.shop'] as const, [1, 'web-1.shop'] as const]) {
      const dump = JSON.stringify(await page(i, `config_dump?proxyID=${proxy}`));
      expect(dump).toContain('outbound|80||store.shop.svc.cluster.local');
      const { resources: sections } = await ask(i, 'istio.io/debug/config_dump', [proxy]);
      expect(sections.map(({ type }) => type)).toContain('type.googleapis.com/envoy.admin.v3.ClustersConfigDump');
      expect(await page(i, `sidecarz?proxyID=${proxy}`)).toMatchObject({ namespace: 'shop' });
    }
  });

  test('through a forwarded port each lists its own, as who goes from one to the next adds them up', async () => {
    const third = await startReplica(kubernetes, 'istiod-3', {
      monitoringAddress: '127.0.0.1:0',
      xdsAddress: '0.0.0.0:0',
    });
    replicas.push(third);
    const { port, monitoringPort } = third.daemon;
    const asked = { port, roots, token, type: 'istio.io/debug/syncz', names: [] };
    expect((await askDebug(asked)).resources).toEqual([]);
    const listed = async (path: string): Promise<readonly string[]> =>
      names(await (await fetch(`http://127.0.0.1:${monitoringPort}/debug/${path}`)).json());
    expect(await listed('syncz')).toEqual([]);
    await expect.poll(() => listed('syncz?replicas=all'), patience).toEqual(both);
    await third.stop();
    replicas.pop();
  });

  test('what one proxy rejects is among the problems at both', async () => {
    const spec = { ports: [{ name: 'http', port: 80 }] };
    await client.create(resources.services, { metadata: { name: 'till', namespace: 'shop' }, spec });
    const name = 'outbound|80||till.shop.svc.cluster.local';
    const sent = await proxies[1]?.nextOf(resourceTypes.cluster);
    if (sent !== undefined) proxies[1]?.nack(sent, `Error adding/updating cluster(s) ${name}: it will not do`);
    const rejected = async (i: number): Promise<readonly string[]> =>
      ((await page(i, 'rejections')) as readonly { error: string }[]).map(({ error }) => error);
    for (const i of [0, 1])
      await expect.poll(() => rejected(i), patience).toContainEqual(expect.stringContaining('will not do'));
    expect(await page(0, 'problems')).toContainEqual(expect.objectContaining({ code: 'rejected-resource' }));
  });

  test('a push that one is asked for goes to the proxies of both', async () => {
    const cycles = async (): Promise<number> => ((await page(1, 'cachez')) as { cycles: number }).cycles;
    const before = await cycles();
    expect(await (await response(0, 'debug/adsz?push=true')).text()).toBe('Pushed to 2 servers\n');
    await expect.poll(cycles, patience).toBeGreaterThan(before);
  });

  test('the console of either shows what both have sent, and which of them has', async () => {
    const senders = async (i: number): Promise<readonly string[]> => {
      const { items } = (await (await response(i, 'console/api/pushes')).json()) as {
        items: readonly { replica: string; responses: number }[];
      };
      return [...new Set(items.filter(({ responses }) => responses > 0).map(({ replica }) => replica))].toSorted();
    };
    for (const i of [0, 1]) await expect.poll(() => senders(i), patience).toEqual(['istiod-1', 'istiod-2']);
  });

  test('nobody but replicas may ask', async () => {
    const stranger = new Client(`localhost:${replicas[0]?.daemon.port}`, credentials.createSsl(Buffer.from(roots)));
    const { path, requestSerialize, responseDeserialize } = replicaServiceDefinition.Ask;
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const code = await new Promise((resolve) => {
      stranger.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, metadata, (error) =>
        resolve(error?.code),
      );
    });
    stranger.close();
    expect(code).toBe(7);
  });

  test('one that is gone and still counts as alive is named, and the rest is told', async () => {
    await replicas[1]?.stop('crash');
    const unheard = async (): Promise<unknown> => (await response(0, 'debug/syncz')).headers.get('warning');
    await expect.poll(unheard, patience).toContain('the replica istiod-2 does not answer');
    expect(names(await page(0, 'syncz'))).toEqual(['web-1.shop']);
    const { controlPlane } = await ask(0, 'istio.io/debug/syncz');
    expect(JSON.parse(controlPlane)).toMatchObject({ Component: 'istiod', ID: 'istiod-1', Unheard: ['istiod-2'] });
  });
});

const names = (listed: unknown): readonly string[] =>
  (listed as readonly { proxy: string }[]).map(({ proxy }) => proxy).toSorted();

/** A proxy that takes its clusters. */
async function connect(client: KubernetesClient, port: number, name: string): Promise<DeltaClient> {
  const stream = await connectProxy(client, port, webProxy(name));
  stream.subscribe(resourceTypes.cluster);
  stream.ack(await stream.nextOf(resourceTypes.cluster));
  return stream;
}
