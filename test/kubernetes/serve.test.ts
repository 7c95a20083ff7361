// `keelson serve` over a real API server, from the object that a user applies to the proxy that gets it.
import type { RunningProcess } from '../../scripts/process.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../../src/kubernetes/resource.ts';
import type { DeltaResponse } from '../xds/ads-client.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { freePort } from '../../scripts/ports.ts';
import { startProcess, waitUntil } from '../../scripts/process.ts';
import { directoryTokens, tokenAudience } from '../../src/daemon/authority/credentials.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { kindTable } from '../../src/watchers/kinds.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { DeltaClient } from '../xds/ads-client.ts';

const root = resolve(import.meta.dirname, '../..');
const of = (kind: 'Service' | 'Namespace' | 'DestinationRule'): ResourceType => {
  const { group, versions, plural, namespaced } = kindTable[kind];
  return { group, version: versions[0] ?? '', plural, namespaced };
};
const definitions: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const rbac = (plural: string, namespaced: boolean): ResourceType => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  namespaced,
});
const permissions = {
  ServiceAccount: { group: '', version: 'v1', plural: 'serviceaccounts', namespaced: true },
  ClusterRole: rbac('clusterroles', false),
  ClusterRoleBinding: rbac('clusterrolebindings', false),
  Role: rbac('roles', true),
  RoleBinding: rbac('rolebindings', true),
};
const service = (name: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { ports: [{ name: 'http', port: 80 }] },
});
const rule: KubernetesObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'store', namespace: 'shop' },
  spec: { host: 'store', trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } },
};
const store = 'outbound|80||store.shop.svc.cluster.local';
const till = 'outbound|80||till.shop.svc.cluster.local';

describe.skipIf(kubernetesMissing)(`keelson serve over a cluster${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let directory: string;
  let daemon: RunningProcess;
  let proxy: DeltaClient;
  let readiness: string;
  let whileBlind: { readonly status: number; readonly text: string; readonly lines: readonly string[] };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'keelson-serve-'));
    kubernetes = await startKubernetes();
    const state = join(directory, 'state');
    const port = await freePort();
    for (const object of await manifest('crds.yaml')) await kubernetes.client.create(definitions, object);
    for (const name of ['shop', 'istio-system'])
      await kubernetes.client.create(of('Namespace'), { metadata: { name } });
    for (const object of await manifest('install.yaml')) {
      const resource = permissions[object.kind as keyof typeof permissions] as ResourceType | undefined;
      if (resource !== undefined) await kubernetes.client.create(resource, blinded(object));
    }
    await kubernetes.client.create(of('Service'), service('store'));
    const kubeconfig = await kubernetes.kubeconfigOf(await installedAccount(kubernetes.client));
    readiness = `127.0.0.1:${await freePort()}`;
    const where = ['--kubeconfig', kubeconfig, '--state', state, '--xds-address', `127.0.0.1:${port}`];
    where.push('--http-address', readiness);
    const command = [join(root, 'src/cli/keelson.ts'), 'serve', ...where, '--monitoring-address', 'off'];
    daemon = startProcess('keelson serve', process.execPath, command);
    await waitUntil(daemon, 'waiting', () => daemon.lines().some((line) => line.includes('not-permitted')));
    whileBlind = { status: (await ready()).status, text: await (await ready()).text(), lines: [...daemon.lines()] };
    for (const object of await manifest('install.yaml'))
      if (object.kind === 'ClusterRole')
        await kubernetes.client.patch(
          permissions.ClusterRole,
          { name: object.metadata.name ?? '' },
          { rules: object['rules'] },
          { type: 'merge' },
        );
    await waitUntil(daemon, 'ready', () => daemon.lines().some((line) => / info +ready /.test(line)));
    proxy = await connectProxy(state, port);
  }, 180_000);
  afterAll(async () => {
    proxy?.close();
    await daemon?.stop();
    await kubernetes?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const ready = (): Promise<Response> => fetch(`http://${readiness}/ready`);

  /** The next response about clusters that mentions `name`, accepted like all before it. */
  async function next(name: string): Promise<DeltaResponse> {
    for (;;) {
      const response = await proxy.nextOf(resourceTypes.cluster);
      proxy.ack(response);
      if (response.resources?.some((each) => each.name === name) || response.removedResources?.includes(name))
        return response;
    }
  }
  const cluster = (response: DeltaResponse, name: string): unknown =>
    response.resources?.find((each) => each.name === name)?.resource;

  it('is not ready before it may read the policies that there are', async () => {
    const missing = 'authorizationpolicies.security.istio.io may not be read, so that no proxy is served: ';
    expect(whileBlind.status).toBe(503);
    expect(whileBlind.text).toContain(missing);
    expect(whileBlind.text).toMatch(/cannot (?:list|watch) resource "authorizationpolicies"/);
    expect(whileBlind.lines.find((line) => line.includes(missing))).toMatch(/ error /);
    expect(whileBlind.lines.filter((line) => / info +ready /.test(line))).toEqual([]);
    expect((await ready()).status).toBe(200);
  });

  it('gives a proxy what is in the cluster, and then every change of it', async () => {
    expect(cluster(await next(store), store)).toBeDefined();
    await kubernetes.client.create(of('Service'), service('till'));
    expect(cluster(await next(till), till)).toBeDefined();
    await kubernetes.client.create(of('DestinationRule'), rule);
    expect(JSON.stringify(cluster(await next(store), store))).toContain('"maxConnections":7');
    await kubernetes.client.delete(of('Service'), { name: 'till', namespace: 'shop' });
    expect((await next(till)).removedResources).toEqual([till]);
  });

  it('may read everything it reads with what the manifests allow it', () => {
    const since = daemon.lines().findIndex((line) => / info +ready /.test(line));
    expect(
      daemon
        .lines()
        .slice(since)
        .filter((line) => line.includes('not-permitted')),
    ).toEqual([]);
  });

  it('goes on serving while the API server is away, and catches up when it is back', async () => {
    await kubernetes.stopServer();
    await proxy.quiet();
    await kubernetes.startServer();
    await kubernetes.client.create(of('Service'), service('till'));
    expect(cluster(await next(till), till)).toBeDefined();
    expect(daemon.lines().filter((line) => line.includes('stopping'))).toEqual([]);
  }, 90_000);
});

