// Two revisions of the control plane in one cluster, against a real API server: each writes what is its own, one of them what they
// have in common, and neither takes back what the other wrote.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../../src/kubernetes/resource.ts';
import { installObjects } from '../../src/manifests/install.ts';
import { readValues } from '../../src/manifests/values/values.ts';
import { freePort } from '../../scripts/ports.ts';
import { applyDefinitions, applyObjects } from '../support/kubernetes/install.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import type { Replica } from '../support/kubernetes/replicas.ts';
import {
  find,
  install,
  istioResource,
  resources,
  startReplica,
  systemNamespace,
} from '../support/kubernetes/replicas.ts';

const patience = { timeout: 90_000, interval: 100 };
const virtualServices = istioResource('virtualservices');
const gatewayApi = 'gateway.networking.k8s.io';
const gateways: ResourceType = { group: gatewayApi, version: 'v1', plural: 'gateways', namespaced: true };
const classes: ResourceType = { group: gatewayApi, version: 'v1', plural: 'gatewayclasses', namespaced: false };
const deployments: ResourceType = { group: 'apps', version: 'v1', plural: 'deployments', namespaced: true };
const label = 'istio.io/rev';

/** A definition of ours that takes everything, in place of the project's own. */
const definition = ({ group, plural, namespaced }: ResourceType, kind: string): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}`, annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' } },
  spec: {
    group,
    scope: namespaced ? 'Namespaced' : 'Cluster',
    names: { kind, plural },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
});

describe.skipIf(kubernetesMissing)(`two revisions in a cluster${unlessKubernetes}`, { timeout: 240_000 }, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  let canary: Replica;
  let main: Replica | undefined;

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    ({ client } = kubernetes);
    await install(client, await freePort());
    const { values } = readValues([{ revision: 'canary', revisionTags: ['next'] }]);
    await applyObjects(client, installObjects(values, { crds: false }));
    await applyDefinitions(client, [definition(gateways, 'Gateway'), definition(classes, 'GatewayClass')]);
    await client.create(resources.namespaces, { metadata: { name: 'shop' } });
    await client.create(resources.namespaces, { metadata: { name: 'lab', labels: { [label]: 'next' } } });
    canary = await startReplica(kubernetes, 'istiod-canary-1', { revision: 'canary' });
  }, 180_000);
  afterAll(async () => {
    await main?.stop();
    await canary?.stop();
    await kubernetes?.stop();
  });

  const holder = async (): Promise<string> => {
    const lease = await find(client, resources.leases, 'keelson-leader', systemNamespace);
    return (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity?.split('_')[0] ?? '';
  };
  const route = (name: string, labels: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    client.create(virtualServices, {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name, namespace: 'shop', labels },
      spec: { hosts: [`${name}.example.com`], http: [{ route: [{ destination: { host: 'nobody' } }] }] },
    });
  const gateway = (namespace: string, name: string, labels: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    client.create(gateways, {
      apiVersion: `${gatewayApi}/v1`,
      kind: 'Gateway',
      metadata: { name, namespace, labels },
      spec: { gatewayClassName: 'istio', listeners: [{ name: 'web', port: 80, protocol: 'HTTP' }] },
    });
  const writtenBy = (replica: Replica | undefined, name: string): number =>
    (replica?.statusesWritten ?? []).filter((each) => each === name).length;
  const deployed = async (): Promise<readonly string[]> => {
    const { items } = await client.list<KubernetesObject>(deployments, { labelSelector: 'gateway.istio.io/managed' });
    return items.map(({ metadata }) => metadata.name ?? '').toSorted();
  };

  test('one that is alone writes what revisions have in common, and its own webhooks', async () => {
    await expect.poll(holder, patience).toBe('canary');
    await expect.poll(() => find(client, resources.configMaps, 'istio-ca-root-cert', 'shop'), patience).toBeDefined();
    await route('alone');
    await expect.poll(() => writtenBy(canary, 'alone'), patience).toBeGreaterThan(0);
    const bundle = async (name: string): Promise<unknown> => {
      const { webhooks } = (await find(client, resources.injectors, name)) as unknown as {
        webhooks: { clientConfig: { caBundle?: string } }[];
      };
      return webhooks.every(({ clientConfig }) => clientConfig.caBundle !== undefined);
    };
    await expect.poll(() => bundle('istio-sidecar-injector-canary'), patience).toBe(true);
    expect(await bundle('istio-revision-tag-next')).toBe(true);
    expect(await bundle('istio-sidecar-injector')).toBe(false);
  });

  test('the default one takes that over, and its statuses are not fought about', async () => {
    main = await startReplica(kubernetes, 'istiod-1');
    await expect.poll(holder, patience).toBe('default');
    // The other one may write until it notices; this one begins after that.
    const hasStopped = (): boolean => canary.news.join().includes('no longer writes for all revisions');
    await expect.poll(hasStopped, patience).toBe(true);
    const before = canary.statusesWritten.length;
    await route('common');
    await expect.poll(() => writtenBy(main, 'common'), patience).toBeGreaterThan(0);
    expect(canary.statusesWritten.slice(before)).toEqual([]);
  });

  test('an object that names a revision is read and told by that one alone', async () => {
    await route('of-canary', { [label]: 'canary' });
    await route('of-default', { [label]: 'default' });
    await expect
      .poll(() => [writtenBy(canary, 'of-canary') > 0, writtenBy(main, 'of-default') > 0], patience)
      .toEqual([true, true]);
    const conditions = async (): Promise<unknown> =>
      (await find(client, virtualServices, 'of-canary', 'shop'))?.['status'];
    // Of the other replica's proxies there is nothing to wait for.
    await expect
      .poll(conditions, patience)
      .toMatchObject({ conditions: expect.arrayContaining([expect.objectContaining({ reason: 'NoProxies' })]) });
    expect([writtenBy(main, 'of-canary'), writtenBy(canary, 'of-default')]).toEqual([0, 0]);
  });

  test('a Gateway is deployed and told by the revision that it, or its namespace, names; by the default one else', async () => {
    await gateway('shop', 'plain');
    await gateway('shop', 'named', { [label]: 'canary' });
    await gateway('lab', 'tagged');
    await gateway('shop', 'nobodys', { [label]: 'other' });
    await expect.poll(deployed, patience).toEqual(['named-istio', 'plain-istio', 'tagged-istio']);
    const told = (replica: Replica | undefined): readonly boolean[] =>
      ['plain', 'named', 'tagged', 'nobodys'].map((name) => writtenBy(replica, name) > 0);
    await expect.poll(() => told(main), patience).toEqual([true, false, false, false]);
    await expect.poll(() => told(canary), patience).toEqual([false, true, true, false]);
    // Handed over by its label; what is to be said of its new version the new owner says.
    const handedOver = {
      metadata: { labels: { [label]: 'default' } },
      spec: { listeners: [{ name: 'web', port: 8080, protocol: 'HTTP' }] },
    };
    await client.patch(gateways, { name: 'named', namespace: 'shop' }, handedOver, { type: 'merge' });
    await expect.poll(() => told(main)[1], patience).toBe(true);
  });

  test('when the default one goes, the other takes over what is common', async () => {
    await main?.stop();
    main = undefined;
    await expect.poll(holder, patience).toBe('canary');
    await client.create(resources.namespaces, { metadata: { name: 'late' } });
    await expect.poll(() => find(client, resources.configMaps, 'istio-ca-root-cert', 'late'), patience).toBeDefined();
    await route('later');
    await expect.poll(() => writtenBy(canary, 'later'), patience).toBeGreaterThan(0);
  });
});
