// ServiceEntries as services of the mesh: one for each host.
// https://istio.io/latest/docs/reference/config/networking/service-entry/
import { memo, sharedList } from '../../../model/memo.ts';
import type { MeshSettings, Resolution, Service } from '../../../model/mesh/mesh.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { trafficDistribution } from '../kubernetes/kubernetes-service.ts';
import { istioProtocol } from '../services/protocol.ts';
import { visibility } from '../scope/visibility.ts';

type ServiceEntry = KindMap['ServiceEntry'];

/** `exportTo` holds for an entry that does not say itself who may use it. */
export const serviceEntryServices = memo(
  (settings: MeshSettings, entry: ServiceEntry, exportTo: readonly string[] | undefined): readonly Service[] => {
    const { metadata, spec } = entry;
    return sharedList(
      (spec.hosts ?? []).map((host): Service => ({
        source: entry.source,
        registry: 'External',
        hostname: host,
        name: host,
        namespace: metadata.namespace,
        created: metadata.creationTimestamp,
        labels: metadata.labels,
        ports: (spec.ports ?? []).map((port) => ({
          name: port.name ?? '',
          number: port.number ?? 0,
          protocol: istioProtocol(port.protocol),
          ...(port.targetPort !== undefined && port.targetPort !== 0 && { targetPort: port.targetPort }),
        })),
        addresses: (spec.addresses ?? []).map(withoutFullPrefix),
        autoAddresses: autoAddresses(entry, host),
        ...(spec.workloadSelector !== undefined && { selector: spec.workloadSelector.labels ?? {} }),
        headless: false,
        resolution: resolution(entry),
        meshExternal: spec.location !== 'MESH_INTERNAL',
        visibility: visibility(spec.exportTo, metadata.namespace, exportTo),
        aliases: [],
        subjectAltNames: spec.subjectAltNames ?? [],
        nodeLocal: false,
        ...trafficDistribution(metadata.annotations['networking.istio.io/traffic-distribution']),
      })),
    );
  },
);

/** A block of one address is that address. */
const withoutFullPrefix = (address: string): string => address.replace(address.includes(':') ? /\/128$/ : /\/32$/, '');

const resolutions: Readonly<Record<string, Resolution>> = {
  NONE: 'passthrough',
  STATIC: 'endpoints',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'dynamic-dns',
};

const resolution = (entry: ServiceEntry): Resolution => resolutions[entry.spec.resolution ?? 'NONE'] ?? 'passthrough';

/** Addresses the mesh allocated, as its controller wrote them to the status. */
const autoAddresses = (entry: ServiceEntry, host: string): readonly string[] =>
  (entry.spec.addresses ?? []).length > 0
    ? []
    : (entry.status?.addresses ?? [])
        .filter((address) => (address.host ?? '') === '' || address.host === host)
        .flatMap((address) => address.value ?? []);
