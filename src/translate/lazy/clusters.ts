// Outbound clusters that a proxy gets when it uses them: by their names, or by the address that a connection is for.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cds
import { memo, sharedValue } from '../../model/memo.ts';
import { layer } from '../../model/envoy/layer.ts';
import type { Layer, Resource } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import type { Destinations } from './listeners.ts';
import { destinationPrefix } from './listeners.ts';
import { isOutbound } from './references.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

/** `eager`: the outbound clusters that have to be there at once; canonical by `sharedValue`. */
export const lazyClusters = memo(
  (clusters: Layer, eager: readonly string[], destinations: Destinations): readonly Layer[] => {
    const atOnce = new Set(eager);
    const all = [...clusters.resources.values()];
    const awaited = all.filter(({ name }) => isOutbound(name) && !atOnce.has(name));
    if (awaited.length === 0) return [clusters];
    const made = (name: string): Resource | undefined => {
      const cluster = clusters.resources.get(clusterAt(destinations, name) ?? '');
      return cluster === undefined ? undefined : forAddress(cluster, name);
    };
    return [
      layer(
        clusters.scope,
        all.filter((one) => !awaited.includes(one)),
      ),
      { ...layer(onDemandScope(clusters), awaited), onDemand: { canonical: asAsked, made } },
    ];
  },
);

/** The endpoints of clusters for addresses: those of the clusters that they are made of. */
export const lazyEndpoints = memo((endpoints: Layer, destinations: Destinations): readonly Layer[] => {
  const made = (name: string): Resource | undefined => {
    const known = endpoints.resources.get(clusterAt(destinations, name) ?? '');
    return known === undefined
      ? undefined
      : sharedValue({ ...known, name, message: { ...known.message, cluster_name: name } });
  };
  return [endpoints, { scope: onDemandScope(endpoints), resources: new Map(), onDemand: { canonical: asAsked, made } }];
});

const asAsked = (name: string): string => name;

const onDemandScope = ({ scope }: Layer): string => `${scope}|on-demand`;

/** `tcp|10.96.0.20:9000`; undefined for what is no name of that kind. */
function clusterAt({ clusters, unknown }: Destinations, name: string): string | undefined {
  if (unknown === '' || !/^tcp\|\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}$/.test(name)) return undefined;
  return clusters[name.slice(destinationPrefix.length)] ?? unknown;
}

/** It counts under the name that the cluster has everywhere else. */
function forAddress(cluster: Resource, name: string): Resource {
  const { eds_cluster_config: eds } = cluster.message as Cluster;
  const discovery = eds === undefined ? {} : { eds_cluster_config: { ...eds, service_name: name } };
  return sharedValue({ ...cluster, name, message: { ...cluster.message, name, ...discovery } });
}
