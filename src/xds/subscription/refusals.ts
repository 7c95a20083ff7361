// Which of the rejected versions are still wanted, by somebody who is connected.
import type { ProxyDelivery, Refusal } from '../../model/proxy/delivery.ts';
import type { Layer, Resource } from '../../model/envoy/resource.ts';
import type { Encode } from './proxy-state.ts';
import type { Quarantine } from './quarantine.ts';

export function refusals(
  proxies: readonly ProxyDelivery[],
  quarantine: Quarantine,
  encode: Encode,
): readonly Refusal[] {
  const rejections = quarantine.rejections();
  if (rejections.length === 0) return [];
  const byScope = Map.groupBy(new Set<Layer>(proxies.flatMap(({ layers }) => layers)), ({ scope }) => scope);
  return rejections.flatMap((rejection) => {
    const { scope, type, name, version, error } = rejection;
    return (byScope.get(scope) ?? []).flatMap(({ resources }) => {
      const resource = resources.get(name);
      const isWanted = resource?.type === type && encode(resource)?.content === version;
      return isWanted ? [{ scope, resource, causing: different(resource, quarantine.good(rejection)), error }] : [];
    });
  });
}

/** What of a resource is not in force: of one with parts, those that are others. */
function different(wanted: Resource, good: Resource | undefined): readonly Resource[] {
  const known = new Set(good?.parts?.resources);
  const parts = (wanted.parts?.resources ?? []).filter((part) => !known.has(part));
  return good === undefined || parts.length === 0 ? [wanted] : parts;
}
