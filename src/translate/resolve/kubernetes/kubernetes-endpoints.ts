// The endpoints of Kubernetes Services: EndpointSlices joined with the Pods and Nodes behind them.
// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import { memo, sharedList } from '../../../model/memo.ts';
import type { Endpoint, MeshSettings, Service, ServiceEndpoints } from '../../../model/mesh/mesh.ts';
import { podAddresses } from '../../../model/mesh/pod.ts';
import type { PortKey } from '../../../model/mesh/service-port.ts';
import { portKey } from '../../../model/mesh/service-port.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import type { NetworkOf } from '../settings/networks.ts';
import { workloadMtls } from '../security/peer-authentication.ts';
import type { PeerAuthentications } from '../security/peer-authentication.ts';
import type { PodIndex } from './pods.ts';
import { podLocality, podWorkload, takesTunnels, workloadMetadata } from './workload.ts';

type EndpointSlice = KindMap['EndpointSlice'];
type Pod = KindMap['Pod'];
type Node = KindMap['Node'];
type SliceEndpoint = EndpointSlice['endpoints'][number];

/** EndpointSlices by `namespace/service name`. */
export const slicesByService = memo(
  (slices: ReadonlyMap<string, EndpointSlice>): ReadonlyMap<string, EndpointSlice[]> =>
    Map.groupBy([...slices.values()].toSorted(byName), serviceOfSlice),
);

export const serviceOfSlice = ({ metadata: { namespace, labels } }: EndpointSlice): string =>
  `${namespace}/${labels['kubernetes.io/service-name'] ?? ''}`;

export const byName = (a: EndpointSlice, b: EndpointSlice): number => (a.metadata.name < b.metadata.name ? -1 : 1);

/** `slices` are those of `service`; `mtls` the policies of its namespace. */
export function kubernetesEndpoints(
  settings: MeshSettings,
  service: Service,
  slices: readonly EndpointSlice[],
  pods: PodIndex,
  mtls: PeerAuthentications,
  networkOf: NetworkOf,
): ServiceEndpoints {
  const own = slices.flatMap((slice) => slice.endpoints.map((endpoint) => podOf(slice, endpoint, pods)));
  const nodes = own.map((pod) => pods.nodeOf(pod));
  return join(
    settings,
    service,
    mtls,
    networkOf,
    sharedList(slices),
    sharedList(own.map(orNone)),
    sharedList(nodes.map(orNone)),
  );
}

/** Stands for "no such Pod" or "no such Node" in lists whose elements are compared by identity. */
const none: object = {};
const orNone = (value: object | undefined): object => value ?? none;
const orUndefined = <T extends object>(value: object | undefined): T | undefined =>
  value === none ? undefined : (value as T | undefined);

function podOf(slice: EndpointSlice, endpoint: SliceEndpoint, pods: PodIndex): Pod | undefined {
  const target = endpoint.targetRef;
  if (target?.kind === 'Pod') return pods.byName(target.namespace ?? slice.metadata.namespace, target.name ?? '');
  return pods.byAddress(endpoint.addresses[0] ?? '');
}

const join = memo(
  (
    settings: MeshSettings,
    service: Service,
    mtls: PeerAuthentications,
    networkOf: NetworkOf,
    slices: readonly EndpointSlice[],
    pods: readonly object[],
    nodes: readonly object[],
  ): ServiceEndpoints => {
    const entries = slices.flatMap((slice) => slice.endpoints.map((endpoint, index) => ({ slice, endpoint, index })));
    const found = new Map<PortKey, Map<string, Endpoint>>();
    entries.forEach(({ slice, endpoint, index }, i) => {
      const health = healthOf(endpoint, service.session !== undefined);
      if (health === undefined) return;
      const facts = podFacts(
        settings,
        mtls,
        networkOf,
        orUndefined<Pod>(pods[i]),
        orUndefined<Node>(nodes[i]),
        endpoint,
      );
      const source = at(slice.source, `endpoints[${index}]`);
      const addressesOf = endpointAddresses(settings, service, orUndefined<Pod>(pods[i]));
      for (const [servicePort, port] of targetPorts(service, slice)) {
        const known = found.get(servicePort) ?? new Map<string, Endpoint>();
        found.set(servicePort, known);
        for (const where of addressesOf(slice, endpoint)) {
          const key = `${where.address}|${port}`;
          if (!known.has(key)) known.set(key, { ...facts(port, where.address), source, ...where, port, health });
        }
      }
    });
    return new Map([...found].map(([port, endpoints]) => [port, [...endpoints.values()]]));
  },
);

