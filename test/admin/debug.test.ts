// What istioctl and debug pages are told by a daemon with two proxies, and who is told what.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { directoryTokens, tokenAudience } from '../../src/daemon/authority/credentials.ts';
import type { Daemon } from '../../src/daemon/options.ts';
import { startDaemon } from '../../src/main.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { DeltaClient } from '../xds/ads-client.ts';
import { askDebug, resourceJson } from './debug-client.ts';

const objects = `
apiVersion: v1
kind: Service
metadata: { name: store, namespace: shop }
spec: { clusterIP: 10.1.0.1, selector: { app: store }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: store-1, namespace: shop, labels: { app: store } }
spec: { serviceAccountName: store, containers: [{ name: app }] }
status: { podIP: 10.2.0.1, conditions: [{ type: Ready, status: 'True' }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: shop }
spec: {}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: script, namespace: shop }
spec:
  configPatches:
    - applyTo: EXTENSION_CONFIG
      patch:
        operation: ADD
        value:
          name: script
          typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, stat_prefix: script }
    - applyTo: HTTP_FILTER
      match:
        context: SIDECAR_INBOUND
        listener:
          filterChain:
            filter:
              name: envoy.filters.network.http_connection_manager
              subFilter: { name: envoy.filters.http.router }
      patch:
        operation: INSERT_BEFORE
        value:
          name: script
          config_discovery:
            config_source: { ads: {} }
            type_urls: [type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua]
`;

let directory: string;
let daemon: Daemon;
let roots: string;
const clients: DeltaClient[] = [];

async function token(namespace: string, serviceAccount = 'default'): Promise<string> {
  const identity = { trustDomain: 'cluster.local', namespace, serviceAccount };
  const tokens = await directoryTokens(join(directory, 'state'));
  return tokens.issue(identity, 60_000, { audience: tokenAudience, now: Date.now() });
}

/** A proxy that has accepted its clusters and rejects its listeners. */
async function connectProxy(name: string, namespace: string): Promise<DeltaClient> {
  const node = {
    id: `sidecar~10.2.0.1~${name}.${namespace}~${namespace}.svc.cluster.local`,
    metadata: {
      NAMESPACE: namespace,
      CLUSTER_ID: 'Kubernetes',
      ISTIO_VERSION: '1.30.0',
      LABELS: { app: 'store' },
      DNS_CAPTURE: 'true',
    },
  };
  const channel = credentials.createSsl(Buffer.from(roots));
  const client = new DeltaClient(daemon.port, { node, token: await token(namespace), channel });
  clients.push(client);
  client.subscribe(resourceTypes.cluster);
  const clusters = await client.nextOf(resourceTypes.cluster);
  client.ack(clusters);
  return client;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'debug-'));
  const config = join(directory, 'config');
  await mkdir(config);
  await writeFile(join(config, 'mesh.yaml'), objects);
  daemon = await startDaemon({
    config,
    state: join(directory, 'state'),
    xdsAddress: '127.0.0.1:0',
    plaintextAddress: '127.0.0.1:0',
    monitoringAddress: '127.0.0.1:0',
    httpAddress: '127.0.0.1:0',
    log: { info: () => {}, warn: () => {}, error: () => {} },
    onProblems: () => {},
  });
  const root = await readFile(join(directory, 'state', 'root.pem'), 'utf8');
  roots = /-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----/.exec(root)?.[0] ?? '';
  await connectProxy('store-1', 'shop');
  await connectProxy('till-1', 'bank');
});
afterAll(async () => {
  for (const client of clients) client.close();
  await daemon?.close();
  await rm(directory, { recursive: true, force: true });
});

const ask = async (type: string, names: readonly string[] = [], namespace = 'istio-system') =>
  askDebug({ port: daemon.port, roots, token: await token(namespace), type, names });

