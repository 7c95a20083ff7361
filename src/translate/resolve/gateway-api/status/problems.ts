// What is wrong in objects of Gateway API, for those who look at files and logs: the same that their statuses say.
// https://gateway-api.sigs.k8s.io/guides/implementers/#conditions
import { memo } from '../../../../model/memo.ts';
import type { ObjectBase } from '../../../../model/object.ts';
import type { Problem } from '../../../../model/problem.ts';
import type { SnapshotObjects } from '../../../../model/snapshot.ts';
import { at } from '../../../../model/source.ts';
import type { Condition, ObjectStatus } from '../../../../model/status.ts';
import type { GatewayResult } from '../listeners/gateways.ts';
import type { ListenerResult } from '../listeners/listener.ts';
import type { RouteResult } from '../routes/route.ts';

export const gatewayApiProblems = (
  objects: SnapshotObjects,
  results: readonly GatewayResult[],
  routes: readonly RouteResult[],
  policies: readonly ObjectStatus[],
  strict: boolean,
): readonly Problem[] => [
  ...ofOtherClasses(objects.KubernetesGateway, results),
  ...gatewayProblems(results),
  ...routeProblems(routes),
  ...policyProblems('BackendTLSPolicy', objects.BackendTLSPolicy, policies),
  ...policyProblems('XBackendTrafficPolicy', objects.XBackendTrafficPolicy, policies),
  ...(strict
    ? []
    : [
        ...inVain(objects.UDPRoute),
        ...inVain(objects.XBackendTrafficPolicy),
        ...unboundSessions(routes),
        ...unusedCertificates(results),
      ]),
];

const warning = (object: ObjectBase, code: string, message: string, ...path: readonly string[]): Problem => ({
  code,
  severity: 'warning',
  message,
  source: at(object.source, ...path),
  ...(object.position !== undefined && { position: object.position }),
});

/** Conditions that are not as they should be; whether proxies are there yet is no mistake of the object. */
const faults = (object: ObjectBase, conditions: readonly Condition[], ...path: readonly string[]): readonly Problem[] =>
  conditions.flatMap(({ type, status, reason, message }) => {
    if (status !== 'False' || (type !== 'Accepted' && type !== 'ResolvedRefs')) return [];
    const code = type === 'Accepted' ? 'not-accepted' : 'unresolved-reference';
    return [warning(object, code, `${message} (${reason})`, ...path)];
  });

const ofOtherClasses = memo((objects: SnapshotObjects['KubernetesGateway'], results: readonly GatewayResult[]) => {
  const ours = new Set(results.map(({ object }) => object));
  return [...objects.values()]
    .filter((object) => !ours.has(object))
    .map((object) => warning(object, 'no-effect', `Gateways of the class ${object.spec.gatewayClassName} are not taken care of here`, 'spec.gatewayClassName')); // prettier-ignore
});

const gatewayProblems = memo((results: readonly GatewayResult[]): readonly Problem[] =>
  results.flatMap(({ object, listeners, sets, addressFault }) => [
    ...(addressFault === undefined ? [] : [warning(object, 'not-accepted', addressFault.message, 'spec')]),
    ...listenerProblems(object, listeners),
    ...sets.flatMap((set) => [
      ...(set.refusal === undefined
        ? []
        : [warning(set.object, 'not-accepted', set.refusal.message, 'spec.parentRef')]),
      ...listenerProblems(set.object, set.listeners),
    ]),
  ]),
);

const listenerProblems = (object: ObjectBase, listeners: readonly ListenerResult[]): readonly Problem[] =>
  listeners.flatMap(({ conditions }, i) => faults(object, conditions, `spec.listeners[${i}]`));

const routeProblems = memo((routes: readonly RouteResult[]): readonly Problem[] =>
  routes.flatMap(({ object, parents }) => {
    const all = parents.flatMap(({ parentRef, conditions }) => {
      const index = (object.spec.parentRefs ?? []).indexOf(parentRef);
      return faults(
        object,
        conditions.filter(({ type }) => type === 'Accepted'),
        `spec.parentRefs[${index}]`,
      );
    });
    const references = parents.flatMap(({ conditions }) => faults(object, conditions.filter(({ type }) => type === 'ResolvedRefs'), 'spec.rules')); // prettier-ignore
    const nobody =
      parents.length === 0
        ? [warning(object, 'not-accepted', 'None of its parents is known here', 'spec.parentRefs')]
        : [];
    return [...nobody, ...all, ...references.slice(0, 1)];
  }),
);

const policyProblems = memo(
  (of: string, objects: ReadonlyMap<string, ObjectBase>, statuses: readonly ObjectStatus[]): readonly Problem[] =>
    statuses.flatMap(({ kind, namespace, name, status }) => {
      const object = kind === of ? objects.get(`${namespace}/${name}`) : undefined;
      const ancestors = status['ancestors'] as readonly { readonly conditions: readonly Condition[] }[];
      return object === undefined
        ? []
        : ancestors.slice(0, 1).flatMap(({ conditions }) => faults(object, conditions, 'spec'));
    }),
);

const needsSwitch = 'has no effect unless KEELSON_STRICT_GATEWAYS is set for the control plane';

const unboundSessions = memo((routes: readonly RouteResult[]): readonly Problem[] =>
  routes.flatMap(({ object }) =>
    (object.spec.rules ?? []).flatMap((rule, i) =>
      'sessionPersistence' in rule && rule.sessionPersistence !== undefined
        ? [warning(object, 'unsupported-field', `sessionPersistence ${needsSwitch}`, `spec.rules[${i}].sessionPersistence`)] // prettier-ignore
        : [],
    ),
  ),
);

const unusedCertificates = memo((results: readonly GatewayResult[]): readonly Problem[] =>
  results.flatMap(
    ({ object }) =>
    object.spec.tls?.backend?.clientCertificateRef === undefined
      ? []
      : [warning(object, 'unsupported-field', `clientCertificateRef ${needsSwitch}`, 'spec.tls.backend.clientCertificateRef')], // prettier-ignore
  ),
);

/** Kinds that Istio does not know, or not by default. */
const inVain = memo((objects: ReadonlyMap<string, ObjectBase>): readonly Problem[] =>
  [...objects.values()].map((object) => warning(object, 'no-effect', `A ${object.kind} ${needsSwitch}`)),
);
