// ClusterLoadAssignments: the endpoints of one port and subset of a service.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/endpoint/v3/endpoint.proto
import { memo } from '../../../model/memo.ts';
import type { Endpoint, MeshSettings, PolicySubset } from '../../../model/mesh/mesh.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import type { ServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { clusterName, connectOriginate, datagramCluster } from '../../names.ts';
import { from } from '../../provenance.ts';
import { selects } from '../../../model/mesh/labels.ts';
import type { LocalityGroup, LocalityRule, CallerPlace } from './locality.ts';
import { applyLocality, byLocality, localityGroups, localityRule, relevantPlace, weightOf } from './locality.ts';
import type { Reach } from './reach.ts';
import { reachable } from './reach.ts';
import { clusterPolicy } from '../cluster/traffic-policy.ts';
import type { EffectivePolicy } from '../cluster/traffic-policy.ts';

type ClusterLoadAssignment = MessageOf['envoy.config.endpoint.v3.ClusterLoadAssignment'];
type LbEndpoint = MessageOf['envoy.config.endpoint.v3.LbEndpoint'];

/**
 * What a cluster is for: connections to the endpoints themselves, mutual TLS that is passed through by its server name (only
 * to endpoints that take it), or connections that are led into tunnels where endpoints take those: all of them, or those
 * whose transport socket is for tunnels. Datagrams have neither TLS nor tunnels.
 */
export type AssignmentKind = 'direct' | 'datagrams' | 'byServerName' | 'tunnels' | 'matchedTunnels';

/** Of outbound clusters. */
export const assignmentKind = ({
  byServerName,
  proxyType,
}: {
  readonly byServerName?: true;
  readonly proxyType: string;
}): AssignmentKind => (byServerName === true ? 'byServerName' : proxyType === 'waypoint' ? 'matchedTunnels' : 'direct');

/** `endpoints` are those of the port. Where the caller is counts only where something depends on it. */
export function loadAssignment(
  settings: MeshSettings,
  view: ServiceView,
  port: number,
  subset: PolicySubset | undefined,
  endpoints: readonly Endpoint[],
  place: CallerPlace | undefined,
  reach: Reach | undefined,
  kind: AssignmentKind,
): Resource {
  const rule = localityRule(settings, view.service, clusterPolicy(settings, view.policy, port, subset));
  return build(
    settings,
    view,
    port,
    subset,
    endpoints,
    relevantPlace(rule, place),
    view.service.nodeLocal ? (place?.nodeName ?? '') : '',
    reach,
    kind,
  );
}

const build = memo(
  (
    settings: MeshSettings,
    view: ServiceView,
    port: number,
    subset: PolicySubset | undefined,
    endpoints: readonly Endpoint[],
    place: CallerPlace | undefined,
    nodeName: string,
    reach: Reach | undefined,
    kind: AssignmentKind,
  ): Resource => {
    const { hostname } = view.service;
    const name =
      kind === 'datagrams'
        ? datagramCluster(hostname, port)
        : clusterName(kind === 'byServerName', hostname, port, subset?.name ?? '');
    const policy = clusterPolicy(settings, view.policy, port, subset);
    const local = nodeName === '' ? endpoints : endpoints.filter((endpoint) => endpoint.nodeName === nodeName);
    const rule = localityRule(settings, view.service, policy);
    const message = assignment(name, local, policy, subset, rule, place, reach, kind);
    return { type: resourceTypes.endpoint, name, message };
  },
);

const nowhere: CallerPlace = { locality: { region: '', zone: '', subZone: '' }, labels: {}, network: '', nodeName: '' };

/** The message itself, which clusters found by DNS hold inline. */
export function assignment(
  name: string,
  endpoints: readonly Endpoint[],
  policy: EffectivePolicy,
  subset: PolicySubset | undefined,
  rule: LocalityRule | undefined,
  place: CallerPlace = nowhere,
  reach?: Reach,
  kind: AssignmentKind = 'direct',
): ClusterLoadAssignment {
  // With a least healthy share to keep, endpoints that are not ready would count against it.
  const readyOnly = (policy.outlierDetection?.value.minHealthPercent ?? 0) > 0;
  const chosen = endpoints
    .filter(
      (endpoint) =>
        (endpoint.address !== '' || reach?.networks !== undefined) &&
        (subset === undefined || selects(subset.labels ?? {}, endpoint.labels)) &&
        !(readyOnly && endpoint.health === 'unhealthy'),
    )
    .toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
  const secured = kind !== 'datagrams' && mayUseMeshTls(policy) ? chosen : chosen.map((each) => withoutMeshTls(each));
  const all = reach === undefined ? byLocality(secured) : localityGroups(reachable(secured, reach));
  const groups = applyLocality(kind === 'byServerName' ? takingMeshTls(all) : all, rule, place);
  return {
    cluster_name: name,
    ...(groups.length > 0 && { endpoints: groups.map((group) => localityEndpoints(group, kind)) }),
  };
}

