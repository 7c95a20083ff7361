// The benchmark's mesh as one sidecar uses it: services whose Pods have no sidecar, so that servers of ours can stand in for
// them, and services that speak TCP.
import { invariant } from '../../src/model/invariant.ts';
import type { NodeInfo } from '../../src/model/envoy/resource.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { lazyLabel } from '../../src/translate/lazy/lazy-proxy.ts';
import type { Raw } from '../mesh.ts';
import { applyObjects, meshOf, nodesOf } from '../mesh.ts';

/** Services that speak HTTP and services that speak TCP, as many of each as are asked for. */
export const lazyMesh = (http: number, tcp: number): Snapshot =>
  applyObjects(withoutSidecars(meshOf(http)), Array.from({ length: tcp }, (_, i) => tcpObjects(i)).flat());

const address = (block: number, i: number): string => `10.${block}.${Math.floor(i / 250)}.${(i % 250) + 1}`;

/** Where a service is, and what its clients call it. */
export const httpService = (i: number) => ({
  address: address(96, i),
  host: `svc-${String(i).padStart(4, '0')}.mesh-${i % 10}`,
});
export const tcpService = (i: number) => ({ address: address(97, i), pod: address(103, i) });

/** Their endpoints are plain HTTP; what leads to them is as it always is. */
function withoutSidecars(snapshot: Snapshot): Snapshot {
  const pods = [...snapshot.objects.Pod].map(([key, pod]) => {
    const { 'security.istio.io/tlsMode': _mode, ...labels } = pod.metadata.labels;
    return [key, { ...pod, metadata: { ...pod.metadata, labels } }] as const;
  });
  return { ...snapshot, objects: { ...snapshot.objects, Pod: new Map(pods) } };
}

export const addService = (snapshot: Snapshot, name: string, ip: string): Snapshot =>
  applyObjects(snapshot, serviceObjects(name, ip, address(104, 0), { name: 'http', port: 80, targetPort: 8080 }));

export function removeService(snapshot: Snapshot, name: string): Snapshot {
  const Service = new Map(snapshot.objects.Service);
  Service.delete(`mesh-0/${name}`);
  return { version: snapshot.version + 1, objects: { ...snapshot.objects, Service } };
}

export const tcpObjects = (i: number): readonly Raw[] =>
  serviceObjects(`db-${i}`, tcpService(i).address, tcpService(i).pod, { name: 'tcp', port: 9000, targetPort: 9001 });

const serviceObjects = (
  name: string,
  clusterIP: string,
  pod: string,
  port: { readonly name: string; readonly port: number; readonly targetPort: number },
): readonly Raw[] => [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'mesh-0' },
    spec: { clusterIP, selector: { app: name }, ports: [port] },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace: 'mesh-0', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: port.name, port: port.targetPort, protocol: 'TCP' }],
    endpoints: [{ addresses: [pod], conditions: { ready: true } }],
  },
];

/** The sidecar of service 0's first Pod, in the namespace `mesh-0`. */
export function sidecarNode(): NodeInfo {
  const [node] = nodesOf(1);
  invariant(node !== undefined, 'there is a node');
  return node;
}

/** Whether the namespace of that Pod is to have lazy configuration. */
export const withLazy = (snapshot: Snapshot, lazy: boolean): Snapshot =>
  applyObjects(snapshot, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'mesh-0', labels: { [lazyLabel]: String(lazy) } } },
  ]);

export const registryOnly = (snapshot: Snapshot): Snapshot =>
  withSettings(snapshot, 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n');

/** The standard ones, as an install has them. */
export const withMetrics = (snapshot: Snapshot): Snapshot =>
  withSettings(snapshot, 'defaultProviders: { metrics: [prometheus] }\n');

const withSettings = (snapshot: Snapshot, mesh: string): Snapshot =>
  applyObjects(snapshot, [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh } },
  ]);
