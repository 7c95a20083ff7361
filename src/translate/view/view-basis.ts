// What the views of proxies follow from, apart by what it is about: the proxy itself, and whom it sends to. A proxy for which
// a basis is the same object as before sees the same, and nothing of it is asked again.
import { memo, sharedFields } from '../../model/memo.ts';
import type { Mesh } from '../../model/mesh/mesh.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';

/** What says something of the proxy itself and of what it receives. */
export interface OwnBasis extends Pick<
  ResolvedMesh,
  'sidecars' | 'mtls' | 'authorization' | 'authentication' | 'extensions' | 'limits' | 'telemetries' | 'keySets'
> {
  readonly mesh: Pick<Mesh, 'settings' | 'services' | 'destinationPolicies'>;
}

/** What says something of what it sends. */
export interface OutboundBasis extends Pick<ResolvedMesh, 'facts' | 'sidecars' | 'serviceLimits'> {
  readonly mesh: Pick<Mesh, 'settings' | 'services' | 'destinationPolicies' | 'virtualServices'>;
}

export const outboundBasis = memo(
  ({
    mesh: { settings, services, destinationPolicies, virtualServices },
    facts,
    sidecars,
    serviceLimits,
  }: ResolvedMesh): OutboundBasis =>
    sharedFields({
      mesh: sharedFields({ settings, services, destinationPolicies, virtualServices }),
      facts,
      sidecars,
      serviceLimits,
    }),
);

/** Sidecars are told of by their own namespace and the root; gateways and waypoints may be by any. */
export const ownBasis = (resolved: ResolvedMesh, { type, namespace }: Pick<Proxy, 'type' | 'namespace'>): OwnBasis =>
  type === 'sidecar' ? ofNamespace(resolved, namespace) : ofMesh(resolved);

const ofMesh = memo(
  ({
    mesh: { settings, services, destinationPolicies },
    sidecars,
    mtls,
    authorization,
    authentication,
    extensions,
    limits,
    telemetries,
    keySets,
  }: ResolvedMesh): OwnBasis =>
    sharedFields({
      mesh: sharedFields({ settings, services, destinationPolicies }),
      sidecars,
      mtls,
      authorization,
      authentication,
      extensions,
      limits,
      telemetries,
      keySets,
    }),
);

const ofNamespace = memo((resolved: ResolvedMesh, namespace: string): OwnBasis => {
  const basis = ofMesh(resolved);
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
