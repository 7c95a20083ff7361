// The node that the Envoy of a Pod presents itself with, from the Pod alone: what an injected proxy learns from
// the downward API, so that a directory of YAML and a cluster lead to the same proxies.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/base.proto#config-core-v3-node
import type { Locality, Proxy } from '../../model/proxy/proxy.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { networkLabel } from '../../model/mesh/labels.ts';
import { podAddresses } from '../../model/mesh/pod.ts';
import type { Snapshot } from '../../model/snapshot.ts';

import { parse } from 'yaml';

import { nodeAnnotations } from '../../bootstrap/stats-annotations.ts';
import { defaultInstallation, meshSettings } from '../../translate/resolve/settings/mesh-settings.ts';
import { podLocality, podWorkload } from '../../translate/resolve/kubernetes/workload.ts';
import { proxyEnvironment } from './proxy-environment.ts';

type Pod = KindMap['Pod'];
type Metadata = Readonly<Record<string, unknown>>;

/** undefined: the Pod has no address yet, so nothing can be said about it. */
export function nodeOfPod(pod: Pod, snapshot: Snapshot): NodeInfo | undefined {
  const { name, namespace, labels } = pod.metadata;
  const addresses = ownAddresses(pod);
  const [primary] = addresses;
  if (primary === undefined) return undefined;
  const { workload, canonicalName } = podWorkload(pod);
  // An annotation that is not YAML says nothing: validation of the Pod's annotations is not this one's business.
  const own = parseRecord(pod.metadata.annotations['proxy.istio.io/config']);
  const host = snapshot.objects.Node.get(`/${pod.spec.nodeName ?? ''}`);
  const locality = podLocality(labels, host?.metadata.labels);
  return {
    id: `${proxyType(pod)}~${primary}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels['app'] ?? canonicalName}.${namespace}`,
    metadata: {
      NAME: name,
      NAMESPACE: namespace,
      LABELS: labels,
      ...nodeAnnotations(pod.metadata.annotations),
      SERVICE_ACCOUNT: pod.spec.serviceAccountName ?? 'default',
      WORKLOAD_NAME: workload,
      INSTANCE_IPS: addresses.join(','),
      CLUSTER_ID: defaultInstallation.clusterId,
      MESH_ID: meshId(snapshot),
      // Envoy may not open /dev/stdout as a file when it is a pipe or a socket of somebody else's: it has a logger for it.
      STDOUT_STREAM: 'true',
      INTERCEPTION_MODE: interceptionMode(pod, snapshot, own),
      ...optional('NODE_NAME', pod.spec.nodeName),
      ...optional('NETWORK', network(pod, snapshot)),
      ...(own !== undefined && { PROXY_CONFIG: own }),
      ...environmentMetadata(
        proxyEnvironment(pod, snapshot, isRecord(own?.['proxyMetadata']) ? own['proxyMetadata'] : {}),
      ),
    },
    ...(locality.region === '' ? {} : { locality: localityMessage(locality) }),
  };
}

/** A Pod that is nothing but a proxy asks for the template of gateways, not for a sidecar; or it is a waypoint's. */
function proxyType({ metadata }: Pod): Proxy['type'] {
  if (metadata.labels['gateway.istio.io/managed'] === 'istio.io-mesh-controller') return 'waypoint';
  const templates = (metadata.annotations['inject.istio.io/templates'] ?? '').split(',');
  return templates.some((name) => name.trim() === 'gateway') ? 'router' : 'sidecar';
}

/** The address that the Pod calls its own counts even where the list leaves it out. */
function ownAddresses(pod: Pod): readonly string[] {
  const listed = podAddresses(pod);
  const first = pod.status.podIP ?? '';
  return first === '' || listed.includes(first) ? listed : [first, ...listed];
}

/** The identity namespace of the mesh is its name, unless it was given another one. */
function meshId({ objects }: Snapshot): string {
  const config = objects.ConfigMap.get(`${defaultInstallation.systemNamespace}/istio`)?.meshConfig ?? {};
  return config.defaultConfig?.meshId ?? meshSettings(defaultInstallation, config).trustDomain;
}

function network(pod: Pod, snapshot: Snapshot): string | undefined {
  const namespace = snapshot.objects.Namespace.get(`/${pod.metadata.namespace}`);
  return pod.metadata.labels[networkLabel] ?? namespace?.metadata.labels[networkLabel];
}

const optional = (key: string, value: string | undefined): Metadata =>
  value === undefined || value === '' ? {} : { [key]: value };

const localityMessage = ({ region, zone, subZone }: Locality): NonNullable<NodeInfo['locality']> => ({
  region,
  ...(zone === '' ? {} : { zone }),
  ...(subZone === '' ? {} : { sub_zone: subZone }),
});

const metadataPrefix = 'ISTIO_META_';

/** Those of the proxy's environment variables that become metadata. */
const environmentMetadata = (environment: Metadata): Metadata =>
  Object.fromEntries(
    Object.entries(environment)
      .filter(([key]) => key.startsWith(metadataPrefix))
      .map(([key, value]) => [key.slice(metadataPrefix.length), String(value)]),
  );

/** The Pod's annotations, else the mesh's. */
function interceptionMode({ metadata }: Pod, { objects }: Snapshot, own: Metadata | undefined): string {
  const mesh = objects.ConfigMap.get(`${defaultInstallation.systemNamespace}/istio`)?.meshConfig?.defaultConfig;
  const configured = own?.['interceptionMode'] ?? mesh?.interceptionMode;
  return (
    metadata.annotations['sidecar.istio.io/interceptionMode'] ??
    (typeof configured === 'string' ? configured : 'REDIRECT')
  );
}

function parseRecord(text: string | undefined): Metadata | undefined {
  try {
    const value: unknown = parse(text ?? '', { maxAliasCount: 0 });
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Metadata =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
