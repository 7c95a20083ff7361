// ClusterLoadAssignments: the endpoints of one port and subset of a service.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/endpoint/v3/endpoint.proto
import { memo } from '../../../model/memo.ts';
import type { Endpoint, MeshSettings, PolicySubset } from '../../../model/mesh.ts';
import type { Resource } from '../../../model/resource.ts';
import { resourceTypes } from '../../../model/resource.ts';
import type { ServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { outboundCluster } from '../../names.ts';
import { from } from '../../provenance.ts';
import { selects } from '../../resolve/labels.ts';
import type { LocalityGroup, LocalityRule, CallerPlace } from './locality.ts';
import { applyLocality, byLocality, dependsOnPlace, localityRule, weightOf } from './locality.ts';
import { effectivePolicy } from '../cluster/traffic-policy.ts';
import type { EffectivePolicy } from '../cluster/traffic-policy.ts';

type ClusterLoadAssignment = MessageOf['envoy.config.endpoint.v3.ClusterLoadAssignment'];
type LbEndpoint = MessageOf['envoy.config.endpoint.v3.LbEndpoint'];

/** `endpoints` are those of the port. Where the caller is counts only where something depends on it. */
export function loadAssignment(
  settings: MeshSettings,
  view: ServiceView,
  port: number,
  subset: PolicySubset | undefined,
  endpoints: readonly Endpoint[],
  place: CallerPlace,
): Resource {
  const rule = localityRule(settings, view.service, effectivePolicy(view.policy, port, subset));
  return build(
    settings,
    view,
    port,
    subset,
    endpoints,
    dependsOnPlace(rule) ? place : undefined,
    view.service.nodeLocal ? place.nodeName : '',
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
  ): Resource => {
    const name = outboundCluster(view.service.hostname, port, subset?.name ?? '');
    const policy = effectivePolicy(view.policy, port, subset);
    const local = nodeName === '' ? endpoints : endpoints.filter((endpoint) => endpoint.nodeName === nodeName);
    const message = assignment(name, local, policy, subset, localityRule(settings, view.service, policy), place);
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
): ClusterLoadAssignment {
  // With a least healthy share to keep, endpoints that are not ready would count against it.
  const readyOnly = (policy.outlierDetection?.value.minHealthPercent ?? 0) > 0;
  const chosen = endpoints
    .filter(
      (endpoint) =>
        (subset === undefined || selects(subset.labels ?? {}, endpoint.labels)) &&
        !(readyOnly && endpoint.health === 'unhealthy'),
    )
    .toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
  const groups = applyLocality(byLocality(chosen), rule, place);
  return { cluster_name: name, ...(groups.length > 0 && { endpoints: groups.map(localityEndpoints) }) };
}

const localityEndpoints = ({
  locality,
  endpoints,
  weight,
  priority,
}: LocalityGroup): MessageOf['envoy.config.endpoint.v3.LocalityLbEndpoints'] => ({
  locality: {
    ...(locality.region !== '' && { region: locality.region }),
    ...(locality.zone !== '' && { zone: locality.zone }),
    ...(locality.subZone !== '' && { sub_zone: locality.subZone }),
  },
  lb_endpoints: endpoints.map(lbEndpoint),
  load_balancing_weight: weight,
  ...(priority > 0 && { priority }),
});

const healthStatus = { healthy: 'HEALTHY', unhealthy: 'UNHEALTHY', draining: 'DRAINING' } as const;

const lbEndpoint = memo((endpoint: Endpoint): LbEndpoint =>
  from(endpoint.source, {
    endpoint: { address: addressOf(endpoint) },
    ...(endpoint.health !== undefined && { health_status: healthStatus[endpoint.health] }),
    load_balancing_weight: weightOf(endpoint),
    metadata: {
      filter_metadata: {
        istio: { workload: endpoint.workload },
        ...(endpoint.tlsMode === 'istio' && { 'envoy.transport_socket_match': { tlsMode: 'istio' } }),
      },
    },
  }),
);

const addressOf = ({ address, port }: Endpoint): MessageOf['envoy.config.core.v3.Address'] =>
  address.startsWith('unix://')
    ? { pipe: { path: address.slice('unix://'.length) } }
    : { socket_address: { address, port_value: port } };
