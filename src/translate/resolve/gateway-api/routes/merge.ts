// VirtualServices from the parts that routes became: HTTPRoutes and GRPCRoutes with one host at one listener share theirs.
// https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
import { memo, sharedList } from '../../../../model/memo.ts';
import type { VirtualService } from '../../../../model/mesh/virtual-service.ts';
import { compareText } from '../../order.ts';
import { byPrecedence } from './precedence.ts';
import type { RoutePart } from './parts.ts';

export const mergedRoutes = (parts: readonly RoutePart[]): readonly VirtualService[] =>
  [...Map.groupBy(parts, ({ key }) => key).values()].map((own) => {
    const [only, ...others] = own;
    return only !== undefined && others.length === 0
      ? only.virtualService
      : merged(sharedList(own.map(({ virtualService }) => virtualService).toSorted(byRouteAge)));
  });

/** By creation time, namespace, name of the route objects. */
const byRouteAge = (a: VirtualService, b: VirtualService): number =>
  compareText(a.created, b.created) ||
  compareText(a.namespace, b.namespace) ||
  compareText(a.source.name, b.source.name) ||
  compareText(a.source.kind, b.source.kind);

/** It stands for the oldest one. */
const merged = memo((parts: readonly VirtualService[]): VirtualService => {
  const [oldest] = parts as readonly [VirtualService];
  return { ...oldest, http: byPrecedence(parts.flatMap(({ http }) => http)) };
});