type Whereabouts = Pick<Endpoint, 'address' | 'otherAddresses'>;

/**
 * A Pod with addresses of both families, behind a Service with both, is one endpoint where both are to be used: that of its
 * IPv4 slice. Otherwise each address is an endpoint.
 */
const endpointAddresses =
  ({ features }: MeshSettings, service: Service, pod: Pod | undefined) =>
  (slice: EndpointSlice, endpoint: SliceEndpoint): readonly Whereabouts[] => {
    const [first, ...others] = pod === undefined ? [] : podAddresses(pod);
    const named = endpoint.targetRef?.kind === 'Pod' && first !== undefined && others.length > 0;
    if (!features.dualStack || !named || service.addresses.length < 2)
      return endpoint.addresses.map((address) => ({ address }));
    return slice.addressType === 'IPv6' ? [] : [{ address: first, otherAddresses: others }];
  };

/**
 * Ready: healthy. Neither ready nor on its way out: sent as unhealthy. Terminating: left out, unless it still serves
 * clients that are bound to it.
 */
function healthOf({ conditions }: SliceEndpoint, sessions: boolean): Endpoint['health'] {
  if (conditions?.ready ?? true) return 'healthy';
  if (conditions?.terminating !== true) return 'unhealthy';
  return sessions && conditions.serving === true ? 'draining' : undefined;
}

function targetPorts(service: Service, slice: EndpointSlice): readonly (readonly [PortKey, number])[] {
  return slice.ports.flatMap((port) => {
    const servicePort = service.ports.find((candidate) => candidate.name === (port.name ?? ''));
    return servicePort === undefined || port.port === undefined ? [] : [[portKey(servicePort), port.port] as const];
  });
}

function podFacts(
  settings: MeshSettings,
  mtls: PeerAuthentications,
  networkOf: NetworkOf,
  pod: Pod | undefined,
  node: Node | undefined,
  endpoint: SliceEndpoint,
): (port: number, address: string) => Omit<Endpoint, 'source' | 'address' | 'port' | 'health'> {
  const labels = pod?.metadata.labels ?? {};
  const namespace = pod?.metadata.namespace ?? '';
  const asked = pod === undefined ? undefined : workloadMtls(mtls, labels);
  const proxied = labels['security.istio.io/tlsMode'] === 'istio';
  const facts = {
    labels,
    namespace,
    serviceAccount: pod === undefined ? '' : (pod.spec?.serviceAccountName ?? 'default'),
    workload:
      pod === undefined
        ? `;;;;${settings.clusterId}`
        : workloadMetadata(podWorkload(pod), namespace, settings.clusterId),
    locality: podLocality(labels, node?.metadata.labels),
    ...(endpoint.hostname !== undefined && endpoint.hostname !== '' && { hostname: endpoint.hostname }),
    nodeName: endpoint.nodeName ?? pod?.spec?.nodeName ?? '',
  };
  return (port, address) => ({
    ...facts,
    network: networkOf(labels, namespace, address),
    ...(takesTunnels(labels, pod?.metadata.annotations) && { tunnels: true }),
    tlsMode: proxied && (asked?.ports[port] ?? asked?.mode) !== 'DISABLE' ? 'istio' : 'disabled',
  });
}
