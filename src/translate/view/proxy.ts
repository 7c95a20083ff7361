// A Proxy from the node that Envoy sends: id, metadata and, where the Pod is known, what its Node says.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/base.proto#config-core-v3-node
import { memo, memoLast } from '../../model/memo.ts';
import type { InterceptionMode, Locality, Proxy } from '../../model/proxy/proxy.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { PodIndex } from '../resolve/kubernetes/pods.ts';
import type { VirtualMachines } from '../resolve/service-entry/virtual-machines.ts';
import { canonical, podLocality } from '../resolve/kubernetes/workload.ts';
import type { Installation } from '../resolve/settings/mesh-settings.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * The node id is `type~address~pod.namespace~dns domain`; anything else is not a proxy of a mesh. The same object for a node
 * as long as nothing of it changes.
 */
export function proxyOf(
  node: NodeInfo,
  installation: Installation,
  pods: PodIndex,
  machines: VirtualMachines,
): Proxy | undefined {
  const declared = declaredBy(node);
  if (declared === undefined) return undefined;
  const { namespace, podName, ipAddresses } = declared;
  const pod = pods.byName(namespace, podName);
  const machine = machines.labelsAt(namespace, ipAddresses);
  const runsOn = pod === undefined ? undefined : (pod.spec?.nodeName ?? '');
  return described(declared, installation, node, runsOn, pods.nodeOf(pod)?.metadata.labels, machine);
}

/** What a node says of itself, whatever the mesh knows. */
interface Declared {
  readonly type: Proxy['type'];
  readonly id: string;
  readonly dnsDomain: string;
  readonly namespace: string;
  readonly podName: string;
  readonly ipAddresses: readonly string[];
}

const declaredBy = memo((node: NodeInfo): Declared | undefined => {
  const [type, address, id, dnsDomain] = node.id.split('~');
  if (
    (type !== 'sidecar' && type !== 'router' && type !== 'waypoint') ||
    address === undefined ||
    id === undefined ||
    dnsDomain === undefined
  )
    return undefined;
  const namespace = textOf(node, 'NAMESPACE') || id.slice(id.lastIndexOf('.') + 1);
  const addresses = textOf(node, 'INSTANCE_IPS')
    .split(',')
    .filter((ip) => ip !== '');
  const ipAddresses = addresses.length > 0 ? addresses : [address];
  return { type, id, dnsDomain, namespace, podName: podNameOf(id, namespace), ipAddresses };
});

const textOf = ({ metadata }: NodeInfo, key: string): string =>
  typeof metadata[key] === 'string' ? metadata[key] : '';

/** `runsOn`: the name of its Pod's Node; undefined if there is no such Pod. */
const described = memoLast(
  (
    { type, id, dnsDomain, namespace, podName, ipAddresses }: Declared,
    installation: Installation,
    node: NodeInfo,
    runsOn: string | undefined,
    nodeLabels: Labels | undefined,
    machineLabels: Labels | undefined,
  ): Proxy => {
    const { metadata } = node;
    const text = (key: string): string => textOf(node, key);
    const workload = text('WORKLOAD_NAME') || podName;
    const labels = { ...stringRecord(metadata['LABELS']), ...machineLabels };
    const httpProxyPort = Number(text('HTTP_PROXY_PORT') || metadata['HTTP_PROXY_PORT']);
    return {
      type,
      id,
      namespace,
      serviceCluster: node.cluster,
      ipAddresses,
      dnsDomain,
      clusterId: text('CLUSTER_ID') || installation.clusterId,
      network: text('NETWORK'),
      meshId: text('MESH_ID'),
      labels,
      serviceAccount: text('SERVICE_ACCOUNT') || 'default',
      workloadName: workload,
      ...(runsOn === undefined ? declaredNames(labels) : names(labels, workload)),
      nodeName: text('NODE_NAME') || (runsOn ?? ''),
      locality: node.locality === undefined ? podLocality(labels, nodeLabels) : localityOf(node.locality),
      interceptionMode: interceptionMode(text('INTERCEPTION_MODE')),
      dnsCapture: isTrue(metadata['DNS_CAPTURE']),
      ...(httpProxyPort > 0 && { httpProxyPort }),
      metadata,
    };
  },
);

function names(
  labels: Readonly<Record<string, string>>,
  workload: string,
): Pick<Proxy, 'canonicalName' | 'canonicalRevision'> {
  const { canonicalName, canonicalRevision } = canonical(labels, workload, 'latest');
  return { canonicalName, canonicalRevision };
}

/** What is no Pod goes by what its labels say outright, as in Istio's spans. */
const declaredNames = (
  labels: Readonly<Record<string, string>>,
): Pick<Proxy, 'canonicalName' | 'canonicalRevision'> => ({
  canonicalName: labels['service.istio.io/canonical-name'] ?? 'unknown',
  canonicalRevision: labels['service.istio.io/canonical-revision'] ?? 'latest',
});

const interceptionMode = (text: string): InterceptionMode => (text === 'TPROXY' || text === 'NONE' ? text : 'REDIRECT');

const isTrue = (value: unknown): boolean =>
  value === true || (typeof value === 'string' && ['true', '1'].includes(value.toLowerCase()));

const localityOf = (locality: NonNullable<NodeInfo['locality']>): Locality => ({
  region: locality.region ?? '',
  zone: locality.zone ?? '',
  subZone: locality.sub_zone ?? '',
});

function stringRecord(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** The Pod in `<pod>.<namespace>`, the third part of a node id. */
export const podNameOf = (id: string, namespace: string): string =>
  id.endsWith(`.${namespace}`) ? id.slice(0, -namespace.length - 1) : id;
