// Which of the rejected versions are still wanted, by somebody who is connected.
import type { ProxyDelivery, Refusal } from '../../model/proxy/delivery.ts';
import type { Layer, Resource } from '../../model/envoy/resource.ts';
import type { Encode } from './proxy-state.ts';
import type { Quarantine, Rejection } from './quarantine.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';

export function refusals(
  proxies: readonly ProxyDelivery[],
  quarantine: Quarantine,
  encode: Encode,
): readonly Refusal[] {
  const rejections = quarantine.rejections();
  if (rejections.length === 0) return [];
  const wanted = wantedIn(
    proxies.flatMap(({ layers }) => layers),
    encode,
  );
  return rejections.flatMap((rejection) => {
    const { scope, error } = rejection;
    return wanted(rejection).map((resource) => {
      return { scope, resource, causing: different(resource, quarantine.good(rejection)), error };
    });
  });
}

/** Who wants another version again has nothing rejected any more. Secrets are in no layer, and wanted as long as they are there. */
export function standingRejections(
  layers: readonly Layer[],
  quarantine: Quarantine,
  encode: Encode,
): readonly Rejection[] {
  const rejections = quarantine.rejections();
  if (rejections.length === 0) return [];
  const wanted = wantedIn(layers, encode);
  return rejections.filter((each) => each.type === resourceTypes.secret || wanted(each).length > 0);
}

/** The resources that a rejection is about, where they are wanted in the version that was rejected. */
function wantedIn(layers: readonly Layer[], encode: Encode): (rejection: Rejection) => readonly Resource[] {
  const byScope = Map.groupBy(new Set(layers), ({ scope }) => scope);
  return ({ scope, type, name, version }) =>
    (byScope.get(scope) ?? []).flatMap(({ resources }) => {
      const resource = resources.get(name);
      return resource?.type === type && encode(resource)?.content === version ? [resource] : [];
    });
}

/** What of a resource is not in force: of one with parts, those that are others. */
function different(wanted: Resource, good: Resource | undefined): readonly Resource[] {
  const known = new Set(good?.parts?.resources);
  const parts = (wanted.parts?.resources ?? []).filter((part) => !known.has(part));
  return good === undefined || parts.length === 0 ? [wanted] : parts;
}
