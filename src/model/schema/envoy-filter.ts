// EnvoyFilter: patches on generated Envoy configuration.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import type { Static } from './fields.ts';
import { int32, list, map, message, oneOf, port, positivePort, string, struct } from './fields.ts';
import { WorkloadSelector, targetReferences } from './common.ts';

const subFilter = message({ name: string });
const filter = message({ name: string, subFilter });

export const ProxyMatch = message({ proxyVersion: string, metadata: map(string) });
export type ProxyMatch = Static<typeof ProxyMatch>;

export const FilterChainMatch = message({
  name: string,
  sni: string,
  transportProtocol: string,
  applicationProtocols: string,
  filter,
  destinationPort: port,
});
export type FilterChainMatch = Static<typeof FilterChainMatch>;

export const ListenerMatch = message({
  portNumber: port,
  portName: string,
  filterChain: FilterChainMatch,
  listenerFilter: string,
  name: string,
});
export type ListenerMatch = Static<typeof ListenerMatch>;

export const ClusterMatch = message({ portNumber: port, service: string, subset: string, name: string });
export type ClusterMatch = Static<typeof ClusterMatch>;

const route = message({ name: string, action: oneOf('ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE') });

export const RouteConfigurationMatch = message({
  portNumber: port,
  portName: string,
  gateway: string,
  vhost: message({ name: string, domainName: string, route }),
  name: string,
});
export type RouteConfigurationMatch = Static<typeof RouteConfigurationMatch>;

export const WaypointMatch = message({ portNumber: positivePort, filter, route: message({ name: string }) });
export type WaypointMatch = Static<typeof WaypointMatch>;

/** At most one of listener, routeConfiguration, cluster and waypoint. */
export const EnvoyConfigObjectMatch = message({
  context: oneOf('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'),
  proxy: ProxyMatch,
  listener: ListenerMatch,
  routeConfiguration: RouteConfigurationMatch,
  cluster: ClusterMatch,
  waypoint: WaypointMatch,
});
export type EnvoyConfigObjectMatch = Static<typeof EnvoyConfigObjectMatch>;

export const Patch = message({
  operation: oneOf(
    'INVALID',
    'MERGE',
    'ADD',
    'REMOVE',
    'INSERT_BEFORE',
    'INSERT_AFTER',
    'INSERT_FIRST',
    'REPLACE',
    'MERGE_AND_REPLACE_LIST',
  ),
  value: struct,
  filterClass: oneOf('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
});
export type Patch = Static<typeof Patch>;

export const EnvoyConfigObjectPatch = message({
  applyTo: oneOf(
    'INVALID',
    'LISTENER',
    'FILTER_CHAIN',
    'NETWORK_FILTER',
    'HTTP_FILTER',
    'ROUTE_CONFIGURATION',
    'VIRTUAL_HOST',
    'HTTP_ROUTE',
    'CLUSTER',
    'EXTENSION_CONFIG',
    'BOOTSTRAP',
    'LISTENER_FILTER',
  ),
  match: EnvoyConfigObjectMatch,
  patch: Patch,
});
export type EnvoyConfigObjectPatch = Static<typeof EnvoyConfigObjectPatch>;

export const EnvoyFilterSpec = message({
  workloadSelector: WorkloadSelector,
  targetRefs: targetReferences,
  configPatches: list(EnvoyConfigObjectPatch),
  priority: int32,
});
export type EnvoyFilterSpec = Static<typeof EnvoyFilterSpec>;
