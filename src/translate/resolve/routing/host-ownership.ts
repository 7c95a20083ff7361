// Hosts that belong to a namespace, and objects of other namespaces that claim them for everybody: a VirtualService or a
// ServiceEntry may otherwise redirect what the whole mesh sends to a service of somebody else. A namespace owns its Services
// and what its annotation lists; the root namespace may claim anything.
// https://istio.io/latest/docs/ops/best-practices/security/#configure-exportto
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Problem } from '../../../model/problem.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import { hostMatches, resolveHost } from './host.ts';
import { meshGateway } from './virtual-service.ts';
import { visibility } from '../scope/visibility.ts';

/** On a Namespace: further hosts that it owns, separated by commas; wildcards are for everything below. */
export const ownedHostsAnnotation = 'keelson.io/owned-hosts';

type Kind = 'VirtualService' | 'ServiceEntry';
type Objects<K extends Kind> = ReadonlyMap<string, KindMap[K]>;

/** The objects as they are to have effect, and what is to be said of them. */
export interface Claims<K extends Kind> {
  readonly objects: Objects<K>;
  readonly problems: readonly Problem[];
}

interface OwnedHost {
  readonly pattern: string;
  readonly namespace: string;
}

/**
 * With `hostOwnership` off nothing is looked at. Where it is enforced, an object that claims a host of another namespace has
 * effect in its own namespace only, as if it were exported to no other.
 */
export function ownedClaims<K extends Kind>(
  settings: MeshSettings,
  namespaces: ReadonlyMap<string, KindMap['Namespace']>,
  objects: Objects<K>,
): Claims<K> {
  if (settings.features.hostOwnership === 'off') return unchecked(objects) as Claims<K>;
  return checked(settings, ownedHosts(namespaces), objects) as Claims<K>;
}

const unchecked = memo((objects: Objects<Kind>): Claims<Kind> => ({ objects, problems: [] }));

const ownedHosts = memo((namespaces: ReadonlyMap<string, KindMap['Namespace']>): readonly OwnedHost[] =>
  sharedValue(
    [...namespaces.values()].flatMap(({ metadata }) =>
      (metadata.annotations[ownedHostsAnnotation] ?? '')
        .split(',')
        .map((pattern) => pattern.trim())
        .filter((pattern) => pattern !== '')
        .map((pattern) => ({ pattern, namespace: metadata.name })),
    ),
  ),
);

const checked = memo((settings: MeshSettings, owned: readonly OwnedHost[], objects: Objects<Kind>): Claims<Kind> => {
  const each = [...objects].map(([key, object]) => [key, claimsOf(settings, owned, object)] as const);
  return {
    objects: new Map(each.map(([key, { object }]) => [key, object])),
    problems: each.flatMap(([, { problems }]) => problems),
  };
});

interface Claim {
  readonly object: KindMap[Kind];
  readonly problems: readonly Problem[];
}

const claimsOf = memo((settings: MeshSettings, owned: readonly OwnedHost[], object: KindMap[Kind]): Claim => {
  const { metadata, spec, source, position } = object;
  if (metadata.namespace === settings.rootNamespace || isPrivate(settings, object)) return { object, problems: [] };
  const enforced = settings.features.hostOwnership === 'enforce';
  const problems = (spec.hosts ?? []).flatMap((text, i): readonly Problem[] => {
    const host = resolveHost(text, metadata.namespace, settings.clusterDomain);
    const owner = ownerOf(settings, owned, object, host);
    if (owner === undefined) return [];
    const effect = enforced ? `the object has effect in ${metadata.namespace} only` : 'it has effect for everybody';
    return [
      {
        code: 'foreign-host',
        severity: 'warning',
        message: `${host} belongs to ${owner}, and ${metadata.namespace} claims it: ${effect}; export it to "." or have the owner write it`,
        source: at(source, `spec.hosts[${i}]`),
        ...(position !== undefined && { position }),
      },
    ];
  });
  return { object: enforced && problems.length > 0 ? exportedToItself(object) : object, problems };
});

function isPrivate(settings: MeshSettings, { kind, metadata, spec }: KindMap[Kind]): boolean {
  const fallback = kind === 'VirtualService' ? settings.defaultVirtualServiceExportTo : settings.defaultServiceExportTo;
  const { everywhere, namespaces } = visibility(spec.exportTo, metadata.namespace, fallback);
  return !everywhere && namespaces.every((namespace) => namespace === metadata.namespace);
}

const exportedToItself = <K extends Kind>(object: KindMap[K]): KindMap[K] => ({
  ...object,
  spec: { ...object.spec, exportTo: ['.'] },
});

/** The namespace whose host it is, if that is another than the object's; undefined when it may claim it. */
function ownerOf(
  { clusterDomain }: MeshSettings,
  owned: readonly OwnedHost[],
  object: KindMap[Kind],
  host: string,
): string | undefined {
  const own = object.metadata.namespace;
  if (owned.some(({ namespace, pattern }) => namespace === own && hostMatches(pattern, host))) return undefined;
  // At a gateway the most specific host wins: a wildcard takes nothing from anybody. In the mesh it does.
  const takesAll = isForMesh(object);
  const listed = owned.find(
    ({ namespace, pattern }) =>
      namespace !== own && (hostMatches(pattern, host) || (takesAll && hostMatches(host, pattern))),
  );
  if (listed !== undefined) return `namespace ${listed.namespace}`;
  const services = `.svc.${clusterDomain}`;
  if (takesAll && hostMatches(host, `*${services}`)) return 'the Services of all namespaces';
  if (!host.endsWith(services)) return undefined;
  const namespace = host.slice(0, -services.length).split('.').at(-1) ?? '';
  return namespace === own ? undefined : `namespace ${namespace}`;
}

const isForMesh = ({ kind, spec }: KindMap[Kind]): boolean => {
  const gateways = kind === 'VirtualService' ? (spec as KindMap['VirtualService']['spec']).gateways : undefined;
  return gateways === undefined || gateways.length === 0 || gateways.includes(meshGateway);
};
