// What the views of proxies follow from, apart by what it is about: the proxy itself, and whom it sends to. A proxy for which
// a basis is the same object as before sees the same, and nothing of it is asked again.
import { memo, sharedFields } from '../../model/memo.ts';
import type { Mesh } from '../../model/mesh/mesh.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';

const ownFields = [
  'sidecars',
  'mtls',
  'authorization',
  'authentication',
  'extensions',
  'limits',
  'telemetries',
  'keySets',
] as const;
const ownMeshFields = ['settings', 'services'] as const;

/** What says something of the proxy itself and of what it receives. */
export interface OwnBasis extends Pick<ResolvedMesh, (typeof ownFields)[number]> {
  readonly mesh: Pick<Mesh, (typeof ownMeshFields)[number]>;
}

const outboundFields = ['facts', 'sidecars', 'serviceLimits'] as const;
const outboundMeshFields = [...ownMeshFields, 'destinationPolicies', 'virtualServices'] as const;

/** What says something of what it sends. */
export interface OutboundBasis extends Pick<ResolvedMesh, (typeof outboundFields)[number]> {
  readonly mesh: Pick<Mesh, (typeof outboundMeshFields)[number]>;
}

export const outboundBasis = memo((resolved: ResolvedMesh): OutboundBasis =>
  sharedFields({ ...fieldsOf(resolved, outboundFields), mesh: fieldsOf(resolved.mesh, outboundMeshFields) }),
);

/** Sidecars are told of by their own namespace and the root; gateways and waypoints may be by any. */
export const ownBasis = (all: OwnBasis, { type, namespace }: Pick<Proxy, 'type' | 'namespace'>): OwnBasis =>
  type === 'sidecar' ? ofNamespace(all, namespace) : all;

/** The basis of all proxies. */
export const meshBasis = memo((resolved: ResolvedMesh): OwnBasis =>
  sharedFields({ ...fieldsOf(resolved, ownFields), mesh: fieldsOf(resolved.mesh, ownMeshFields) }),
);

/** The same object while these are. */
const fieldsOf = <T extends object, K extends string & keyof T>(all: T, names: readonly K[]): Pick<T, K> =>
  sharedFields(Object.fromEntries(names.map((name) => [name, all[name]])) as Pick<T, K>);

const ofNamespace = memo((basis: OwnBasis, namespace: string): OwnBasis => {
  const { rootNamespace } = basis.mesh.settings;
  const own = <P extends object>(all: ReadonlyMap<string, readonly P[]>): ReadonlyMap<string, readonly P[]> =>
    lists(rootNamespace, all.get(rootNamespace), namespace, all.get(namespace)) as ReadonlyMap<string, readonly P[]>;
  return sharedFields({
    ...basis,
    authorization: own(basis.authorization),
    authentication: own(basis.authentication),
    extensions: own(basis.extensions),
    limits: own(basis.limits),
  });
});

const lists = memo(
  (
    root: string,
    ofRoot: readonly object[] | undefined,
    namespace: string,
    own: readonly object[] | undefined,
  ): ReadonlyMap<string, readonly object[]> =>
    new Map([
      ...(ofRoot === undefined ? [] : ([[root, ofRoot]] as const)),
      ...(own === undefined ? [] : ([[namespace, own]] as const)),
    ]),
);
