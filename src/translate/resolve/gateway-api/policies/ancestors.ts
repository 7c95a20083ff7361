// Whom a policy for backends is told about in its status: its targets, and the Gateways from which routes lead to them.
// https://gateway-api.sigs.k8s.io/reference/spec/#policyancestorstatus
import { memo } from '../../../../model/memo.ts';
import type { gatewayApi } from '../../../../model/schema/index.ts';
import type { Condition, ObjectStatus } from '../../../../model/status.ts';
import { compareText } from '../../order.ts';
import { gatewayController, meshController } from '../gateway-class.ts';
import type { RouteResult } from '../routes/route.ts';

/** `namespace/name` of Gateways by `kind/namespace/name` of the backend. */
export const gatewaysByBackend = memo((routes: readonly RouteResult[]): ReadonlyMap<string, readonly string[]> => {
  const found = routes.flatMap(({ object: { spec, metadata } }) => {
    const gateways = (spec.parentRefs ?? [])
      .filter(({ group, kind }) => group === 'gateway.networking.k8s.io' && kind === 'Gateway')
      .map(({ namespace = metadata.namespace, name }) => `${namespace}/${name}`);
    const rules = (spec.rules ?? []) as readonly {
      readonly backendRefs?: readonly gatewayApi.BackendObjectReference[];
    }[];
    return rules
      .flatMap(({ backendRefs = [] }) => backendRefs)
      .flatMap(({ kind, namespace = metadata.namespace, name }) =>
        gateways.map((gateway) => ({ backend: `${kind}/${namespace}/${name}`, gateway })),
      );
  });
  const groups = [...Map.groupBy(found, ({ backend }) => backend)];
  return new Map(groups.map(([backend, own]) => [backend, own.map(({ gateway }) => gateway)]));
});

/** One of a policy's targets. */
export interface TargetStatus {
  readonly reference: { readonly kind: string; readonly name: string };
  /** Whether Gateways that lead there are ancestors. */
  readonly isBackend: boolean;
  readonly conditions: readonly Condition[];
}

const mostAncestors = 16;

/** An entry for each target, and one for each Gateway from which routes lead to one, with conditions of its own. */
export function ancestorsStatus(
  namespace: string,
  targets: readonly TargetStatus[],
  gateways: ReadonlyMap<string, readonly string[]>,
  ofGateways: readonly Condition[],
): ObjectStatus['status'] {
  const leading = targets.flatMap(({ isBackend, reference: { kind, name } }) =>
    isBackend ? (gateways.get(`${kind}/${namespace}/${name}`) ?? []) : [],
  );
  const ancestors = [
    ...targets.map(({ reference, conditions }) => ({
      ancestorRef: reference,
      controllerName: meshController,
      conditions,
    })),
    ...[...new Set(leading)].toSorted(compareText).map((key) => ({
      ancestorRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: key.slice(key.indexOf('/') + 1) },
      controllerName: gatewayController,
      conditions: ofGateways,
    })),
  ];
  return { ancestors: ancestors.slice(0, mostAncestors) };
}
