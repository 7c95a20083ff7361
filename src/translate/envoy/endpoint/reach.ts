// Endpoints as a caller reaches them: those of its own network directly, those of others through that network's gateways,
// which only take mutual TLS and go by its server name.
// https://istio.io/latest/docs/ops/deployment/deployment-models/#multiple-networks
import { memo, sharedList } from '../../../model/memo.ts';
import type { Endpoint, NetworkGateway, Networks } from '../../../model/mesh/mesh.ts';
import type { Locality } from '../../../model/proxy/proxy.ts';
import { localityText } from '../../resolve/kubernetes/workload.ts';
import { weightOf } from './locality.ts';

/** The networks of a mesh as seen from one of them. */
export interface Reach {
  readonly networks: Networks | undefined;
  /** '' when the caller does not know: then every network with a gateway is another one. */
  readonly network: string;
  /** Only endpoints of these networks are wanted, and those of no network; undefined: all. */
  readonly wanted: string | undefined;
}

const reach = memo((networks: Networks | undefined, network: string, wanted: string | undefined): Reach => ({
  networks,
  network,
  wanted,
}));

/** undefined when everything is reached directly. `wanted` is a comma-separated list. */
export const reachFrom = (
  networks: Networks | undefined,
  network: string,
  wanted: string | undefined,
): Reach | undefined => {
  const view = wanted === undefined || wanted === '' ? undefined : wanted;
  return networks === undefined && view === undefined ? undefined : reach(networks, network, view);
};

/** What a locality is left with: it stays even when it has no endpoint that can be reached. */
export interface Reached {
  readonly locality: Locality;
  readonly endpoints: readonly Endpoint[];
}

/** By locality, each with its endpoints and the gateways that stand for those of other networks. */
export function reachable(endpoints: readonly Endpoint[], from: Reach): readonly Reached[] {
  const wanted = from.wanted?.split(',').map((network) => network.trim());
  const visible = endpoints.filter(({ network }) => network === '' || (wanted?.includes(network) ?? true));
  return [...Map.groupBy(visible, ({ locality }) => localityText(locality)).values()].map((own) => {
    const { locality } = own[0] as Endpoint;
    const { networks, network } = from;
    return { locality, endpoints: networks === undefined ? own : through(own, networks, network, locality) };
  });
}

function through(
  endpoints: readonly Endpoint[],
  { gateways, weightScale }: Networks,
  network: string,
  locality: Locality,
): readonly Endpoint[] {
  const direct: Endpoint[] = [];
  const weights = new Map<NetworkGateway, number>();
  for (const endpoint of endpoints) {
    const weight = weightOf(endpoint) * weightScale;
    const between = endpoint.network === network ? none : (gateways.get(endpoint.network) ?? none);
    if (between.length === 0 && endpoint.address !== '')
      direct.push(weightScale === 1 ? endpoint : { ...endpoint, weight });
    else if (between.length > 0 && endpoint.tlsMode === 'istio')
      for (const gateway of between) weights.set(gateway, (weights.get(gateway) ?? 0) + weight / between.length);
  }
  return [...direct, ...[...weights].map(([gateway, weight]) => gatewayEndpoint(gateway, weight, locality))];
}

const none: readonly NetworkGateway[] = sharedList([]);

/** The gateway's own network is what counts from here on. */
const gatewayEndpoint = (
  { source, network, cluster, address, port }: NetworkGateway,
  weight: number,
  locality: Locality,
): Endpoint => ({
  source,
  address,
  port,
  labels: {},
  serviceAccount: '',
  namespace: '',
  workload: `;;;;${cluster}`,
  tlsMode: 'istio',
  locality,
  network,
  nodeName: '',
  weight,
});
