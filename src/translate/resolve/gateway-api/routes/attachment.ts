// Where a route attaches: each listener, Service or ServiceEntry that its parents mean, and why it is not let in where it is not.
// https://gateway-api.sigs.k8s.io/concepts/api-overview/#attaching-routes-to-gateways
import type { gatewayApi } from '../../../../model/schema/index.ts';
import { hostMatches, isWildcard } from '../../routing/host.ts';
import type { AttachPoint } from '../listeners/listener.ts';
import type { Fault } from '../status/conditions.ts';

export type RouteKind = 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute' | 'UDPRoute';

/** A route as far as attaching goes. */
export interface AttachingRoute {
  readonly kind: RouteKind;
  readonly namespace: string;
  readonly hostnames: readonly string[];
}

/** A service of the mesh as parent of a route. */
export interface MeshParent {
  readonly hosts: readonly string[];
  /** Whose service it is: a route of another namespace is for its own clients only. */
  readonly namespace: string;
}

/** A parent as the route names it, and one of the things it means. */
export type Attachment =
  | {
      readonly to: 'listener';
      readonly ref: number;
      readonly point: AttachPoint;
      /** All listeners of the parent. */
      readonly siblings: readonly AttachPoint[];
      readonly denied?: Fault;
    }
  | {
      readonly to: 'mesh';
      readonly ref: number;
      readonly port: number | undefined;
      readonly parent: MeshParent | undefined;
      readonly denied?: Fault;
    };

/** `points` are those of the Gateway or ListenerSet that the reference names. */
export const attachToListeners = (
  route: AttachingRoute,
  reference: gatewayApi.ParentReference,
  ref: number,
  points: readonly AttachPoint[],
): readonly Attachment[] =>
  points.map((point) => {
    const denied = denial(route, reference, point);
    return { to: 'listener', ref, point, siblings: points, ...(denied !== undefined && { denied }) };
  });

export const attachToMesh = (
  reference: gatewayApi.ParentReference,
  ref: number,
  parent: MeshParent | undefined,
): Attachment => ({
  to: 'mesh',
  ref,
  port: reference.port,
  parent,
  ...(parent === undefined && {
    denied: { reason: 'NoMatchingParent', message: `There is no ${reference.kind} ${reference.name}` },
  }),
});

function denial(
  { kind, namespace, hostnames }: AttachingRoute,
  { port, sectionName = '' }: gatewayApi.ParentReference,
  point: AttachPoint,
): Fault | undefined {
  if (port !== undefined && port !== point.port)
    return { reason: 'NoMatchingParent', message: `There is no listener on port ${port}` };
  if (sectionName !== '' && sectionName !== point.section)
    return { reason: 'NoMatchingParent', message: `There is no listener ${sectionName}` };
  const hosts = hostnames.length === 0 ? ['*'] : hostnames;
  if (!hosts.some((host) => overlap(host, point.hostname || '*')))
    return {
      reason: 'NoMatchingListenerHostname',
      message: `The listener ${point.section} is for ${point.hostname} only`,
    };
  if (!point.namespaces.includes('*') && !point.namespaces.includes(namespace))
    return { reason: 'NotAllowedByListeners', message: `The listener ${point.section} takes no routes of namespace ${namespace}` }; // prettier-ignore
  return point.kinds.includes(kind)
    ? undefined
    : { reason: 'NotAllowedByListeners', message: `The listener ${point.section} takes no ${kind}` };
}

const overlap = (a: string, b: string): boolean => hostMatches(a, b) || hostMatches(b, a);

/**
 * Whether requests for `host` may come to the route through this listener: not when another one of the same Gateway, port and
 * protocol claims the host more specifically. https://gateway-api.sigs.k8s.io/geps/gep-1713/
 */
export function isIsolated(host: string, own: AttachPoint, siblings: readonly AttachPoint[]): boolean {
  if (own.hostname !== '' && !isWildcard(own.hostname)) return false;
  if (own.hostname !== '' && !overlap(host, own.hostname)) return true;
  return siblings.some(
    ({ port, protocol, hostname }) =>
      port === own.port &&
      protocol === own.protocol &&
      hostname !== own.hostname &&
      hostname.length >= own.hostname.length &&
      hostMatches(hostname, host),
  );
}
