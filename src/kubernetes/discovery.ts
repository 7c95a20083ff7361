// Under which version the API server serves a resource, if it does.
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
import type { KubernetesClient } from './client.ts';
import type { ResourceType } from './resource.ts';
import { isNotFound } from './api-error.ts';
import { groupVersionPath } from './resource.ts';

/** A resource of which any of `versions` would do, the preferred one first. */
export interface WantedResource extends Omit<ResourceType, 'version'> {
  readonly versions: readonly string[];
}

interface GroupVersion {
  readonly resources?: readonly { readonly name: string }[];
}

/** Undefined when none of the versions is served. Throws an ApiError when the server does not say. */
export async function servedResource(
  client: Pick<KubernetesClient, 'read'>,
  { group, versions, plural, namespaced }: WantedResource,
  signal?: AbortSignal,
): Promise<ResourceType | undefined> {
  for (const version of versions) {
    const served = await client
      .read<GroupVersion>(groupVersionPath(group, version), signal)
      .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error as Error)));
    if (served?.resources?.some(({ name }) => name === plural) === true) return { group, version, plural, namespaced };
  }
  return undefined;
}
