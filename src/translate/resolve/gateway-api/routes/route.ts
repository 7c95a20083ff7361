// One route object: where it attaches, what it becomes there, and what its status says of each parent. Remembered by the object and
// by what its references lead to, so that it is made anew only when one of them changes.
// https://gateway-api.sigs.k8s.io/concepts/api-overview/#route-resources
import { memo } from '../../../../model/memo.ts';
import type { gatewayApi, HTTPRoute, KindMap, TCPRoute, TLSRoute } from '../../../../model/schema/index.ts';
import type { AttachPoint } from '../listeners/listener.ts';
import type { Attachment, MeshParent, RouteKind } from './attachment.ts';
import { attachToListeners, attachToMesh } from './attachment.ts';
import type { Backend } from './backends.ts';
import type { ConvertedRules } from './rules/http-rules.ts';
import { grpcRules, httpRules } from './rules/http-rules.ts';
import { connectionRules, tlsRules } from './rules/l4-rules.ts';
import type { RouteParent } from './parents.ts';
import { parentStatuses } from './parents.ts';
import type { RoutePart } from './parts.ts';
import { connectionParts, httpParts, tlsParts } from './parts.ts';

export type RouteObject = KindMap[RouteKind];

export interface RouteResult {
  readonly object: RouteObject;
  /** What its status says, sorted. */
  readonly parents: readonly RouteParent[];
  /** The listeners that took it. */
  readonly attached: readonly AttachPoint[];
  readonly parts: readonly RoutePart[];
}

/** What one reference to a parent means. */
export type ParentTarget =
  | { readonly to: 'listeners'; readonly points: readonly AttachPoint[] }
  | { readonly to: 'mesh'; readonly parent: MeshParent | undefined };

/** What the references of a route lead to: plain data, canonical by `sharedValue`. */
export interface RouteFacts {
  /** For each of its parents; null for one that is none of ours. */
  readonly parents: readonly (ParentTarget | null)[];
  /** By `referenceKey`, for listeners and for the mesh. */
  readonly backends: Readonly<Record<string, { readonly listener: Backend; readonly mesh: Backend }>>;
  /** Whether gateways ask others about requests. */
  readonly authorizes: boolean;
}

export const referenceKey = ({ group, kind, namespace, name, port }: gatewayApi.BackendObjectReference): string =>
  [group, kind, namespace, name, port].join('|');

export const routeResult = memo((object: RouteObject, facts: RouteFacts): RouteResult => {
  const attachments = attachmentsOf(object, facts.parents);
  const accepted = attachments.filter(({ denied }) => denied === undefined);
  const forListeners = attachments.some(({ to }) => to === 'listener');
  const forMesh = attachments.some(({ to }) => to === 'mesh');
  const rules = convertedRules(object, facts);
  const [listenerFault, listenerParts] = forListeners ? rules('listener') : noRules;
  const [meshFault, meshParts] = forMesh ? rules('mesh') : noRules;
  const points = accepted.flatMap((one) => (one.to === 'listener' ? one.point : []));
  return {
    object,
    parents: parentStatuses(object, attachments, { listener: listenerFault, mesh: meshFault }),
    attached: points,
    parts: [
      ...listenerParts(
        accepted.filter(({ to }) => to === 'listener'),
        facts,
      ),
      ...meshParts(
        accepted.filter(({ to }) => to === 'mesh'),
        facts,
      ),
    ],
  };
});

function attachmentsOf(object: RouteObject, targets: RouteFacts['parents']): readonly Attachment[] {
  const route = {
    kind: object.kind as RouteKind,
    namespace: object.metadata.namespace,
    hostnames: 'hostnames' in object.spec ? (object.spec.hostnames ?? []) : [],
  };
  return (object.spec.parentRefs ?? []).flatMap((reference, i): readonly Attachment[] => {
    const target = targets[i];
    if (target === undefined || target === null) return [];
    return target.to === 'mesh'
      ? [attachToMesh(reference, i, target.parent)]
      : attachToListeners(route, reference, i, target.points);
  });
}

type Parts = (accepted: readonly Attachment[], facts: RouteFacts) => readonly RoutePart[];
type Side = 'listener' | 'mesh';

const noRules = [undefined, (): readonly RoutePart[] => []] as const;

/** The fault of its rules and what they become, on each side. */
function convertedRules(
  object: RouteObject,
  { backends, authorizes }: RouteFacts,
): (side: Side) => readonly [ConvertedRules<unknown>['fault'], Parts] {
  const of = (side: Side) => (reference: gatewayApi.BackendObjectReference) =>
    backends[referenceKey(reference)]?.[side] ?? unknownBackend;
  switch (object.kind) {
    case 'HTTPRoute':
      return (side) => withParts(httpRules(object as KindMap['HTTPRoute'], of(side), authorizes && side === 'listener'), (rules, accepted) => httpParts(object as KindMap['HTTPRoute'], rules, accepted)); // prettier-ignore
    case 'GRPCRoute':
      return (side) => withParts(grpcRules(object as KindMap['GRPCRoute'], of(side)), (rules, accepted) => httpParts(object as KindMap['GRPCRoute'], rules, accepted)); // prettier-ignore
    case 'TLSRoute':
      return (side) => withParts(tlsRules(object as KindMap['TLSRoute'], of(side)), (rules, accepted) => tlsParts(object as KindMap['TLSRoute'], rules, accepted)); // prettier-ignore
    default:
      return (side) => withParts(connectionRules(object as KindMap['TCPRoute'], of(side)), (rules, accepted) => connectionParts(object as KindMap['TCPRoute'], rules, accepted)); // prettier-ignore
  }
}

const unknownBackend: Backend = { destination: { host: '' } };

const withParts = <R extends HTTPRoute | TCPRoute | TLSRoute>(
  rules: ConvertedRules<R>,
  parts: (rules: ConvertedRules<R>['routes'], accepted: readonly Attachment[]) => readonly RoutePart[],
): readonly [ConvertedRules<unknown>['fault'], Parts] => [
  rules.fault,
  (accepted) => (rules.routes.length === 0 ? [] : parts(rules.routes, accepted)),
];
