// Objects of an install, put into a test's Kubernetes as `kubectl apply --server-side` would.
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../../../src/kubernetes/resource.ts';

import { groupVersionPath } from '../../../src/kubernetes/resource.ts';

export interface Applied extends KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
}

interface Discovery {
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** Where objects of a kind are in the API, as the API itself says. */
export async function resourceOf(
  client: KubernetesClient,
  apiVersion: string,
  kind: string,
): Promise<ResourceType | undefined> {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const { resources } = await client.read<Discovery>(groupVersionPath(group, version));
  const found = resources.find((each) => each.kind === kind && !each.name.includes('/'));
  return found && { group, version, plural: found.name, namespaced: found.namespaced };
}

export async function applyObjects(client: KubernetesClient, objects: readonly object[]): Promise<void> {
  for (const object of objects as readonly Applied[]) {
    const { name = '', namespace } = object.metadata;
    const resource = await resourceOf(client, object.apiVersion, object.kind);
    if (resource === undefined) throw new Error(`the API server has no ${object.apiVersion} ${object.kind}`);
    await client
      .patch(resource, { name, ...(namespace !== undefined && { namespace }) }, object, {
        type: 'apply',
        fieldManager: 'test',
        force: true,
        strict: true,
      })
      .catch((error: Error) => {
        throw new Error(`${object.kind} ${name}: ${error.message}`, { cause: error });
      });
  }
}

/** Applies definitions of kinds and waits until they are served. */
export async function applyDefinitions(client: KubernetesClient, definitions: readonly object[]): Promise<void> {
  await applyObjects(client, definitions);
  for (const { metadata } of definitions as readonly Applied[]) {
    const resource = {
      group: 'apiextensions.k8s.io',
      version: 'v1',
      plural: 'customresourcedefinitions',
      namespaced: false,
    };
    for (let tries = 0; ; tries++) {
      const { status } = await client.get(resource, { name: metadata.name ?? '' });
      const conditions = (status as { conditions?: { type: string; status: string }[] }).conditions ?? [];
      if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) break;
      if (tries > 100) throw new Error(`${metadata.name} is not served: ${JSON.stringify(conditions)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
