// Which of the rejected versions are still wanted, by somebody who is connected.
import type { ProxyDelivery, Refusal } from '../../model/delivery.ts';
import type { Layer } from '../../model/resource.ts';
import type { Encode } from './proxy-state.ts';
import type { Rejection } from './quarantine.ts';

export function refusals(
  proxies: readonly ProxyDelivery[],
  rejections: readonly Rejection[],
  encode: Encode,
): readonly Refusal[] {
  if (rejections.length === 0) return [];
  const byScope = Map.groupBy(new Set<Layer>(proxies.flatMap(({ layers }) => layers)), ({ scope }) => scope);
  return rejections.flatMap(({ scope, type, name, version, error }) =>
    (byScope.get(scope) ?? []).flatMap(({ resources }) => {
      const resource = resources.get(name);
      const isWanted = resource?.type === type && encode(resource)?.content === version;
      return isWanted ? [{ scope, resource, error }] : [];
    }),
  );
}
