// One WorkloadEntry, or one endpoint written in a ServiceEntry, as an endpoint of a service port.
// https://istio.io/latest/docs/reference/config/networking/workload-entry/
import { networkLabel } from '../../../model/mesh/labels.ts';
import type { Endpoint, MeshSettings, ServicePort } from '../../../model/mesh/mesh.ts';
import type { KindMap, WorkloadEntrySpec } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import { workloadMtls } from '../security/peer-authentication.ts';
import type { PeerAuthentications } from '../security/peer-authentication.ts';
import { canonical, parseLocality, takesTunnels, unknownLocality, workloadMetadata } from '../kubernetes/workload.ts';

type WorkloadEntry = KindMap['WorkloadEntry'];

/** Who an endpoint belongs to: names its workload. */
export interface Owner {
  readonly source: SourceRef;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The number that a service port leads to where no container can be asked for a port's name. */
export const targetNumber = (port: ServicePort): number =>
  typeof port.targetPort === 'number' ? port.targetPort : port.number;

/** Labels count wherever they are written. */
export const workloadEntryLabels = ({ spec, metadata }: WorkloadEntry): Readonly<Record<string, string>> => ({
  ...metadata.labels,
  ...spec.labels,
});

/** Where health is checked, only what was found healthy is used. */
export const isUp = ({ metadata, status }: WorkloadEntry): boolean =>
  metadata.annotations['proxy.istio.io/health-checks-enabled'] !== 'true' ||
  (status?.conditions ?? []).some(({ type, status: state }) => type === 'Healthy' && state === 'True');

export const workloadEntryEndpoints = (
  settings: MeshSettings,
  mtls: PeerAuthentications,
  port: ServicePort,
  entry: WorkloadEntry,
): readonly Endpoint[] =>
  workloadEndpoints(settings, mtls, port, entry.spec, {
    source: at(entry.source, 'spec'),
    name: entry.metadata.annotations['istio.io/autoRegistrationGroup'] ?? entry.metadata.name,
    namespace: entry.metadata.namespace,
    labels: workloadEntryLabels(entry),
  });

/** Without an address only the network is known that it is in, whose gateways may lead to it. */
export function workloadEndpoints(
  settings: MeshSettings,
  mtls: PeerAuthentications,
  port: ServicePort,
  spec: WorkloadEntrySpec,
  owner: Owner,
): readonly Endpoint[] {
  const address = spec.address ?? '';
  const network = spec.network ?? owner.labels[networkLabel] ?? '';
  if (address === '' && network === '') return [];
  const target = address.startsWith('unix://') ? 0 : (spec.ports?.[port.name] ?? targetNumber(port));
  const declared =
    owner.labels['security.istio.io/tlsMode'] ?? ((spec.serviceAccount ?? '') === '' ? 'disabled' : 'istio');
  const asked = workloadMtls(mtls, owner.labels);
  return [
    {
      source: owner.source,
      address,
      port: target,
      labels: owner.labels,
      serviceAccount: spec.serviceAccount ?? '',
      namespace: owner.namespace,
      workload: workloadMetadata(canonical(owner.labels, owner.name, ''), owner.namespace, settings.clusterId),
      tlsMode: declared === 'istio' && (asked.ports[target] ?? asked.mode) !== 'DISABLE' ? 'istio' : 'disabled',
      locality: spec.locality === undefined ? unknownLocality : parseLocality(spec.locality),
      network,
      ...(takesTunnels(owner.labels) && { tunnels: true }),
      nodeName: '',
      ...(spec.weight !== undefined && spec.weight > 0 && { weight: spec.weight }),
    },
  ];
}
