// A made-up mesh of any size, as the objects a user would write: services of two pods each, spread over namespaces, a
// tenth of them with a VirtualService and a DestinationRule. And the changes that the benchmark measures.
import type { Kind, KindMap } from '../src/model/schema/index.ts';
import type { NodeInfo } from '../src/model/envoy/resource.ts';
import { objectKey } from '../src/model/object.ts';
import type { Snapshot } from '../src/model/snapshot.ts';
import { emptySnapshot } from '../src/model/snapshot.ts';
import { parse } from '../src/watchers/parse.ts';

/** An object as a user writes it. */
export interface Raw {
  readonly kind: string;
  readonly metadata: { readonly name: string } & Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

const namespaces = 10;
const serviceName = (i: number): string => `svc-${String(i).padStart(4, '0')}`;
const namespaceOf = (i: number): string => `mesh-${i % namespaces}`;
const address = (block: number, i: number): string => `10.${block}.${Math.floor(i / 250)}.${(i % 250) + 1}`;

/** The whole mesh of `services` services. */
export const meshOf = (services: number): Snapshot =>
  applyObjects(emptySnapshot, Array.from({ length: services }, (_, i) => objectsOf(i)).flat());

function objectsOf(i: number): readonly Raw[] {
  const routed = i % 10 === 0 ? [virtualService(i, 90), destinationRule(i, 100)] : [];
  return [service(i), pod(i, 1), pod(i, 2), endpointSlice(i, [1, 2]), ...routed];
}

const service = (i: number): Raw => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: serviceName(i), namespace: namespaceOf(i) },
  spec: {
    clusterIP: address(96, i),
    selector: { app: serviceName(i) },
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  },
});

const pod = (i: number, instance: number): Raw => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `${serviceName(i)}-${instance}`,
    namespace: namespaceOf(i),
    labels: { app: serviceName(i), version: `v${instance}`, 'security.istio.io/tlsMode': 'istio' },
  },
  spec: { serviceAccountName: serviceName(i), containers: [{ name: 'app' }] },
  status: { podIP: address(100 + instance, i), conditions: [{ type: 'Ready', status: 'True' }] },
});

const endpointSlice = (i: number, instances: readonly number[]): Raw => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: `${serviceName(i)}-1`,
    namespace: namespaceOf(i),
    labels: { 'kubernetes.io/service-name': serviceName(i) },
  },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: instances.map((instance) => ({
    addresses: [address(100 + instance, i)],
    conditions: { ready: true },
    targetRef: { kind: 'Pod', name: `${serviceName(i)}-${instance}`, namespace: namespaceOf(i) },
  })),
});

const virtualService = (i: number, weight: number): Raw => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: serviceName(i), namespace: namespaceOf(i) },
  spec: {
    hosts: [serviceName(i)],
    http: [
      {
        route: [
          { destination: { host: serviceName(i), subset: 'v1' }, weight },
          { destination: { host: serviceName(i), subset: 'v2' }, weight: 100 - weight },
        ],
      },
    ],
  },
});

const destinationRule = (i: number, connections: number): Raw => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: serviceName(i), namespace: namespaceOf(i) },
  spec: {
    host: serviceName(i),
    trafficPolicy: { connectionPool: { tcp: { maxConnections: connections } } },
    subsets: [
      { name: 'v1', labels: { version: 'v1' } },
      { name: 'v2', labels: { version: 'v2' } },
    ],
  },
});

const namespacePolicy = (mode: string): Raw => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: { name: 'default', namespace: namespaceOf(0) },
  spec: { mtls: { mode } },
});

export interface Change {
  readonly name: string;
  /** Touches all services of a namespace, and so may cost more in a larger mesh. */
  readonly wholeNamespace?: true;
  readonly apply: (before: Snapshot, services: number) => Snapshot;
}

/** Each touches service 0, or the namespace that it lives in. */
export const changes: readonly Change[] = [
  { name: 'endpoint removed', apply: (before) => applyObjects(before, [endpointSlice(0, [1])]) },
  { name: 'VirtualService weight', apply: (before) => applyObjects(before, [virtualService(0, 50)]) },
  { name: 'DestinationRule limit', apply: (before) => applyObjects(before, [destinationRule(0, 7)]) },
  { name: 'service added', apply: (before, services) => applyObjects(before, objectsOf(services + 1)) },
  {
    name: 'namespace STRICT',
    wholeNamespace: true,
    apply: (before) => applyObjects(before, [namespacePolicy('STRICT')]),
  },
  { name: 'nothing (same content)', apply: (before) => ({ ...before, version: before.version + 1 }) },
];

/** `before` with these objects put in or replaced: Maps of other kinds keep their identity. */
export function applyObjects(before: Snapshot, raws: readonly Raw[]): Snapshot {
  const changed: { [K in Kind]?: Map<string, KindMap[K]> } = {};
  for (const raw of raws) {
    const kind = raw.kind as Kind;
    const { object, problems } = parse(raw);
    if (object === undefined)
      throw new Error(`the benchmark's own ${kind} ${raw.metadata.name} is refused: ${JSON.stringify(problems)}`);
    const objects = (changed[kind] ??= new Map(before.objects[kind]) as never) as Map<string, unknown>;
    objects.set(objectKey(object.metadata.namespace, object.metadata.name), object);
  }
  return { version: before.version + 1, objects: { ...before.objects, ...changed } };
}

/** The nodes of `count` sidecars, those of the first services, and so of all namespaces alike. */
export const nodesOf = (count: number): readonly NodeInfo[] =>
  Array.from({ length: count }, (_, i) => {
    const [name, namespace, ip] = [`${serviceName(i)}-1`, namespaceOf(i), address(101, i)];
    return {
      id: `sidecar~${ip}~${name}.${namespace}~${namespace}.svc.cluster.local`,
      cluster: `${serviceName(i)}.${namespace}`,
      metadata: {
        NAMESPACE: namespace,
        SERVICE_ACCOUNT: serviceName(i),
        WORKLOAD_NAME: serviceName(i),
        LABELS: { app: serviceName(i), version: 'v1', 'security.istio.io/tlsMode': 'istio' },
        INSTANCE_IPS: ip,
      },
    };
  });
