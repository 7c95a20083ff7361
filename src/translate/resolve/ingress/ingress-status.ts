// Where an Ingress is reached: the addresses of the Service in front of the gateway, or of the Node that the gateway runs on.
// https://kubernetes.io/docs/reference/kubernetes-api/networking/ingress-v1/#IngressStatus
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import { selects } from '../../../model/mesh/labels.ts';
import { objectKey } from '../../../model/object.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import type { SnapshotObjects } from '../../../model/snapshot.ts';
import type { ObjectStatus } from '../../../model/status.ts';
import { compareText } from '../order.ts';
import { ingressNamespace, ingressSelector, ingressServiceName } from './ingress-gateway.ts';

/** The same for all Ingresses. */
export function ingressStatuses(
  settings: MeshSettings,
  ingresses: readonly KindMap['Ingress'][],
  objects: Pick<SnapshotObjects, 'Service' | 'Pod' | 'Node'>,
): readonly ObjectStatus[] {
  if (ingresses.length === 0) return [];
  const ingress = addresses(settings, objects)
    .map((address) => (isIp(address) ? { ip: address } : { hostname: address }))
    .toSorted((a, b) => compareText(a.hostname ?? '', b.hostname ?? '') || compareText(a.ip ?? '', b.ip ?? ''));
  const status = { loadBalancer: ingress.length === 0 ? {} : { ingress } };
  return ingresses.map(({ kind, metadata: { namespace, name } }) => ({ kind, namespace, name, status }));
}

function addresses(
  settings: MeshSettings,
  { Service, Pod, Node }: Pick<SnapshotObjects, 'Service' | 'Pod' | 'Node'>,
): readonly string[] {
  const name = ingressServiceName(settings);
  if (name === '') return nodeAddresses(settings, Pod, Node);
  const service = Service.get(objectKey(ingressNamespace(settings), name));
  if (service === undefined) return [];
  if (service.spec.type === 'ExternalName') return [service.spec.externalName ?? ''].filter((host) => host !== '');
  const assigned = (service.status?.loadBalancer?.ingress ?? []).map(({ ip = '', hostname = '' }) => ip || hostname);
  return [...assigned, ...(service.spec.externalIPs ?? [])].filter((address) => address !== '');
}

/** Of the first gateway that runs. */
function nodeAddresses(
  settings: MeshSettings,
  pods: SnapshotObjects['Pod'],
  nodes: SnapshotObjects['Node'],
): readonly string[] {
  const selector = ingressSelector(settings);
  const running = [...pods.values()].find(
    ({ metadata, spec, status }) =>
      metadata.namespace === ingressNamespace(settings) &&
      selects(selector, metadata.labels) &&
      status?.phase === 'Running' &&
      nodes.has(`/${spec.nodeName ?? ''}`),
  );
  const node = nodes.get(`/${running?.spec.nodeName ?? ''}`);
  const external = (node?.status?.addresses ?? []).filter(({ type }) => type === 'ExternalIP');
  return [...new Set(external.map(({ address }) => address))].filter((address) => address !== '');
}

const isIp = (address: string): boolean => address.includes(':') || /^(?:\d{1,3}\.){3}\d{1,3}$/.test(address);
