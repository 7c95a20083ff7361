// Which workload a Pod belongs to: the names that metrics, tracing and Istio's endpoint metadata use.
// https://istio.io/latest/docs/ops/deployment/application-requirements/
import type { Locality } from '../../../model/proxy/proxy.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { workloadName } from '../../../model/mesh/workload-owner.ts';

type Labels = Readonly<Record<string, string>>;
type Pod = KindMap['Pod'];

export interface WorkloadNames {
  readonly workload: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
}

export const podWorkload = (pod: Pod): WorkloadNames =>
  canonical(pod.metadata.labels, workloadName(pod.metadata), 'latest');

/** Canonical names as labels give them, else the workload's own name and the revision that its kind falls back to. */
export const canonical = (labels: Labels, workload: string, revision: 'latest' | ''): WorkloadNames => ({
  workload,
  canonicalName:
    labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload,
  canonicalRevision:
    labels['service.istio.io/canonical-revision'] ??
    labels['app.kubernetes.io/version'] ??
    labels['version'] ??
    revision,
});

/** Istio's one-string form, in endpoint metadata under `istio.workload`. */
export const workloadMetadata = (names: WorkloadNames, namespace: string, clusterId: string): string =>
  [names.workload, namespace, names.canonicalName, knownRevision(names), clusterId].join(';');

/** The revision that every workload without one has says nothing. */
const knownRevision = ({ canonicalRevision }: WorkloadNames): string =>
  canonicalRevision === 'latest' ? '' : canonicalRevision;

export const unknownLocality: Locality = { region: '', zone: '', subZone: '' };

/** `region/zone/subzone`, as labels (`region.zone.subzone` in the Pod label), ServiceEntries and settings write it. */
export function parseLocality(text: string, separator = '/'): Locality {
  const [region = '', zone = '', ...subZone] = text.split(separator);
  return { region, zone, subZone: subZone.join(separator) };
}

export const localityText = (locality: Locality): string =>
  [locality.region, locality.zone, locality.subZone].join('/').replace(/\/+$/, '');

/** A Node's place in the world. */
export const nodeLocality = (labels: Labels): Locality => ({
  region: labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '',
  zone: labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '',
  subZone: labels['topology.istio.io/subzone'] ?? '',
});

/** The Pod's own label wins over its Node. */
export function podLocality(labels: Labels, nodeLabels: Labels | undefined): Locality {
  const own = labels['istio-locality'];
  if (own !== undefined && own !== '') return parseLocality(own, own.includes('/') ? '/' : '.');
  return nodeLabels === undefined ? unknownLocality : nodeLocality(nodeLabels);
}

/** Whether connections come to it through tunnels: the proxy of its node ends them, or it does so itself. */
export const takesTunnels = (labels: Labels, annotations: Labels = {}): boolean =>
  annotations['ambient.istio.io/redirection'] === 'enabled' || labels['networking.istio.io/tunnel'] === 'http';