/** A locality stays even when none of its endpoints does. */
const takingMeshTls = (groups: readonly LocalityGroup[]): readonly LocalityGroup[] =>
  localityGroups(
    groups.map(({ locality, endpoints }) => ({
      locality,
      endpoints: endpoints.filter(({ tlsMode }) => tlsMode === 'istio'),
    })),
  );

/** A policy with TLS settings of another kind decides for all endpoints, whatever they could. */
const mayUseMeshTls = ({ tls }: EffectivePolicy): boolean =>
  tls === undefined || tls.value.mode === undefined || tls.value.mode === 'ISTIO_MUTUAL';

const withoutMeshTls = memo((endpoint: Endpoint): Endpoint =>
  endpoint.tlsMode === 'disabled' ? endpoint : { ...endpoint, tlsMode: 'disabled' },
);

const localityEndpoints = (
  { locality, endpoints, weight, priority }: LocalityGroup,
  kind: AssignmentKind,
): MessageOf['envoy.config.endpoint.v3.LocalityLbEndpoints'] => ({
  locality: {
    ...(locality.region !== '' && { region: locality.region }),
    ...(locality.zone !== '' && { zone: locality.zone }),
    ...(locality.subZone !== '' && { sub_zone: locality.subZone }),
  },
  ...(endpoints.length > 0 && {
    lb_endpoints: endpoints.map((endpoint) => lbEndpoint(endpoint, tunnelTo(endpoint, kind))),
  }),
  ...(weight > 0 && { load_balancing_weight: weight }),
  ...(priority > 0 && { priority }),
});

const healthStatus = { healthy: 'HEALTHY', unhealthy: 'UNHEALTHY', draining: 'DRAINING' } as const;

const lbEndpoint = memo((endpoint: Endpoint, tunnel: 'none' | 'bare' | 'matched'): LbEndpoint =>
  from(endpoint.source, {
    endpoint: tunnel === 'none' ? addressesOf(endpoint) : { address: tunnelAddress(endpoint) },
    ...(endpoint.health !== undefined && { health_status: healthStatus[endpoint.health] }),
    load_balancing_weight: weightOf(endpoint),
    metadata: {
      filter_metadata: {
        istio: { workload: endpoint.workload },
        ...(tunnel !== 'none' && { 'envoy.filters.listener.original_dst': { local: hostAndPort(endpoint) } }),
        ...transportMatch(endpoint, tunnel),
      },
    },
  }),
);

/** Envoy tries the others when the first one is slow to answer. */
const addressesOf = ({ address, otherAddresses = [], port }: Endpoint): NonNullable<LbEndpoint['endpoint']> => ({
  address: addressOf({ address, port }),
  ...(otherAddresses.length > 0 && {
    additional_addresses: otherAddresses.map((other) => ({ address: addressOf({ address: other, port }) })),
  }),
});

const addressOf = ({ address, port }: Pick<Endpoint, 'address' | 'port'>): MessageOf['envoy.config.core.v3.Address'] =>
  address.startsWith('unix://')
    ? { pipe: { path: address.slice('unix://'.length) } }
    : { socket_address: { address, port_value: port } };

const tunnelTo = ({ tunnels }: Endpoint, kind: AssignmentKind): 'none' | 'bare' | 'matched' => {
  if (tunnels !== true) return 'none';
  return kind === 'tunnels' ? 'bare' : kind === 'matchedTunnels' ? 'matched' : 'none';
};

const transportMatch = ({ tlsMode }: Endpoint, tunnel: 'none' | 'bare' | 'matched') => {
  if (tunnel === 'matched') return { 'envoy.transport_socket_match': { tunnel: 'http' } };
  return tlsMode === 'istio' && tunnel === 'none' ? { 'envoy.transport_socket_match': { tlsMode: 'istio' } } : {};
};

/** The listener that begins tunnels; the address is told to it in metadata. */
const tunnelAddress = (endpoint: Endpoint): MessageOf['envoy.config.core.v3.Address'] => ({
  envoy_internal_address: { server_listener_name: connectOriginate, endpoint_id: hostAndPort(endpoint) },
});

const hostAndPort = ({ address, port }: Endpoint): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