/** Without the right to read AuthorizationPolicies. */
function blinded(object: KubernetesObject): KubernetesObject {
  const rules = object['rules'] as readonly { readonly resources: readonly string[] }[] | undefined;
  if (object.kind !== 'ClusterRole' || rules === undefined) return object;
  const without = (resources: readonly string[]) => resources.filter((each) => each !== 'authorizationpolicies');
  return { ...object, rules: rules.map((rule) => ({ ...rule, resources: without(rule.resources) })) };
}

const manifest = async (file: string): Promise<readonly KubernetesObject[]> =>
  parseAllDocuments(await readFile(join(root, 'manifests', file), 'utf8')).flatMap((document) => {
    const object = document.toJS() as KubernetesObject | null;
    return object ?? [];
  });

/** A token of the account that the control plane runs under, with which it may do what the manifests allow. */
async function installedAccount(client: KubernetesClient): Promise<{ readonly token: string }> {
  const tokens = permissions['ServiceAccount'];
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: { expirationSeconds: 3600 },
  };
  const ref = { namespace: 'istio-system', name: 'istiod' };
  const { status } = await client.create<KubernetesObject>(tokens, request, { ref, subresource: 'token' });
  return status as { readonly token: string };
}

async function connectProxy(state: string, port: number): Promise<DeltaClient> {
  const pem = await readFile(join(state, 'root.pem'), 'utf8');
  const roots = /-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----/.exec(pem)?.[0] ?? '';
  const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'default' };
  const tokens = await directoryTokens(state);
  const token = tokens.issue(identity, 600_000, { audience: tokenAudience, now: Date.now() });
  const node = {
    id: 'sidecar~10.2.0.1~web-1.shop~shop.svc.cluster.local',
    metadata: { NAMESPACE: 'shop', CLUSTER_ID: 'Kubernetes' },
  };
  const client = new DeltaClient(port, { node, token, channel: credentials.createSsl(Buffer.from(roots)) });
  client.subscribe(resourceTypes.cluster);
  return client;
}
