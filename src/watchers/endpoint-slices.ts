// EndpointSlices for hand-written configuration: what Kubernetes' endpoint slice controller would make of a Service and
// the Pods it selects. Only for Services without a slice of their own; unchanged inputs give the same objects.
// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import type { AnyObject, EndpointPort, KindMap, ServicePort } from '../model/schema/index.ts';
import { isIPv6 } from 'node:net';
import { selects } from '../model/mesh/labels.ts';
import { memo, sharedList, sharedValue } from '../model/memo.ts';
import { objectKey } from '../model/object.ts';
import { podAddresses } from '../model/mesh/pod.ts';

type Service = KindMap['Service'];
type Pod = KindMap['Pod'];
type Slice = KindMap['EndpointSlice'];
type Endpoint = Slice['endpoints'][number];
type Zones = Readonly<Record<string, string>>;

const serviceName = 'kubernetes.io/service-name';
const families = ['IPv4', 'IPv6'] as const;

/** `objects` and the slices that are missing among them. */
export function withDerivedSlices(objects: readonly AnyObject[]): readonly AnyObject[] {
  const of = <K extends AnyObject['kind']>(kind: K) => objects.filter((object) => object.kind === kind);
  const written = new Set(
    (of('EndpointSlice') as Slice[]).map(({ metadata }) =>
      objectKey(metadata.namespace, metadata.labels[serviceName] ?? ''),
    ),
  );
  const services = (of('Service') as Service[]).filter(
    ({ spec, metadata }) =>
      Object.keys(spec.selector ?? {}).length > 0 &&
      spec.type !== 'ExternalName' &&
      !written.has(objectKey(metadata.namespace, metadata.name)),
  );
  if (services.length === 0) return objects;
  const pods = podsByNamespace(of('Pod') as Pod[]);
  const zones = sharedValue(zonesOf(of('Node') as KindMap['Node'][]));
  return [
    ...objects,
    ...services.flatMap((service) =>
      slices(service, selected(pods.get(service.metadata.namespace) ?? none, service), zones),
    ),
  ];
}

const none: readonly Pod[] = [];

function podsByNamespace(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const alive = pods.filter(
    (pod) => podAddresses(pod).length > 0 && !/^(Succeeded|Failed)$/.test(pod.status.phase ?? ''),
  );
  const grouped = Map.groupBy(alive, (pod) => pod.metadata.namespace);
  return new Map([...grouped].map(([namespace, group]) => [namespace, sharedList(group)]));
}

const selected = memo((pods: readonly Pod[], service: Service): readonly Pod[] =>
  sharedList(pods.filter(({ metadata }) => selects(service.spec.selector ?? {}, metadata.labels))),
);

const zonesOf = (nodes: readonly KindMap['Node'][]): Zones =>
  Object.fromEntries(
    nodes
      .flatMap(({ metadata }): [string, string][] => {
        const zone = metadata.labels['topology.kubernetes.io/zone'];
        return zone === undefined ? [] : [[metadata.name, zone]];
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );

/** One slice for each address family and each set of port numbers: a named target port differs between pods. */
const slices = memo((service: Service, pods: readonly Pod[], zones: Zones): readonly Slice[] =>
  families.flatMap((family) => {
    const groups = new Map<string, { readonly ports: readonly EndpointPort[]; readonly endpoints: Endpoint[] }>();
    for (const pod of pods) {
      const own = podAddresses(pod).filter((address) => isIPv6(address) === (family === 'IPv6'));
      if (own.length === 0) continue;
      const ports = (service.spec.ports ?? []).flatMap((servicePort) => endpointPort(servicePort, pod));
      const key = JSON.stringify(ports);
      const group = groups.get(key) ?? { ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpoint(service, pod, own.slice(0, 1), zones));
    }
    return [...groups.values()].map(({ ports, endpoints }, index) => slice(service, family, index, ports, endpoints));
  }),
);

function endpointPort({ name = '', protocol = 'TCP', appProtocol, port, targetPort = port }: ServicePort, pod: Pod) {
  const container = (pod.spec.containers ?? [])
    .flatMap(({ ports }) => ports ?? [])
    .find((candidate) => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol);
  const number = typeof targetPort === 'number' ? targetPort || port : container?.containerPort;
  return number === undefined ? [] : [{ name, protocol, port: number, ...(appProtocol && { appProtocol }) }];
}

function endpoint({ spec, metadata: service }: Service, pod: Pod, own: readonly string[], zones: Zones): Endpoint {
  const { metadata, spec: podSpec, status } = pod;
  const terminating = metadata.deletionTimestamp !== undefined;
  const serving = (status.conditions ?? []).find(({ type }) => type === 'Ready')?.status !== 'False';
  const zone = zones[podSpec.nodeName ?? ''];
  return {
    addresses: own,
    conditions: { ready: spec.publishNotReadyAddresses === true || (serving && !terminating), serving, terminating },
    targetRef: {
      kind: 'Pod',
      namespace: metadata.namespace,
      name: metadata.name,
      ...(metadata.uid && { uid: metadata.uid }),
    },
    ...(podSpec.hostname && podSpec.subdomain === service.name && { hostname: podSpec.hostname }),
    ...(podSpec.nodeName && { nodeName: podSpec.nodeName }),
    ...(zone && { zone }),
  };
}

function slice(
  service: Service,
  addressType: string,
  index: number,
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
): Slice {
  const { name, namespace, creationTimestamp } = service.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${addressType.toLowerCase()}${index === 0 ? '' : `-${index + 1}`}`,
      namespace,
      labels: { [serviceName]: name, 'endpointslice.kubernetes.io/managed-by': 'keelson' },
      annotations: {},
      creationTimestamp,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, controller: true }],
    },
    source: service.source,
    ...(service.position && { position: service.position }),
    addressType,
    ports,
    endpoints,
  };
}