describe('over xDS', () => {
  test('syncz has a ClientConfig for each proxy, and says which replica answers', async () => {
    const { resources, typeUrl, controlPlane } = await ask('istio.io/debug/syncz');
    expect(typeUrl).toBe('istio.io/debug/syncz');
    expect(JSON.parse(controlPlane)).toMatchObject({
      Component: 'istiod',
      Info: { version: expect.any(String) as string },
    });
    const shown = resources.map(resourceJson);
    expect(shown).toHaveLength(2);
    expect(shown[0]).toMatchObject({
      '@type': 'type.googleapis.com/envoy.service.status.v3.ClientConfig',
      node: { id: 'store-1.shop', metadata: { CLUSTER_ID: 'Kubernetes', ISTIO_VERSION: '1.30.0', NAMESPACE: 'shop' } },
      genericXdsConfigs: [{ typeUrl: resourceTypes.cluster, configStatus: 'SYNCED' }],
    });
  });

  test('a rejection is an error with the words of the proxy', async () => {
    const [client] = clients;
    client!.subscribe(resourceTypes.listener);
    const listeners = await client!.nextOf(resourceTypes.listener);
    client!.nack(listeners, 'Error adding/updating listener(s) virtualInbound: no such filter');
    const state = await vi.waitFor(async () => {
      const { resources } = await ask('istio.io/debug/syncz', [], 'shop');
      const [shown] = resources.map(resourceJson) as [{ genericXdsConfigs: readonly Record<string, unknown>[] }];
      const found = shown.genericXdsConfigs.find(({ typeUrl }) => typeUrl === resourceTypes.listener);
      expect(found?.['configStatus']).toBe('ERROR');
      return found;
    });
    expect(state).toMatchObject({ errorState: { details: expect.stringContaining('no such filter') as string } });
  });

  test('config_dump has the sections of Envoy for exactly one proxy', async () => {
    const { resources } = await ask('istio.io/debug/config_dump', ['store-1.shop']);
    expect(resources.map(({ type }) => type.slice(type.lastIndexOf('.') + 1))).toEqual([
      'BootstrapConfigDump',
      'ClustersConfigDump',
      'ListenersConfigDump',
      'ScopedRoutesConfigDump',
      'RoutesConfigDump',
      'SecretsConfigDump',
      'EcdsConfigDump',
    ]);
    const clusters = resourceJson(resources[1]!) as { dynamicActiveClusters: readonly { cluster: { name: string } }[] };
    expect(clusters.dynamicActiveClusters.map(({ cluster }) => cluster.name)).toContain(
      'outbound|80||store.shop.svc.cluster.local',
    );
    await expect(ask('istio.io/debug/config_dump')).rejects.toThrow('exactly one resource name');
    await expect(ask('istio.io/debug/config_dump', ['nobody.shop'])).rejects.toThrow(
      'Proxy not connected to this Pilot instance',
    );
  });

  test('istio.io/debug is any page', async () => {
    const { resources } = await ask('istio.io/debug', ['registryz']);
    expect(resources.map(resourceJson)).toMatchObject([[{ hostname: 'store.shop.svc.cluster.local' }]]);
  });

  test('a caller sees the proxies of its own namespace, and no page of the whole mesh', async () => {
    const { resources } = await ask('istio.io/debug/syncz', [], 'bank');
    expect(resources.map(resourceJson)).toMatchObject([{ node: { id: 'till-1.bank' } }]);
    await expect(ask('istio.io/debug/config_dump', ['store-1.shop'], 'bank')).rejects.toThrow('not connected');
    const page = await ask('istio.io/debug', ['configz'], 'bank');
    expect(Buffer.from(page.resources[0]!.value).toString()).toContain('system namespace');
  });

  test('who has no token is told nothing', async () => {
    const asked = askDebug({ port: daemon.port, roots, type: 'istio.io/debug/syncz' });
    await expect(asked).rejects.toThrow('no valid credentials');
  });

  test('without TLS it is the same for who shows a token', async () => {
    const asked = { port: daemon.plaintextPort ?? 0, type: 'istio.io/debug/syncz' };
    const { resources } = await askDebug({ ...asked, token: await token('bank') });
    expect(resources.map(resourceJson)).toMatchObject([{ node: { id: 'till-1.bank' } }]);
    await expect(askDebug({ ...asked, token: 'no.such.token' })).rejects.toThrow('authenticated caller');
  });

  test('who looks is no proxy', async () => {
    await ask('istio.io/debug/syncz');
    expect(daemon.status().map(({ proxy }) => proxy)).toEqual(['store-1.shop', 'till-1.bank']);
  });
});

const page = async (path: string, port = daemon.monitoringPort) => fetch(`http://127.0.0.1:${port}${path}`);
const json = async (path: string): Promise<unknown> => (await page(`/debug/${path}`)).json();

