// Which custom resources are defined in a cluster: who waits for one is told when its definition comes or changes.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { Pace } from '../../kubernetes/pace.ts';
import type { ResourceType } from '../../kubernetes/resource.ts';
import { reflect } from '../../kubernetes/reflector.ts';

const resource: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

export interface Definitions {
  /** Whether there is a definition of that name, `gateways.networking.istio.io`; undefined while that is not known. */
  readonly has: (name: string) => boolean | undefined;
  /** Calls `wake` whenever the definition comes, changes or goes, until the function that is returned is called. */
  readonly follow: (name: string, wake: () => void) => () => void;
}

/** Follows the definitions until `signal`. Where we may not read them nothing is ever known. */
export function watchDefinitions(client: KubernetesClient, signal: AbortSignal, pace: Partial<Pace> = {}): Definitions {
  let names: Set<string> | undefined;
  const followers = new Map<string, Set<() => void>>();
  const tell = (name: string): void => followers.get(name)?.forEach((wake) => wake());
  const nameOf = (key: string): string => key.slice(1);
  const run = reflect<string>({
    client,
    resource,
    metadataOnly: true,
    signal,
    pace,
    read: ({ metadata }) => metadata.name ?? '',
    replace: (objects) => {
      names = new Set(objects.values());
      for (const name of followers.keys()) tell(name);
    },
    change: (changes) => {
      for (const { key, value } of changes) {
        if (value === undefined) names?.delete(nameOf(key));
        else names?.add(value);
        tell(nameOf(key));
      }
    },
  });
  void run.then(() => (names = undefined));
  return {
    has: (name) => names?.has(name),
    follow: (name, wake) => {
      const all = followers.get(name) ?? new Set();
      followers.set(name, all.add(wake));
      return () => all.delete(wake);
    },
  };
}
