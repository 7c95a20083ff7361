// Networks: which one an address is in, and the gateways through which the others reach it.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshNetworks
import { networkLabel } from '../../../model/mesh/labels.ts';
import { memo } from '../../../model/memo.ts';
import type { MeshSettings, NetworkGateway, Networks } from '../../../model/mesh/mesh.ts';
import type { KindMap, MeshNetworksSpec } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import {
  defaultGatewayPort,
  gatewayAddresses,
  gatewayPortLabel,
  isBetweenNetworks,
  networkOfGateway,
} from '../gateway-api/listeners/between-networks.ts';
import { contains } from './cidr.ts';
import { kubernetesHostname } from '../kubernetes/kubernetes-service.ts';
import { compareText } from '../order.ts';

type KubernetesService = KindMap['Service'];
type KubernetesGateway = KindMap['KubernetesGateway'];

/** The network of a Pod with these labels at this address; '' when nothing says. */
export type NetworkOf = (labels: Readonly<Record<string, string>>, namespace: string, address: string) => string;

type NamespaceNetworks = Readonly<Record<string, string>>;

/**
 * The Pod's own label, its namespace's, that of the namespace the control plane is in, which stands for the cluster,
 * and at last what the mesh's networks say of the cluster or the address.
 */
export const networkOf = memo(
  (settings: MeshSettings, networks: MeshNetworksSpec, namespaces: NamespaceNetworks): NetworkOf => {
    const written = Object.entries(networks.networks ?? {}).toSorted(([a], [b]) => compareText(a, b));
    const ofCluster = written.find(([, { endpoints }]) =>
      endpoints?.some(({ fromRegistry }) => fromRegistry === settings.clusterId),
    )?.[0];
    const blocks = written.flatMap(([name, { endpoints }]) =>
      (endpoints ?? []).flatMap(({ fromCidr }) => (fromCidr === undefined ? [] : [{ name, fromCidr }])),
    );
    return (labels, namespace, address) =>
      labels[networkLabel] ||
      namespaces[namespace] ||
      namespaces[settings.rootNamespace] ||
      ofCluster ||
      (blocks.find(({ fromCidr }) => contains(fromCidr, address))?.name ?? '');
  },
);

/** Networks of the namespaces that have the label. */
export const namespaceNetworks = memo((objects: ReadonlyMap<string, KindMap['Namespace']>): NamespaceNetworks =>
  Object.fromEntries(
    [...objects.values()].flatMap(({ metadata: { name, labels } }) => {
      const network = labels[networkLabel] ?? '';
      return network === '' ? [] : [[name, network]];
    }),
  ),
);

/** undefined when there is no gateway at all. */
export const meshNetworks = memo(
  (
    settings: MeshSettings,
    spec: MeshNetworksSpec,
    services: readonly KubernetesService[],
    objects: readonly KubernetesGateway[],
  ): Networks | undefined => {
    const all = [
      ...written(settings, spec, services),
      ...services.flatMap((service) => labeledGateways(settings, service)),
      ...objects.flatMap((object) => gatewaysOfObject(settings, object)),
    ];
    if (all.length === 0) return undefined;
    const distinct = [
      ...new Map(all.map((gateway) => [`${gateway.network}|${gateway.address}|${gateway.port}`, gateway])).values(),
    ].toSorted((a, b) => compareText(a.address, b.address) || a.port - b.port);
    const gateways = Map.groupBy(distinct, ({ network }) => network);
    return {
      gateways,
      weightScale: [...gateways.values()].map((own) => own.length).reduce(leastCommonMultiple, 1),
    };
  },
);

/** Services that could be gateways: all that most changes of Services leave as they are. */
export const gatewayCandidates = (
  services: readonly KubernetesService[],
  { networks = {} }: MeshNetworksSpec,
  settings: MeshSettings,
): readonly KubernetesService[] => {
  const named = new Set(
    Object.values(networks).flatMap(({ gateways }) => (gateways ?? []).map((gateway) => gateway.registryServiceName)),
  );
  return services.filter(
    (service) => (service.metadata.labels[networkLabel] ?? '') !== '' || named.has(hostnameOf(service, settings)),
  );
};

const hostnameOf = ({ metadata }: KubernetesService, settings: MeshSettings): string =>
  kubernetesHostname(metadata.name, metadata.namespace, settings.clusterDomain);

function written(
  settings: MeshSettings,
  { networks = {} }: MeshNetworksSpec,
  services: readonly KubernetesService[],
): readonly NetworkGateway[] {
  return Object.entries(networks).flatMap(([network, { gateways }]) =>
    (gateways ?? []).flatMap(({ address, registryServiceName, port = defaultGatewayPort }, i) => {
      const source: SourceRef = {
        ...settings.source,
        path: `data.meshNetworks.networks.${network}.gateways[${i}]`,
      };
      if (address !== undefined && address !== '') return [{ source, network, cluster: '', address, port }];
      return services
        .filter((service) => hostnameOf(service, settings) === registryServiceName)
        .flatMap(externalAddresses)
        .map((external) => ({ source, network, cluster: settings.clusterId, address: external, port }));
    }),
  );
}

function labeledGateways(settings: MeshSettings, service: KubernetesService): readonly NetworkGateway[] {
  const { labels } = service.metadata;
  const network = labels[networkLabel] ?? '';
  if (network === '') return [];
  const port = Number(labels[gatewayPortLabel] ?? defaultGatewayPort);
  const source = at(service.source, 'metadata.labels');
  return externalAddresses(service).map((address) => ({
    source,
    network,
    cluster: settings.clusterId,
    address,
    port: Number.isInteger(port) && port > 0 ? port : defaultGatewayPort,
  }));
}

/** Every address of it with every port for connections between networks. */
function gatewaysOfObject(settings: MeshSettings, object: KubernetesGateway): readonly NetworkGateway[] {
  const network = networkOfGateway(object);
  if (network === '') return [];
  return (object.spec.listeners ?? []).flatMap((listener, i) =>
    isBetweenNetworks(object.metadata.labels, listener)
      ? gatewayAddresses(object).map((address) => ({
          source: at(object.source, `spec.listeners[${i}]`),
          network,
          cluster: settings.clusterId,
          address,
          port: listener.port,
        }))
      : [],
  );
}

/** Where a Service is reached from outside the cluster, by number: among endpoints Envoy refuses names. */
const externalAddresses = ({ spec, status }: KubernetesService): readonly string[] => [
  ...(spec.externalIPs ?? []),
  ...(status.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip || []),
];

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
const leastCommonMultiple = (a: number, b: number): number => (a / greatestCommonDivisor(a, b)) * b;
