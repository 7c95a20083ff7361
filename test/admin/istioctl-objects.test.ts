// What istioctl reads and writes of the control plane in the API server: which objects it looks for and by which labels, over a
// real API server with our install in it. `analyze` and `x precheck` read objects of users and of Kubernetes besides.
// https://istio.io/latest/docs/reference/commands/istioctl/
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../../scripts/ports.ts';
import { injectionImages } from '../../src/config.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import type { Replica } from '../support/kubernetes/replicas.ts';
import { find, install, resources, startReplica, systemNamespace } from '../support/kubernetes/replicas.ts';

const patience = { timeout: 30_000, interval: 100 };
const revisionLabel = 'istio.io/rev';
const tagLabel = 'istio.io/tag';

interface Webhook {
  readonly name: string;
  readonly clientConfig: { readonly caBundle?: string };
}
interface Hooks extends KubernetesObject {
  readonly webhooks: readonly Webhook[];
}

describe.skipIf(kubernetesMissing)(`istioctl and the API server${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  let replica: Replica;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
    ({ client } = kubernetes);
    await install(client, await freePort());
    replica = await startReplica(kubernetes, 'istiod-1');
  }, 180_000);
  afterAll(async () => {
    await replica?.stop();
    await kubernetes?.stop();
  });

  const hooks = async (labelSelector: string): Promise<readonly Hooks[]> =>
    (await client.list<Hooks>(resources.injectors, { labelSelector })).items;
  const namesOf = (all: readonly Hooks[]): readonly (string | undefined)[] => all.map(({ metadata }) => metadata.name);
  const isBound = ({ webhooks }: Hooks): boolean =>
    webhooks.every(({ clientConfig }) => clientConfig.caBundle !== undefined);

  test('x injector list, x check-inject: injectors by their label, with the revision', async () => {
    const found = await hooks('app=sidecar-injector');
    expect(namesOf(found)).toEqual(['istio-sidecar-injector']);
    expect(found[0]?.metadata.labels?.[revisionLabel]).toBe('default');
  });

  test('analyze: the image that Pods are to have, in the values of the injector', async () => {
    const map = await find(client, resources.configMaps, 'istio-sidecar-injector', systemNamespace);
    const { values } = (map as unknown as { data: { values: string } }).data;
    const { global } = JSON.parse(values) as { global: { proxy: { image: string } } };
    expect(global.proxy.image).toContain('/');
    expect(global.proxy.image).toBe(injectionImages().envoy);
  });

  test('tag set: leads to a revision that is found by its label, is bound to the authority, and goes again', async () => {
    const [canonical] = await hooks(`${revisionLabel}=default,!${tagLabel}`);
    await expect.poll(async () => (await hooks(`${revisionLabel}=default`)).every(isBound), patience).toBe(true);
    // As it is made by the client: the hooks of the revision, under the name of the tag, without what only the cluster knows.
    const webhooks = canonical!.webhooks
      .filter(({ name }) => name.startsWith('rev.'))
      .map(({ clientConfig, ...hook }) => ({ ...hook, clientConfig: { ...clientConfig, caBundle: undefined } }));
    const labels = { app: 'sidecar-injector', [revisionLabel]: 'default', [tagLabel]: 'prod' };
    await client.create(resources.injectors, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'istio-revision-tag-prod', labels },
      webhooks,
    });
    const tag = async (): Promise<Hooks | undefined> => (await hooks(`${tagLabel}=prod`))[0];
    await expect.poll(async () => isBound((await tag())!), patience).toBe(true);
    expect(namesOf(await hooks(`${revisionLabel}=default`)).toSorted((a = '', b = '') => (a < b ? -1 : 1))).toEqual([
      'istio-revision-tag-prod',
      'istio-sidecar-injector',
    ]);
    await client.delete(resources.injectors, { name: 'istio-revision-tag-prod' });
    expect(await tag()).toBeUndefined();
  });
});
