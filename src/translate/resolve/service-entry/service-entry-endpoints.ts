// The endpoints of ServiceEntries: written inline, selected among WorkloadEntries and Pods, or the host's own DNS name.
// https://istio.io/latest/docs/reference/config/networking/service-entry/
import { memo, sharedList } from '../../../model/memo.ts';
import type { Endpoint, MeshSettings, Service, ServiceEndpoints, ServicePort } from '../../../model/mesh/mesh.ts';
import { podAddresses } from '../../../model/mesh/pod.ts';
import { portKey } from '../../../model/mesh/service-port.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import { selects } from '../../../model/mesh/labels.ts';
import type { NetworkOf } from '../settings/networks.ts';
import { workloadMtls } from '../security/peer-authentication.ts';
import type { PeerAuthentications } from '../security/peer-authentication.ts';
import { targetPortOf } from '../kubernetes/pods.ts';
import type { PodIndex } from '../kubernetes/pods.ts';
import {
  isUp,
  targetNumber,
  workloadEndpoints,
  workloadEntryEndpoints,
  workloadEntryLabels,
} from './workload-endpoints.ts';
import { canonical, podLocality, podWorkload, unknownLocality, workloadMetadata } from '../kubernetes/workload.ts';

type ServiceEntry = KindMap['ServiceEntry'];
type WorkloadEntry = KindMap['WorkloadEntry'];
type Pod = KindMap['Pod'];

export function serviceEntryEndpoints(
  settings: MeshSettings,
  service: Service,
  entry: ServiceEntry,
  workloads: readonly WorkloadEntry[],
  pods: PodIndex,
  mtls: PeerAuthentications,
  networkOf: NetworkOf,
): ServiceEndpoints {
  const selector = entry.spec.workloadSelector?.labels;
  if (selector === undefined) return written(settings, service, entry, mtls);
  const entries = workloads.filter(
    (workload) =>
      isUp(workload) &&
      workload.metadata.namespace === entry.metadata.namespace &&
      selects(selector, workloadEntryLabels(workload)),
  );
  const selectedPods = pods
    .inNamespace(entry.metadata.namespace)
    .filter((pod) => selects(selector, pod.metadata.labels) && isReady(pod));
  const nodes = selectedPods.map((pod) => pods.nodeOf(pod) ?? none);
  return selected(settings, service, mtls, networkOf, sharedList(entries), sharedList(selectedPods), sharedList(nodes));
}

/** Workloads outside Kubernetes that a Kubernetes Service selects too. */
export function selectedWorkloadEntries(
  settings: MeshSettings,
  service: Service,
  workloads: readonly WorkloadEntry[],
  mtls: PeerAuthentications,
  networkOf: NetworkOf,
): ServiceEndpoints {
  const { selector, namespace } = service;
  const entries = workloads.filter(
    (entry) =>
      selector !== undefined &&
      isUp(entry) &&
      entry.metadata.namespace === namespace &&
      selects(selector, workloadEntryLabels(entry)),
  );
  return entries.length === 0
    ? noEndpoints
    : selected(settings, service, mtls, networkOf, sharedList(entries), noPods, noPods);
}

const noEndpoints: ServiceEndpoints = new Map();
const noPods: readonly never[] = [];
const none: object = {};

const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  (pod.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');

const written = memo(
  (settings: MeshSettings, service: Service, entry: ServiceEntry, mtls: PeerAuthentications): ServiceEndpoints => {
    const endpoints = entry.spec.endpoints ?? [];
    if (endpoints.length === 0 && (service.resolution === 'dns' || service.resolution === 'dns-round-robin')) {
      return byPort(service, (port) => [hostItself(settings, service, entry, port)]);
    }
    const { name, namespace } = entry.metadata;
    return byPort(service, (port) =>
      endpoints.flatMap((endpoint, i) =>
        workloadEndpoints(settings, mtls, port, endpoint, {
          source: at(entry.source, `spec.endpoints[${i}]`),
          name: `${name}-${i}`,
          namespace,
          labels: endpoint.labels ?? {},
        }),
      ),
    );
  },
);

const selected = memo(
  (
    settings: MeshSettings,
    service: Service,
    mtls: PeerAuthentications,
    networkOf: NetworkOf,
    entries: readonly WorkloadEntry[],
    pods: readonly Pod[],
    nodes: readonly object[],
  ): ServiceEndpoints =>
    byPort(service, (port) => [
      ...entries.flatMap((entry) => workloadEntryEndpoints(settings, mtls, port, entry)),
      ...pods.flatMap((pod, i) =>
        podEndpoints(
          settings,
          mtls,
          networkOf,
          port,
          pod,
          nodes[i] === none ? undefined : (nodes[i] as KindMap['Node']),
        ),
      ),
    ]),
);

/** An endpoint of a service with several addresses counts once for each of them, as if they were services of their own. */
const byPort = (service: Service, endpoints: (port: ServicePort) => readonly Endpoint[]): ServiceEndpoints => {
  const times = service.resolution === 'endpoints' && service.registry === 'External' ? service.addresses.length : 1;
  return new Map(
    service.ports.map((port) => {
      const own = endpoints(port);
      return [portKey(port), times > 1 ? own.flatMap((one) => Array.from({ length: times }, () => one)) : own];
    }),
  );
};

/** A DNS service without endpoints is reached under its own name. */
const hostItself = (settings: MeshSettings, service: Service, entry: ServiceEntry, port: ServicePort): Endpoint => ({
  source: at(entry.source, 'spec.hosts'),
  address: service.hostname,
  port: targetNumber(port),
  labels: {},
  serviceAccount: '',
  namespace: entry.metadata.namespace,
  workload: workloadMetadata(canonical({}, entry.metadata.name, ''), entry.metadata.namespace, settings.clusterId),
  tlsMode: 'disabled',
  locality: unknownLocality,
  network: '',
  nodeName: '',
});

function podEndpoints(
  settings: MeshSettings,
  mtls: PeerAuthentications,
  networkOf: NetworkOf,
  port: ServicePort,
  pod: Pod,
  node: KindMap['Node'] | undefined,
): readonly Endpoint[] {
  const { labels, namespace } = pod.metadata;
  const target = targetPortOf(pod, port) ?? port.number;
  const asked = workloadMtls(mtls, labels);
  const [address, ...others] = podAddresses(pod);
  if (address === undefined) return [];
  return [
    {
      source: at(pod.source, 'status.podIP'),
      address,
      ...(settings.features.dualStack && others.length > 0 && { otherAddresses: others }),
      port: target,
      health: 'healthy',
      labels,
      serviceAccount: pod.spec?.serviceAccountName ?? 'default',
      namespace,
      workload: workloadMetadata(podWorkload(pod), namespace, settings.clusterId),
      tlsMode:
        labels['security.istio.io/tlsMode'] === 'istio' && (asked.ports[target] ?? asked.mode) !== 'DISABLE'
          ? 'istio'
          : 'disabled',
      locality: podLocality(labels, node?.metadata.labels),
      network: networkOf(labels, namespace, address),
      nodeName: pod.spec?.nodeName ?? '',
    },
  ];
}
