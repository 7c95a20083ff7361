// Machines that register themselves, against a real API server: their entries come and go with them, whichever replica they are
// connected to, and tell of their health.
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { removeOrphans } from '../../src/controllers/machines/orphans.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { nodeOfMachine } from '../../src/cli/mesh/node-of-machine.ts';
import type { KindMap } from '../../src/model/schema/index.ts';
import { parse } from '../../src/watchers/parse.ts';
import { encodeMessage } from '../../src/xds/codec/encode.ts';
import { print } from '../../src/xds/codec/print.ts';
import { healthServiceDefinition } from '../../src/xds/health/health-service.ts';
import { healthInformation } from '../../src/xds/presence.ts';
import { freePort } from '../../scripts/ports.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { connectProxy, trustedRoots } from '../support/kubernetes/proxies.ts';
import type { Replica } from '../support/kubernetes/replicas.ts';
import { accountToken, find, install, istioResource, resources, startReplica } from '../support/kubernetes/replicas.ts';
import type { DeltaClient } from '../xds/ads-client.ts';

const entries = istioResource('workloadentries');
const name = 'press-10.7.0.1-north';
const patience = { timeout: 40_000, interval: 100 };

const group: KubernetesObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'WorkloadGroup',
  metadata: { name: 'press', namespace: 'shop' },
  spec: {
    metadata: { labels: { app: 'press' }, annotations: { team: 'print' } },
    template: { serviceAccount: 'press', ports: { http: 8080 }, labels: { app: 'none', tier: 'back' } },
    probe: { httpGet: { port: 8080 } },
  },
};

