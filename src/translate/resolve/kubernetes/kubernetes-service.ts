// Kubernetes Services as services of the mesh. ExternalName Services are not services of their own but other names
// of one (aliases).
// https://kubernetes.io/docs/concepts/services-networking/service/
import { spiffeId } from '../../../model/proxy/identity.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import type { MeshSettings, Service, ServiceAlias } from '../../../model/mesh/mesh.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { kubernetesProtocol } from '../services/protocol.ts';
import { visibility } from '../scope/visibility.ts';

type KubernetesService = KindMap['Service'];

export const kubernetesHostname = (name: string, namespace: string, clusterDomain: string): string =>
  `${name}.${namespace}.svc.${clusterDomain}`;

/** All Services that are services of the mesh, with the aliases that lead to them. */
export function kubernetesServices(objects: readonly KubernetesService[], settings: MeshSettings): readonly Service[] {
  const aliases = Map.groupBy(
    objects.filter((object) => object.spec.type === 'ExternalName').map((object) => externalName(settings, object)),
    (alias) => alias.target,
  );
  return objects
    .filter((object) => object.spec.type !== 'ExternalName')
    .map((object) => {
      const own = service(settings, object);
      const names = aliases.get(own.hostname);
      return names === undefined ? own : withAliases(own, sharedList(names.map((name) => name.alias)));
    });
}

const withAliases = memo((own: Service, aliases: readonly ServiceAlias[]): Service => ({ ...own, aliases }));

const externalName = memo((settings: MeshSettings, object: KubernetesService) => {
  const { name, namespace } = object.metadata;
  const hostname = kubernetesHostname(name, namespace, settings.clusterDomain);
  return { target: object.spec.externalName ?? '', alias: { source: object.source, hostname, name, namespace } };
});

const service = memo((settings: MeshSettings, object: KubernetesService): Service => {
  const { metadata, spec } = object;
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  const headless = clusterIPs[0] === 'None';
  return {
    source: object.source,
    registry: 'Kubernetes',
    hostname: kubernetesHostname(metadata.name, metadata.namespace, settings.clusterDomain),
    name: metadata.name,
    namespace: metadata.namespace,
    created: metadata.creationTimestamp,
    labels: metadata.labels,
    ports: (spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      number: port.port,
      protocol: kubernetesProtocol({
        name: port.name ?? '',
        number: port.port,
        ...(port.protocol !== undefined && { transport: port.protocol }),
        ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }),
      }),
      ...(port.targetPort !== undefined && { targetPort: port.targetPort }),
    })),
    addresses: headless ? [] : clusterIPs.filter((address) => address !== ''),
    autoAddresses: [],
    ...(Object.keys(spec.selector ?? {}).length > 0 && { selector: spec.selector ?? {} }),
    headless,
    resolution: 'endpoints',
    meshExternal: false,
    visibility: serviceVisibility(object, settings),
    aliases: [],
    subjectAltNames: declaredIdentities(object, settings),
    nodeLocal: spec.internalTrafficPolicy === 'Local',
    ...closeness(object),
    ...persistentSession(object, settings),
  };
});

function serviceVisibility(object: KubernetesService, settings: MeshSettings): Service['visibility'] {
  const written = object.metadata.annotations['networking.istio.io/exportTo'];
  const exportTo = written?.split(',').map((entry) => entry.trim());
  return visibility(exportTo, object.metadata.namespace, settings.defaultServiceExportTo);
}

/** Identities that a Service's annotations vouch for: service accounts of its namespace, or written out in full. */
function declaredIdentities(object: KubernetesService, settings: MeshSettings): readonly string[] {
  const { annotations, namespace } = object.metadata;
  const list = (key: string): readonly string[] => annotations[key]?.split(',').map((entry) => entry.trim()) ?? [];
  return [
    ...list('alpha.istio.io/kubernetes-serviceaccounts').map((serviceAccount) =>
      spiffeId({ trustDomain: settings.trustDomain, namespace, serviceAccount }),
    ),
    ...list('alpha.istio.io/canonical-serviceaccounts').map((account) => `spiffe://${account}`),
  ];
}

/** The annotation goes before Kubernetes' own field. */
const closeness = ({ metadata, spec }: KubernetesService): Pick<Service, 'prefers'> =>
  trafficDistribution(metadata.annotations['networking.istio.io/traffic-distribution'] ?? spec.trafficDistribution);

/** `PreferClose`, `PreferSameZone` or `PreferSameNode`, in any case; anything else prefers nothing. */
export function trafficDistribution(preference: string | undefined): Pick<Service, 'prefers'> {
  const preferred = preference?.toLowerCase();
  if (preferred === 'prefersamenode') return { prefers: 'node' };
  return preferred === 'preferclose' || preferred === 'prefersamezone' ? { prefers: 'zone' } : {};
}

/** By labels `istio.io/persistent-session: COOKIE[:PATH]` or, if there is none, `istio.io/persistent-session-header`. */
function persistentSession({ metadata }: KubernetesService, { features }: MeshSettings): Pick<Service, 'session'> {
  if (!features.persistentSessions) return {};
  const cookie = metadata.labels['istio.io/persistent-session'] ?? '';
  const header = metadata.labels['istio.io/persistent-session-header'] ?? '';
  if (cookie !== '') {
    const [name = '', path = ''] = cookie.split(':', 2);
    return { session: { kind: 'cookie', name, path: path === '' ? '/' : path } };
  }
  return header === '' ? {} : { session: { kind: 'header', name: header } };
}
