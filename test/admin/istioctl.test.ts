// Command by command, what istioctl reads and how: answers are taken apart as the client does it, and what its tables would show
// is compared with what is there.
// https://istio.io/latest/docs/reference/commands/istioctl/
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { keelson } from '../../src/cli/keelson.ts';
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
spec: { clusterIP: 10.1.0.1, selector: { app: store }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: store-1, namespace: shop, labels: { app: store, version: v1 } }
spec: { serviceAccountName: store, containers: [{ name: app }] }
status: { podIP: 10.2.0.1, conditions: [{ type: Ready, status: 'True' }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: routes, namespace: shop }
spec: { hosts: [store], http: [{ route: [{ destination: { host: store, subset: v1 } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: rules, namespace: shop }
spec: { host: store, subsets: [{ name: v1, labels: { version: v1 } }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: shop }
spec: { action: DENY, rules: [{ to: [{ operation: { methods: [POST] } }] }] }
`;

let directory: string;
let daemon: Daemon;
let roots: string;
let proxy: DeltaClient;

async function token(namespace: string): Promise<string> {
  const tokens = await directoryTokens(join(directory, 'state'));
  const identity = { trustDomain: 'cluster.local', namespace, serviceAccount: 'default' };
  return tokens.issue(identity, 60_000, { audience: tokenAudience, now: Date.now() });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'istioctl-'));
  await mkdir(join(directory, 'config'));
  await writeFile(join(directory, 'config', 'mesh.yaml'), objects);
  daemon = await startDaemon({
    config: join(directory, 'config'),
    state: join(directory, 'state'),
    xdsAddress: '127.0.0.1:0',
    monitoringAddress: '127.0.0.1:0',
    replica: 'istiod-7',
    log: { info: () => {}, warn: () => {}, error: () => {} },
    onProblems: () => {},
  });
  const root = await readFile(join(directory, 'state', 'root.pem'), 'utf8');
  roots = /-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----/.exec(root)?.[0] ?? '';
  const node = {
    id: 'sidecar~10.2.0.1~store-1.shop~shop.svc.cluster.local',
    metadata: {
      NAMESPACE: 'shop',
      CLUSTER_ID: 'Kubernetes',
      ISTIO_VERSION: '1.30.0',
      LABELS: { app: 'store' },
      ROUTE_DELIVERY: 'virtual-hosts',
    },
  };
  proxy = new DeltaClient(daemon.port, { node, token: await token('shop'), channel: credentials.createSsl(Buffer.from(roots)) }); // prettier-ignore
  for (const type of [resourceTypes.cluster, resourceTypes.listener]) {
    proxy.subscribe(type);
    proxy.ack(await proxy.nextOf(type));
  }
});
afterAll(async () => {
  proxy?.close();
  await daemon?.close();
  await rm(directory, { recursive: true, force: true });
});

const ask = async (type: string, names: readonly string[] = []) =>
  askDebug({ port: daemon.port, roots, token: await token('istio-system'), type, names });
const get = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${daemon.monitoringPort}/${path}`);
const json = async (path: string): Promise<unknown> => (await get(`debug/${path}`)).json();

interface ClientConfig {
  readonly node: { readonly id: string; readonly metadata: Readonly<Record<string, string>> };
  readonly genericXdsConfigs: readonly {
    readonly typeUrl: string;
    readonly configStatus: string;
    readonly lastUpdated?: string;
  }[];
}

test('proxy-status, x version: a row for each proxy, keyed by the replica that answers', async () => {
  const { resources, controlPlane } = await ask('istio.io/debug/syncz');
  const { Component, ID, Info } = JSON.parse(controlPlane) as Readonly<Record<string, unknown>>;
  expect([Component, ID]).toEqual(['istiod', 'istiod-7']);
  const fields = { version: /^\d/, revision: /./, golang_version: /./, status: /./, tag: /./ };
  for (const [field, form] of Object.entries(fields)) expect((Info as Record<string, string>)[field]).toMatch(form);
  const rows = resources.map((resource) => {
    expect(resource.type).toBe('type.googleapis.com/envoy.service.status.v3.ClientConfig');
    const { node, genericXdsConfigs } = resourceJson(resource) as ClientConfig;
    const types = genericXdsConfigs.map(({ typeUrl }) => typeUrl.slice(typeUrl.lastIndexOf('.') + 1));
    return [node.id, node.metadata['CLUSTER_ID'], ID, node.metadata['ISTIO_VERSION'], types.toSorted()];
  });
  expect(rows).toEqual([['store-1.shop', 'Kubernetes', 'istiod-7', '1.30.0', ['Cluster', 'Listener']]]);
});

test('proxy-status -v: each type with its state, and since when', async () => {
  const [first] = (await ask('istio.io/debug/syncz')).resources;
  const { genericXdsConfigs } = resourceJson(first!) as ClientConfig;
  for (const { configStatus, lastUpdated = '' } of genericXdsConfigs) {
    expect(configStatus).toBe('SYNCED');
    expect(Date.now() - Date.parse(lastUpdated)).toBeGreaterThanOrEqual(0);
  }
});

/** Sections of a config dump by the last part of their type. */
const dump = async (): Promise<ReadonlyMap<string, string>> => {
  const { resources } = await ask('istio.io/debug/config_dump', ['store-1.shop']);
  const last = (type: string): string => type.slice(type.lastIndexOf('.') + 1);
  const filled = resources.filter(({ value }) => value.length > 0);
  return new Map(filled.map((resource) => [last(resource.type), JSON.stringify(resourceJson(resource))]));
};

test('proxy-status POD: sections as Envoy has them, which are compared type by type', async () => {
  const sections = await dump();
  for (const name of ['ClustersConfigDump', 'ListenersConfigDump', 'RoutesConfigDump'])
    expect(JSON.parse(sections.get(name) ?? '')).toMatchObject({ '@type': expect.stringContaining(name) as string });
  await expect(ask('istio.io/debug/config_dump', ['gone.shop'])).rejects.toThrow(
    'Proxy not connected to this Pilot instance. It may be connected to another instance.',
  );
});

test('proxy-status POD: routes of a proxy that takes virtual hosts one by one, as that proxy shows them', async () => {
  const { dynamicRouteConfigs } = JSON.parse((await dump()).get('RoutesConfigDump') ?? '') as {
    dynamicRouteConfigs: readonly { routeConfig: { name: string; vhds?: object; virtualHosts: { name: string }[] } }[];
  };
  const route = dynamicRouteConfigs.map(({ routeConfig }) => routeConfig).find(({ name }) => name === '80');
  expect(route?.vhds).toMatchObject({ configSource: { ads: {} } });
  expect(route?.virtualHosts.map(({ name }) => name)).toEqual(['80/allow_any', '80/store.shop.svc.cluster.local:80']);
});

test('version: of the control plane in three parts, and of the proxies', async () => {
  const text = await (await get('version')).text();
  expect(text.split('-')).toHaveLength(3);
  const proxies = (await json('syncz')) as readonly Readonly<Record<string, string>>[];
  expect(proxies.map(({ proxy: id, proxy_type: type, istio_version: version }) => [id, type, version])).toEqual([
    ['store-1.shop', 'sidecar', '1.30.0'],
  ]);
});

test('a path may begin with two slashes, as the client joins it to an address', async () => {
  expect(await (await get('/version')).text()).toBe(await (await get('version')).text());
  expect(await (await get('/debug/clusterz')).json()).toEqual(await json('clusterz'));
});

test('bug-report: what is run in the Pod of the control plane prints a page as it stands', async () => {
  const run = async (...argv: readonly string[]) => {
    const said: string[] = [];
    const io = { stdout: (text: string) => said.push(text), stderr: (text: string) => said.push(text) };
    const server = `http://127.0.0.1:${daemon.monitoringPort}`;
    return { code: await keelson(['request', ...argv, '--server', server], io), said: said.join('') };
  };
  expect(await run('GET', 'debug/clusterz')).toEqual({ code: 0, said: await (await get('debug/clusterz')).text() });
  expect((await run('/version')).said).toBe(await (await get('version')).text());
  expect(await run('GET', 'debug/nothing')).toMatchObject({ code: 1, said: expect.stringContaining('404') as string });
  expect((await run('PUT', 'debug/syncz')).code).toBe(2);
});

test('x internal-debug, bug-report: pages as they are', async () => {
  const collected =
    'adsz authorizationz cachez clusterz configz endpointShardz endpointz inject krtz instancesz mcsz mesh networkz push_status registryz resourcesz syncz telemetryz ambientz';
  for (const name of collected.split(' ')) {
    const [page] = (await ask('istio.io/debug', [name])).resources;
    expect(() => resourceJson(page!), name).not.toThrow();
  }
});

test('remote-clusters: name, Secret and state', async () => {
  expect(await json('clusterz')).toEqual([{ id: 'Kubernetes', secretName: '', syncStatus: 'synced' }]);
});

test('proxy-config: direction, port, subset and host are read off names', async () => {
  const clusters = (await dump()).get('ClustersConfigDump') ?? '';
  const names = [...clusters.matchAll(/"name":"([^"]*\|[^"]*)"/g)].map(([, name = '']) => name.split('|'));
  expect(names).toContainEqual(['outbound', '80', '', 'store.shop.svc.cluster.local']);
  expect(names).toContainEqual(['outbound', '80', 'v1', 'store.shop.svc.cluster.local']);
  expect(names).toContainEqual(['inbound', '8080', '', '']);
  const listeners = (await dump()).get('ListenersConfigDump') ?? '';
  for (const name of ['virtualOutbound', 'virtualInbound']) expect(listeners).toContain(`"name":"${name}"`);
});

test('x describe: the VirtualService and the DestinationRule behind routes and clusters', async () => {
  const sections = await dump();
  const path = (kind: string, name: string): string => `/apis/networking.istio.io/v1/namespaces/shop/${kind}/${name}`;
  expect(sections.get('RoutesConfigDump')).toContain(path('virtual-service', 'routes'));
  expect(sections.get('ClustersConfigDump')).toContain(path('destination-rule', 'rules'));
});

test('x authz check: action, policy and rule are read off the names of RBAC policies', async () => {
  const listeners = (await dump()).get('ListenersConfigDump') ?? '';
  const [, namespace, policy, rule] = /"ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[(\d+)\]"/.exec(listeners) ?? [];
  expect([namespace, policy, rule]).toEqual(['shop', 'readers', '0']);
  expect(listeners).toContain('"action":"DENY"');
});
