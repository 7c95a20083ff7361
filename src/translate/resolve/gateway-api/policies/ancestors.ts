// From which Gateways routes lead to a service: they are the ancestors of the policies for it.
// https://gateway-api.sigs.k8s.io/reference/spec/#policyancestorstatus
import { memo } from '../../../../model/memo.ts';
import type { gatewayApi } from '../../../../model/schema/index.ts';
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
