// Lazy configuration: of all that a proxy may use it gets what it uses, when it first does. Made from the full
// configuration of the same proxy, so that whatever that one says holds here as well.
// ../../../docs/lazy.md
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import { layer } from '../../model/envoy/layer.ts';
import type { Configuration, Layer, Resource } from '../../model/envoy/resource.ts';
import { lazyClusters, lazyEndpoints } from './clusters.ts';
import { lazyListeners } from './listeners.ts';
import { mentionedBeyondRoutes, mentionedClusters } from './references.ts';
import { lazyRoutes } from './virtual-hosts.ts';

/** The same proxy's configuration with hosts and clusters on demand. */
export function lazyConfiguration(full: Configuration): Configuration {
  const listeners = full.listener.flatMap(resourcesOf);
  const { listeners: kept, destinations } = lazyListeners(sharedList(listeners));
  const eager = eagerClusters(kept, sharedList(full.route.flatMap(resourcesOf)));
  const routes = full.route.map((each) => lazyRoutes(each));
  return {
    cluster: full.cluster.flatMap((each) => lazyClusters(each, eager, destinations)),
    endpoint: full.endpoint.flatMap((each) => lazyEndpoints(each, destinations)),
    listener: [layer(full.listener.map(({ scope }) => scope).join('|'), kept)],
    route: routes.map((each) => each.routes),
    virtualHost: routes.map((each) => each.virtualHosts),
    extension: full.extension,
  };
}

const resourcesOf = ({ resources }: Layer): readonly Resource[] => [...resources.values()];

/** Outbound clusters that something uses which does not wait for them. */
const eagerClusters = memo((listeners: readonly Resource[], routes: readonly Resource[]): readonly string[] => {
  const used = [
    ...listeners.flatMap(({ message }) => [...mentionedClusters(message)]),
    ...routes
      .flatMap(({ parts }) => parts?.resources ?? [])
      .flatMap(({ message }) => [...mentionedBeyondRoutes(message)]),
  ];
  return sharedValue([...new Set(used)].toSorted());
});
