// What users read in the statuses of their objects, against a real API server: written by the leader from what real proxies
// have answered.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client, credentials, Metadata } from '@grpc/grpc-js';

import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../../src/kubernetes/resource.ts';
import { replicaServiceDefinition } from '../../src/daemon/cluster/replica-service.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { freePort } from '../../scripts/ports.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { connectProxy, trustedRoots, webProxy } from '../support/kubernetes/proxies.ts';
import type { Replica } from '../support/kubernetes/replicas.ts';
import {
  accountToken,
  find,
  install,
  istioResource,
  resources,
  startReplica,
  systemNamespace,
} from '../support/kubernetes/replicas.ts';

const virtualServices = istioResource('virtualservices');
const patience = { timeout: 30_000, interval: 100 };

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
}

describe.skipIf(kubernetesMissing)(`statuses in a cluster${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  const replicas: Replica[] = [];
  const proxies: Proxy[] = [];

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    ({ client } = kubernetes);
    await install(client, await freePort());
    await client.create(resources.namespaces, { metadata: { name: 'shop' } });
    await client.create(resources.accounts, { metadata: { name: 'web', namespace: 'shop' } });
    for (const name of ['store', 'till'])
      await client.create(resources.services, {
        metadata: { name, namespace: 'shop' },
        spec: { ports: [{ name: 'http', port: 80 }] },
      });
    // One proxy each: whoever writes has to hear of the other's.
    for (const [replica, proxy] of [['istiod-1', 'web-1'] as const, ['istiod-2', 'web-2'] as const]) {
      const started = await startReplica(kubernetes, replica);
      replicas.push(started);
      proxies.push(await connect(kubernetes, started.daemon.port, proxy));
    }
  }, 180_000);
  afterAll(async () => {
    for (const proxy of proxies) proxy.close();
    for (const { stop } of replicas) await stop();
    await kubernetes?.stop();
  });

  const conditionsOf = async (resource: ResourceType, name: string): Promise<readonly Condition[]> => {
    const object = await find(client, resource, name, 'shop');
    return (object?.['status'] as { conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
  };
  const condition = async (name: string, type: string, resource = virtualServices): Promise<Condition | undefined> =>
    (await conditionsOf(resource, name)).find((each) => each.type === type);
  const route = (name: string, host: string, timeout: string): KubernetesObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'shop' },
    spec: { hosts: [host], http: [{ timeout, route: [{ destination: { host } }] }] },
  });

  test('say when all proxies have what an object asks for, of its latest version', async () => {
    // That one more proxy has an object would be told only now and then.
    const synced = (): readonly number[] =>
      replicas.map(({ daemon }) => daemon.status().filter((proxy) => proxy.synced).length);
    await expect.poll(synced, patience).toEqual([1, 1]);
    await client.create(virtualServices, route('first', 'store', '4s'));
    const firstly = { ...patience, timeout: 60_000 };
    await expect.poll(() => condition('first', 'Programmed'), firstly).toMatchObject({ message: '2/2 proxies' });
    await client.delete(virtualServices, { name: 'first', namespace: 'shop' });
    await client.create(virtualServices, route('store', 'store', '5s'));
    await expect
      .poll(() => condition('store', 'Programmed'), patience)
      .toMatchObject({
        status: 'True',
        reason: 'Programmed',
        message: '2/2 proxies',
        observedGeneration: 1,
      });
    expect(await condition('store', 'Accepted')).toMatchObject({ status: 'True' });
    expect(await condition('store', 'ResolvedRefs')).toMatchObject({ status: 'True' });
    proxies[1]?.hold();
    await client.patch(virtualServices, { name: 'store', namespace: 'shop' }, { spec: route('store', 'store', '6s')['spec'] }, { type: 'merge' }); // prettier-ignore
    await expect
      .poll(() => condition('store', 'Programmed'), patience)
      .toMatchObject({
        status: 'False',
        reason: 'Pending',
        message: '1/2 proxies',
        observedGeneration: 2,
      });
    proxies[1]?.release();
    await expect
      .poll(() => condition('store', 'Programmed'), patience)
      .toMatchObject({ status: 'True', message: '2/2 proxies' });
  }, 120_000);

  test('say why proxies reject it, and leave alone what others wrote', async () => {
    const others = {
      type: 'Seen',
      status: 'True',
      reason: 'ByMe',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const ref = { name: 'till', namespace: 'shop' };
    await client.create(virtualServices, route('till', 'till', '5s'));
    await expect.poll(() => condition('till', 'Programmed'), patience).toMatchObject({ status: 'True' });
    const before = await conditionsOf(virtualServices, 'till');
    await client.patch(virtualServices, ref, { status: { conditions: [...before, others] } }, { type: 'merge', subresource: 'status' }); // prettier-ignore
    for (const proxy of proxies) proxy.reject('timeout of seven');
    await client.patch(virtualServices, ref, { spec: route('till', 'till', '7s')['spec'] }, { type: 'merge' });
    await expect
      .poll(() => condition('till', 'Programmed'), patience)
      .toMatchObject({
        status: 'False',
        reason: 'Rejected',
        message: expect.stringContaining('timeout of seven'),
      });
    for (const proxy of proxies) proxy.reject(undefined);
    await client.patch(virtualServices, ref, { spec: route('till', 'till', '8s')['spec'] }, { type: 'merge' });
    await expect.poll(() => condition('till', 'Programmed'), patience).toMatchObject({ status: 'True' });
    expect(await condition('till', 'Seen')).toEqual(others);
    const since = before.find(({ type }) => type === 'Accepted')?.lastTransitionTime;
    expect((await condition('till', 'Accepted'))?.lastTransitionTime).toBe(since);
  });

  test('say what is wrong with an object that is not in force', async () => {
    const wrong = { ...route('wrong', 'store', '5s'), spec: { hosts: ['store'], http: [{ timeout: '5s' }] } };
    await client.create(virtualServices, wrong);
    await expect
      .poll(() => condition('wrong', 'Accepted'), patience)
      .toMatchObject({ status: 'False', reason: 'Invalid' });
    expect(await condition('wrong', 'Programmed')).toMatchObject({ status: 'False', reason: 'Invalid' });
  });

  test('tell of the addresses that hosts without any were given', async () => {
    const entry = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name: 'api', namespace: 'shop' },
      spec: { hosts: ['api.example.com'], ports: [{ number: 443, name: 'tls', protocol: 'TLS' }], resolution: 'DNS' },
    };
    await client.create(istioResource('serviceentries'), entry);
    const addresses = async (): Promise<unknown> =>
      ((await find(client, istioResource('serviceentries'), 'api', 'shop'))?.['status'] as { addresses?: unknown })
        ?.addresses;
    await expect.poll(addresses, patience).toMatchObject([
      { host: 'api.example.com', value: expect.stringMatching(/^240\.240\./) },
      { host: 'api.example.com', value: expect.stringMatching(/^2001:2::/) },
    ]);
    const programmed = () => condition('api', 'Programmed', istioResource('serviceentries'));
    await expect.poll(programmed, patience).toMatchObject({ status: 'True', message: '2/2 proxies' });
  });

  test('tell where an Ingress is reached, also after somebody else said otherwise', async () => {
    const ingresses = { group: 'networking.k8s.io', version: 'v1', plural: 'ingresses', namespaced: true };
    const door = { name: 'istio-ingressgateway', namespace: systemNamespace };
    const assign = (...addresses: readonly object[]): Promise<unknown> =>
      client.patch(resources.services, door, { status: { loadBalancer: { ingress: addresses } } }, { type: 'merge', subresource: 'status' }); // prettier-ignore
    await assign({ ip: '198.51.100.7' });
    const classes = { group: 'networking.k8s.io', version: 'v1', plural: 'ingressclasses', namespaced: false };
    await client.create(classes, { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'istio' }, spec: { controller: 'istio.io/ingress-controller' } }); // prettier-ignore
    await client.create(ingresses, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'front', namespace: 'shop' },
      spec: { ingressClassName: 'istio', defaultBackend: { service: { name: 'store', port: { number: 80 } } } },
    });
    const reached = async (): Promise<unknown> => {
      const status = (await find(client, ingresses, 'front', 'shop'))?.['status'] as { loadBalancer?: { ingress?: readonly object[] } }; // prettier-ignore
      return (status?.loadBalancer?.ingress ?? []).map((each) => Object.values(each)[0] as unknown);
    };
    await expect.poll(reached, patience).toEqual(['198.51.100.7']);
    const lie = { status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } } };
    await client.patch(ingresses, { name: 'front', namespace: 'shop' }, lie, { type: 'merge', subresource: 'status' });
    await expect.poll(reached, patience).toEqual(['198.51.100.7']);
    await assign({ hostname: 'door.example.com' });
    await expect.poll(reached, patience).toEqual(['door.example.com']);
  });

  test('are written once, and not again for what they say already', async () => {
    const written = replicas.map(({ statusesWritten }) => statusesWritten.length);
    await client.create(resources.services, { metadata: { name: 'more', namespace: 'shop' }, spec: { ports: [{ name: 'http', port: 80 }] } }); // prettier-ignore
    await client.create(virtualServices, route('more', 'more', '5s'));
    await expect.poll(() => condition('more', 'Programmed'), patience).toMatchObject({ status: 'True' });
    const since = replicas.flatMap(({ statusesWritten }, i) => statusesWritten.slice(written[i]));
    expect(new Set(since)).toEqual(new Set(['more']));
    expect(since.length).toBeLessThan(4);
    expect(replicas.flatMap(({ complaints }) => complaints).filter((line) => /status/.test(line))).toEqual([]);
  });

  test('come back when somebody removes or overwrites them, though nothing else changes', async () => {
    const ref = { name: 'more', namespace: 'shop' };
    const statusOf = async (): Promise<Readonly<Record<string, unknown>>> =>
      (await find(client, virtualServices, 'more', 'shop'))?.['status'] as Readonly<Record<string, unknown>>;
    const before = await statusOf();
    const overwrite = (status: unknown): Promise<unknown> =>
      client.patch(virtualServices, ref, { status }, { type: 'merge', subresource: 'status' });
    const written = (): number => replicas.flatMap(({ statusesWritten }) => statusesWritten).length;
    const start = written();
    await overwrite({ conditions: null, observedGeneration: null });
    await expect.poll(() => condition('more', 'Programmed'), patience).toMatchObject({ status: 'True' });
    const lies = (await conditionsOf(virtualServices, 'more')).map((each) => ({
      ...each,
      status: 'False',
      reason: 'ByMe',
    }));
    await overwrite({ conditions: lies });
    await expect.poll(() => condition('more', 'Programmed'), patience).toMatchObject({ status: 'True' });
    expect(await statusOf()).toMatchObject({ observedGeneration: before['observedGeneration'] });
    // What others add makes no work, and neither does what was just written.
    const others = { type: 'Seen', status: 'True', reason: 'ByMe', message: '' };
    await overwrite({ conditions: [...(await conditionsOf(virtualServices, 'more')), { ...others, lastTransitionTime: '2026-01-01T00:00:00Z' }] }); // prettier-ignore
    await client.patch(virtualServices, { name: 'store', namespace: 'shop' }, { status: { conditions: [] } }, { type: 'merge', subresource: 'status' }); // prettier-ignore
    await expect.poll(() => condition('store', 'Programmed'), patience).toMatchObject({ status: 'True' });
    expect(written() - start).toBe(3);
  });

  test('tell what an object names and is not there, until it is', async () => {
    const { spec } = route('names', 'vase', '5s') as unknown as { spec: object };
    await client.create(virtualServices, {
      ...route('names', 'vase', '5s'),
      spec: { ...spec, gateways: ['door', 'mesh'] },
    });
    await expect
      .poll(() => condition('names', 'ResolvedRefs'), patience)
      .toMatchObject({
        status: 'False',
        reason: 'RefsNotResolved',
        message: expect.stringMatching(
          /spec\.gateways\[0\]: there is no Gateway shop\/door.*spec\.http\[0\]\.route\[0\]\.destination\.host: there is no service vase\.shop/,
        ),
      });
    expect(await condition('names', 'Accepted')).toMatchObject({ status: 'True' });
    await client.create(resources.services, { metadata: { name: 'vase', namespace: 'shop' }, spec: { ports: [{ name: 'http', port: 80 }] } }); // prettier-ignore
    const gateway = {
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      selector: { app: 'door' },
    };
    await client.create(istioResource('gateways'), { apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'door', namespace: 'shop' }, spec: gateway }); // prettier-ignore
    await expect.poll(() => condition('names', 'ResolvedRefs'), patience).toMatchObject({ status: 'True' });
  });

  test('are nobody’s to follow but replicas’', async () => {
    const token = await accountToken(client, { namespace: systemNamespace, name: 'istiod' }, ['istio-ca']);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const port = replicas[0]?.daemon.port ?? 0;
    const stranger = new Client(`localhost:${port}`, credentials.createSsl(await trustedRoots(client)));
    const { path, requestSerialize, responseDeserialize } = replicaServiceDefinition.FollowDelivery;
    const call = stranger.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, metadata);
    call.on('data', () => expect.unreachable('nothing is told')).on('error', () => {});
    expect(await new Promise((resolve) => call.on('status', ({ code }) => resolve(code)))).toBe(7);
    stranger.close();
  });

  test('are written to an object that was deleted and made again, though they say the same', async () => {
    await client.delete(virtualServices, { name: 'more', namespace: 'shop' });
    await client.create(virtualServices, route('more', 'more', '5s'));
    await expect.poll(() => condition('more', 'Programmed'), patience).toMatchObject({ status: 'True' });
  });
});

/** Takes everything that it is sent, unless told otherwise. */
interface Proxy {
  hold(): void;
  release(): void;
  reject(error: string | undefined): void;
  close(): void;
}

async function connect({ client }: TestKubernetes, port: number, name: string): Promise<Proxy> {
  const stream = await connectProxy(client, port, webProxy(name));
  let held: Promise<void> = Promise.resolve();
  let release = (): void => {};
  let error: string | undefined;
  for (const type of [resourceTypes.cluster, resourceTypes.listener]) stream.subscribe(type);
  stream.subscribe(resourceTypes.route, '80');
  const answer = async (): Promise<void> => {
    for (;;) {
      const response = await stream.next();
      await held;
      if (error === undefined || response.typeUrl !== resourceTypes.route) stream.ack(response);
      else stream.nack(response, error);
      // As Envoy does with clusters of this type.
      const discovered = (response.resources ?? []).filter(({ resource }) => resource['type'] === 'EDS');
      if (response.typeUrl === resourceTypes.cluster && discovered.length > 0)
        stream.subscribe(resourceTypes.endpoint, ...discovered.map((each) => each.name));
    }
  };
  void answer();
  return {
    hold: () => {
      ({ promise: held, resolve: release } = Promise.withResolvers<void>());
    },
    release: () => release(),
    reject: (text) => (error = text),
    close: () => stream.close(),
  };
}