describe.skipIf(kubernetesMissing)(`machines that register themselves${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  const replicas: Replica[] = [];

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    ({ client } = kubernetes);
    await install(client, await freePort());
    await client.create(resources.namespaces, { metadata: { name: 'shop' } });
    for (const account of ['press', 'other'])
      await client.create(resources.accounts, { metadata: { name: account, namespace: 'shop' } });
    await client.create(istioResource('workloadgroups'), group);
    for (const replica of ['istiod-1', 'istiod-2']) replicas.push(await startReplica(kubernetes, replica));
  }, 180_000);
  afterAll(async () => {
    for (const { stop } of replicas) await stop();
    await kubernetes?.stop();
  });

  async function connect(replica: number, account = 'press', address = '10.7.0.1'): Promise<DeltaClient> {
    const metadata = { NAMESPACE: 'shop', AUTO_REGISTER_GROUP: 'press', NETWORK: 'north', LABELS: { version: 'v2' }, PROXY_CONFIG: { readinessProbe: {} } }; // prettier-ignore
    const node = {
      id: `sidecar~${address}~press-1.shop~shop.svc.cluster.local`,
      metadata,
      locality: { region: 'eu', zone: 'eu-1' },
    };
    const stream = await connectProxy(client, replicas[replica]?.daemon.port ?? 0, { account, node });
    stream.subscribe(resourceTypes.cluster);
    return stream;
  }
  const entry = (): Promise<KubernetesObject | undefined> => find(client, entries, name, 'shop');
  const mark = async (key: string): Promise<string | undefined> =>
    (await entry())?.metadata.annotations?.[`istio.io/${key}`];
  const healthy = async (): Promise<object | undefined> =>
    ((await entry())?.['status'] as { conditions?: readonly { type: string }[] } | undefined)?.conditions?.find(
      ({ type }) => type === 'Healthy',
    );

  test('have an entry of their group’s template while they are connected, and for a moment after', async () => {
    const machine = await connect(0);
    await expect.poll(entry, patience).toMatchObject({
      metadata: {
        labels: { app: 'press', tier: 'back', version: 'v2' },
        annotations: {
          team: 'print',
          'istio.io/autoRegistrationGroup': 'press',
          'istio.io/workloadController': 'istiod-1',
          'proxy.istio.io/health-checks-enabled': 'true',
        },
        ownerReferences: [{ kind: 'WorkloadGroup', name: 'press', controller: true }],
      },
      spec: {
        address: '10.7.0.1',
        serviceAccount: 'press',
        network: 'north',
        locality: 'eu/eu-1',
        ports: { http: 8080 },
        labels: { app: 'press', tier: 'back', version: 'v2' },
      },
    });
    // What an agent tells: an error is why the workload is not healthy.
    machine.send({ type_url: healthInformation, error_detail: { code: 500, message: 'no answer' } });
    await expect.poll(healthy, patience).toMatchObject({ status: 'False', message: 'no answer' });
    machine.send({ type_url: healthInformation });
    await expect.poll(healthy, patience).toMatchObject({ status: 'True' });
    // Beside it stands what the object is told.
    await expect.poll(async () => JSON.stringify((await entry())?.['status']), patience).toContain('ResolvedRefs');
    expect(await healthy()).toMatchObject({ status: 'True' });

    machine.close();
    await expect.poll(() => mark('disconnectedAt'), patience).toBeDefined();
    const elsewhere = await connect(1);
    await expect.poll(() => mark('workloadController'), patience).toBe('istiod-2');
    expect(await mark('disconnectedAt')).toBeUndefined();
    expect(await healthy()).toMatchObject({ status: 'True' });
    elsewhere.close();
    await expect.poll(entry, patience).toBeUndefined();
  }, 120_000);

  test('that are stock Envoys tell of what they find when they probe', async () => {
    const node = nodeOfMachine(parse(group).object as KindMap['WorkloadGroup'], '10.7.0.2');
    expect(node.metadata).toMatchObject({ AUTO_REGISTER_GROUP: 'press', HEALTH_DISCOVERY: 'true' });
    const token = await accountToken(client, { namespace: 'shop', name: 'press' }, ['istio-ca']);
    const port = replicas[0]?.daemon.port ?? 0;
    const stream = await connectProxy(client, port, { account: 'press', node });
    stream.subscribe(resourceTypes.cluster);
    const made = () => find(client, entries, 'press-10.7.0.2', 'shop');
    await expect
      .poll(made, patience)
      .toMatchObject({ metadata: { annotations: { 'proxy.istio.io/health-checks-enabled': 'true' } } });
    const prober = new Client(`localhost:${port}`, credentials.createSsl(await trustedRoots(client)));
    const { path, requestSerialize, responseDeserialize } = healthServiceDefinition.StreamHealthCheck;
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const call = prober
      .makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata)
      .on('error', () => {});
    const say = (message: object): unknown => call.write(Buffer.from(encodeMessage('envoy.service.health.v3.HealthCheckRequestOrEndpointHealthResponse', message))); // prettier-ignore
    const specifier = new Promise<Buffer>((resolve) => call.once('data', resolve));
    say({ health_check_request: { node } });
    expect(print('envoy.service.health.v3.HealthCheckSpecifier', await specifier)).toMatchObject({
      clusterHealthChecks: [
        {
          healthChecks: [{ httpHealthCheck: { path: '/' } }],
          localityEndpoints: [
            { endpoints: [{ address: { socketAddress: { address: '10.7.0.2', portValue: 8080 } } }] },
          ],
        },
      ],
    });
    const found = (state: string): unknown => say({ endpoint_health_response: { cluster_endpoints_health: [{ locality_endpoints_health: [{ endpoints_health: [{ health_status: state }] }] }] } }); // prettier-ignore
    const condition = async (): Promise<unknown> => (((await made())?.['status'] as { conditions?: readonly { type: string }[] })?.conditions ?? []).find(({ type }) => type === 'Healthy'); // prettier-ignore
    found('TIMEOUT');
    await expect.poll(condition, patience).toMatchObject({ status: 'False', message: 'its proxy finds it timeout' });
    found('HEALTHY');
    await expect.poll(condition, patience).toMatchObject({ status: 'True' });
    prober.close();
    stream.close();
  }, 120_000);

  test('get into no group whose account is not theirs', async () => {
    const stranger = await connect(0, 'other', '10.7.0.9');
    const complaint = 'machines of the WorkloadGroup shop/press have the account press';
    await expect.poll(() => replicas[0]?.complaints.join('\n'), patience).toContain(complaint);
    expect(await find(client, entries, 'press-10.7.0.9-north', 'shop')).toBeUndefined();
    stranger.close();
  });

  test('that a replica has left behind are removed after a while, unless they are somebody’s again', async () => {
    const mine = { 'istio.io/autoRegistrationGroup': 'press', 'istio.io/workloadController': 'istiod-1' };
    const left = { ...mine, 'istio.io/workloadController': 'istiod-gone' };
    const marks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      'orphan-gone': left,
      'orphan-parted': { ...mine, 'istio.io/disconnectedAt': '2026-01-01T00:00:00Z' },
      'orphan-returned': left,
      'kept-connected': mine,
      'kept-by-hand': { 'istio.io/workloadController': 'istiod-gone' },
    };
    for (const [each, annotations] of Object.entries(marks))
      await client.create(entries, { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadEntry', metadata: { name: each, namespace: 'shop', annotations }, spec: { address: '10.7.0.7' } }); // prettier-ignore
    const known = (await client.list<KubernetesObject>(entries, { namespace: 'shop' })).items
      .filter(({ metadata }) => marks[metadata.name ?? ''] !== undefined)
      .map((each) => parse(each).object as KindMap['WorkloadEntry']);
    expect(known).toHaveLength(5);
    // It has come back to a replica that is there, which whoever removes has not read yet.
    await client.patch(entries, { name: 'orphan-returned', namespace: 'shop' }, { metadata: { annotations: mine } }, { type: 'merge' }); // prettier-ignore
    const stopping = new AbortController();
    const faults: unknown[] = [];
    removeOrphans({
      client,
      resource: () => Promise.resolve(entries),
      entries: () => known,
      isAlive: (controller) => controller === 'istiod-1',
      signal: stopping.signal,
      onFault: (_, error) => faults.push(error),
      lookMs: 50,
      patienceMs: 200,
    });
    const there = async (): Promise<readonly string[]> =>
      (await client.list<KubernetesObject>(entries, { namespace: 'shop' })).items
        .map((each) => each.metadata.name ?? '')
        .filter((each) => marks[each] !== undefined)
        .toSorted();
    await expect.poll(there, patience).toEqual(['kept-by-hand', 'kept-connected', 'orphan-returned']);
    stopping.abort();
    expect(faults).toEqual([]);
  }, 120_000);

  test('make no complaint beside that', () => {
    const complaints = replicas.flatMap((replica) => replica.complaints);
    expect(complaints.filter((line) => /forbidden|entry of a machine|is a bug/i.test(line))).toEqual([]);
  });
});
