// What the references of a route lead to at the moment: the listeners and services that it names as its parents, and its backends.
// https://gateway-api.sigs.k8s.io/reference/spec/#parentreference
import type { Service } from '../../../../model/mesh/mesh.ts';
import type { gatewayApi, KindMap } from '../../../../model/schema/index.ts';
import { objectKey } from '../../../../model/object.ts';
import type { AttachPoint } from '../listeners/listener.ts';
import type { ReferenceGrants } from '../reference-grants.ts';
import type { RouteKind } from './attachment.ts';
import { backend } from './backends.ts';
import type { ParentTarget, RouteFacts, RouteObject } from './route.ts';
import { referenceKey } from './route.ts';

export interface RouteLookup {
  readonly grants: ReferenceGrants;
  readonly clusterDomain: string;
  /** Whether gateways ask others about requests. */
  readonly authorizes: boolean;
  readonly services: ReadonlyMap<string, KindMap['Service']>;
  readonly entries: ReadonlyMap<string, KindMap['ServiceEntry']>;
  /** All services of the mesh by host name. */
  readonly byHost: ReadonlyMap<string, readonly Service[]>;
  /** By kind and key of the object that has the listeners. */
  readonly points: ReadonlyMap<string, readonly AttachPoint[]>;
}

export const routeFacts = (object: RouteObject, lookup: RouteLookup): RouteFacts => ({
  parents: (object.spec.parentRefs ?? []).map((reference) => parentTarget(reference, object, lookup) ?? null),
  backends: backends(object, lookup),
  authorizes: lookup.authorizes,
});

/** Undefined for what is no parent that we know. Sidecars see no datagrams, so that services are none of UDPRoutes. */
function parentTarget(
  { group, kind, name, namespace }: gatewayApi.ParentReference,
  route: RouteObject,
  { points, services, entries, clusterDomain }: RouteLookup,
): ParentTarget | undefined {
  const owner = namespace ?? route.metadata.namespace;
  const key = objectKey(owner, name);
  if (route.kind === 'UDPRoute' && group !== 'gateway.networking.k8s.io') return undefined;
  switch (`${group}/${kind}`) {
    case 'gateway.networking.k8s.io/Gateway':
    case 'gateway.networking.k8s.io/ListenerSet': {
      const own = points.get(`${kind}/${key}`);
      return own === undefined ? undefined : { to: 'listeners', points: own };
    }
    case '/Service':
      return {
        to: 'mesh',
        parent: services.has(key) ? { hosts: [`${name}.${owner}.svc.${clusterDomain}`], namespace: owner } : undefined,
      };
    case 'networking.istio.io/ServiceEntry': {
      const entry = entries.get(key);
      return { to: 'mesh', parent: entry && { hosts: entry.spec.hosts, namespace: owner } };
    }
    default:
      return undefined;
  }
}

function backends(
  object: RouteObject,
  { grants, clusterDomain, services, byHost }: RouteLookup,
): RouteFacts['backends'] {
  const route = { kind: object.kind as RouteKind, namespace: object.metadata.namespace };
  const lookup = {
    grants,
    clusterDomain,
    hasService: (namespace: string, name: string) => services.has(objectKey(namespace, name)),
    hasHost: (namespace: string, host: string) =>
      (byHost.get(host) ?? []).some((service) => service.namespace === namespace),
  };
  return Object.fromEntries(
    references(object).map((reference) => [
      referenceKey(reference),
      { listener: backend(lookup, route, reference, true), mesh: backend(lookup, route, reference, false) },
    ]),
  );
}

interface Rule {
  readonly backendRefs?: readonly gatewayApi.BackendObjectReference[];
  readonly filters?: readonly Pick<gatewayApi.HTTPRouteFilter, 'requestMirror' | 'externalAuth'>[];
}

const references = ({ spec }: RouteObject): readonly gatewayApi.BackendObjectReference[] =>
  ((spec.rules ?? []) as readonly Rule[]).flatMap(({ backendRefs = [], filters = [] }) => [
    ...backendRefs,
    ...filters.flatMap(({ requestMirror, externalAuth }) => [
      ...(requestMirror === undefined ? [] : [requestMirror.backendRef]),
      ...(externalAuth === undefined ? [] : [externalAuth.backendRef]),
    ]),
  ]);