describe('over HTTP', () => {
  test('syncz has the versions sent and acknowledged', async () => {
    expect(await json('syncz')).toMatchObject([
      {
        proxy: 'store-1.shop',
        proxy_type: 'sidecar',
        istio_version: '1.30.0',
        cluster_sent: expect.any(String) as string,
      },
      { proxy: 'till-1.bank' },
    ]);
    expect(await json('syncz?namespace=bank')).toMatchObject([{ proxy: 'till-1.bank' }]);
  });

  test('config_dump of a proxy, whole or by type', async () => {
    const { configs } = (await json('config_dump?proxyID=store-1.shop&types=cds')) as { configs: readonly object[] };
    expect(configs).toMatchObject([{ '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump' }]);
    expect((await page('/debug/config_dump?proxyID=none.shop')).status).toBe(404);
  });

  test('the pages that tools read have the shapes that they expect', async () => {
    expect(await json('edsz?proxyID=store-1.shop')).toMatchObject({
      configs: [{ clusterName: 'outbound|80||store.shop.svc.cluster.local' }],
    });
    expect(await json('endpointz')).toMatchObject({
      'store.shop.svc.cluster.local': { shop: { Shards: { 'Kubernetes/Kubernetes': [{ Addresses: ['10.2.0.1'] }] } } },
    });
    expect(await json('authorizationz')).toMatchObject({
      authorization_policies: { namespace_to_policies: { shop: [{ name: 'nobody' }] }, root_namespace: 'istio-system' },
    });
    const configs = (await json('configz')) as readonly { kind: string }[];
    expect(configs.map(({ kind }) => kind).toSorted()).toEqual(['AuthorizationPolicy', 'EnvoyFilter']);
    expect(await json('clusterz')).toEqual([{ id: 'Kubernetes', secretName: '', syncStatus: 'synced' }]);
    expect(await json('connections')).toMatchObject({ totalClients: 2 });
    expect(await json('mesh')).toMatchObject({ trustDomain: 'cluster.local', rootNamespace: 'istio-system' });
    expect(await json('instancesz')).toMatchObject({ 'store-1.shop': [{ Port: { TargetPort: 80 } }] });
    expect(await json('list')).toContain('sidecarz');
    expect(await json('sidecarz?proxyID=till-1.bank')).toMatchObject({ sidecar: null, namespace: 'bank' });
  });

  test('what a proxy gets besides: extensions, and the names that it resolves', async () => {
    const type = 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua';
    const script = { name: 'script', typedConfig: { '@type': type, statPrefix: 'script' } };
    expect(await json('ecdsz?proxyID=store-1.shop')).toMatchObject([script]);
    expect(await json('ecdsz?proxyID=till-1.bank')).toEqual([]);
    expect(await json('config_dump?proxyID=store-1.shop&types=ecds')).toMatchObject({
      configs: [{ ecdsFilters: [{ ecdsFilter: script }] }],
    });
    const { table } = (await json('ndsz?proxyID=store-1.shop')) as { table: Readonly<Record<string, unknown>> };
    const store = { ips: ['10.1.0.1'], registry: 'Kubernetes', shortname: 'store', namespace: 'shop' };
    expect(table['store.shop.svc.cluster.local']).toEqual(store);
  });

  test('what is read, and how much is made of it', async () => {
    expect(await json('resourcesz')).toContainEqual({ group: '', version: 'v1', kind: 'Service' });
    expect(await json('krtz')).toEqual(
      expect.arrayContaining([
        { name: 'objects/Service', state: { outputs: 1 } },
        { name: 'mesh/services', state: { outputs: 1 } },
        { name: 'proxies', state: { outputs: 2 } },
      ]),
    );
    expect(await json('ambientz')).toEqual({ workloads: [], services: [], policies: [], waypoints: [] });
    expect(await json('mcsz')).toEqual([]);
  });

  test('what is kept for proxies, and what the program itself is doing; for callers of the system only', async () => {
    const sizes = (await json('cachez?sizes')) as Readonly<Record<string, { resources: number; bytes: number }>>;
    expect(sizes['cluster']?.resources).toBeGreaterThan(3);
    expect(sizes['cluster']?.bytes).toBeGreaterThan(1000);
    expect((await page('/debug/cachez?clear')).status).toBe(400);
    expect(await json('pprof/heap')).toMatchObject({ heap: { used_heap_size: expect.any(Number) as number } });
    const profile = json('pprof/profile?seconds=0.2') as Promise<{ nodes: readonly object[] }>;
    expect((await profile).nodes.length).toBeGreaterThan(1);
    for (const seconds of ['', '0', '-1', '31', 'x'])
      expect((await page(`/debug/pprof/profile?seconds=${seconds}`)).status).toBe(400);
    for (const name of ['cachez?sizes', 'pprof/heap', 'pprof/profile?seconds=1']) {
      const refused = (await ask('istio.io/debug', [name], 'bank')).resources[0]!;
      expect(Buffer.from(refused.value).toString()).toContain('system namespace');
    }
  });

  test('every page that is listed is there, and in the index for browsers', async () => {
    const index = await page('/debug');
    expect(index.headers.get('content-type')).toContain('text/html');
    const text = await index.text();
    for (const name of (await json('list')) as readonly string[]) {
      expect(text).toContain(`href="/debug/${name}"`);
      const answer = await page(`/debug/${name}`);
      expect([200, 400]).toContain(answer.status);
      if (answer.status === 400) expect(await answer.text()).toContain('You must provide');
    }
  });

  test('resources have the causes of their fields', async () => {
    const { resources } = (await json('resources?proxyID=store-1.shop')) as {
      resources: { cluster: readonly { name: string; origins: Record<string, readonly { kind: string }[]> }[] };
    };
    const cluster = resources.cluster.find(({ name }) => name === 'outbound|80||store.shop.svc.cluster.local');
    expect(cluster?.origins['name']).toMatchObject([{ kind: 'Service', namespace: 'shop', name: 'store' }]);
  });

  test('version and readiness', async () => {
    expect(await (await page('/version')).text()).toMatch(/^\d+\.\d+\.\d+-\w+-\w+$/);
    expect((await page('/ready', daemon.httpPort)).status).toBe(200);
    expect((await page('/nowhere')).status).toBe(404);
  });
});
