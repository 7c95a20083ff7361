// A cluster that has definitions of Istio's kinds already, older and narrower than ours: fewer versions, fields that are dropped,
// statuses that take less. Against a real API server, which drops them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../../src/kubernetes/resource.ts';
import { installObjects } from '../../src/manifests/install.ts';
import { defaultValues } from '../../src/manifests/values/values.ts';
import { applyDefinitions, applyObjects } from '../support/kubernetes/install.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import type { Replica } from '../support/kubernetes/replicas.ts';
import { find, istioResource, resources, startReplica } from '../support/kubernetes/replicas.ts';

const patience = { timeout: 90_000, interval: 100 };
const string = { type: 'string' };
const strings = { type: 'array', items: string };
const open = { 'x-kubernetes-preserve-unknown-fields': true };
const conditions = {
  type: 'array',
  items: { type: 'object', properties: { type: string, status: string, reason: string, message: string } },
};

const virtualServices = istioResource('virtualservices', 'v1beta1');
const serviceEntries = istioResource('serviceentries', 'v1alpha3');
const sidecars = istioResource('sidecars', 'v1alpha3');

const definition = (
  { group, plural, version }: ResourceType,
  kind: string,
  properties: object,
  hasStatus = true,
): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind, plural },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        ...(hasStatus && { subresources: { status: {} } }),
        schema: { openAPIV3Schema: { type: 'object', properties } },
      },
    ],
  },
});

const definitions = [
  definition(virtualServices, 'VirtualService', {
    spec: {
      type: 'object',
      // Neither timeouts nor retries.
      properties: { hosts: strings, http: { type: 'array', items: { type: 'object', properties: { route: { type: 'array', items: { type: 'object', ...open } } } } } }, // prettier-ignore
    },
    status: { type: 'object', properties: { conditions } },
  }),
  definition(serviceEntries, 'ServiceEntry', {
    spec: { type: 'object', ...open },
    // Nowhere to put addresses.
    status: { type: 'object', properties: { conditions } },
  }),
  definition(sidecars, 'Sidecar', { spec: { type: 'object', ...open } }, false),
];

describe.skipIf(kubernetesMissing)(`with older definitions${unlessKubernetes}`, { timeout: 240_000 }, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  let replica: Replica;

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    ({ client } = kubernetes);
    await applyDefinitions(client, definitions);
    await applyObjects(client, installObjects(defaultValues, { crds: false }));
    await client.create(resources.namespaces, { metadata: { name: 'shop' } });
    replica = await startReplica(kubernetes, 'istiod-1');
  }, 180_000);
  afterAll(async () => {
    await replica?.stop();
    await kubernetes?.stop();
  });

  const create = (where: ResourceType, kind: string, name: string, spec: object): Promise<unknown> =>
    client.create(where, {
      apiVersion: `${where.group}/${where.version}`,
      kind,
      metadata: { name, namespace: 'shop' },
      spec,
    });
  const conditionOf = async (where: ResourceType, name: string, type: string): Promise<unknown> => {
    const { status } = (await find(client, where, name, 'shop')) as KubernetesObject & {
      readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
    };
    return status?.conditions?.find((each) => each.type === type)?.status;
  };
  const timesWritten = (name: string): number => replica.statusesWritten.filter((each) => each === name).length;

  test('objects are read in the version that there is, and told what fits', async () => {
    const route = [{ destination: { host: 'nobody' } }];
    await create(virtualServices, 'VirtualService', 'web', {
      hosts: ['web.example.com'],
      http: [{ route, timeout: '5s' }],
    });
    await create(serviceEntries, 'ServiceEntry', 'outside', {
      hosts: ['outside.example.com'],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      resolution: 'DNS',
    });
    await create(sidecars, 'Sidecar', 'default', { egress: [{ hosts: ['./*'] }] });
    await expect.poll(() => conditionOf(virtualServices, 'web', 'Accepted'), patience).toBe('True');
    await expect.poll(() => conditionOf(virtualServices, 'web', 'ResolvedRefs'), patience).toBe('False');
    await expect.poll(() => conditionOf(serviceEntries, 'outside', 'Accepted'), patience).toBe('True');
    expect(replica.daemon.problems().filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  test('what the server drops is not written again and again', async () => {
    /** Until something else is written, after everything that was to be written before it. */
    const settled = async (name: string): Promise<readonly number[]> => {
      await create(virtualServices, 'VirtualService', name, { hosts: [`${name}.example.com`] });
      await expect.poll(() => conditionOf(virtualServices, name, 'Accepted'), patience).toBe('False');
      return [timesWritten('web'), timesWritten('outside')];
    };
    await settled('first');
    const before = await settled('second');
    for (const [where, name] of [
      [virtualServices, 'web'],
      [serviceEntries, 'outside'],
    ] as const)
      // prettier-ignore
      await client.patch(where, { name, namespace: 'shop' }, { metadata: { annotations: { seen: 'yes' } } }, { type: 'merge' });
    await settled('third');
    expect(await settled('fourth')).toEqual(before);
    expect(replica.complaints.filter((line) => line.includes('a status cannot be written'))).toEqual([]);
  });
});
