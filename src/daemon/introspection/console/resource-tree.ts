// A resource as a tree. What is nested in it as resources of their own is decoded only where somebody looks, so that a route
// configuration of a thousand virtual hosts costs the few that are shown.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route.proto
import type { Branch, BranchPlace } from '../../../admin/console/api.ts';
import type { TreePart } from '../../../admin/console/answers/tree.ts';
import { branchAt, indexOf, jsonPart } from '../../../admin/console/answers/tree.ts';
import { decodedResource } from '../../../inspect/decoded.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { memo } from '../../../model/memo.ts';
import { cachedResource } from '../../../xds/codec/cache.ts';

const openLevels = 2;

/** undefined where the resource has no such field. */
export function resourceBranch(resource: Resource, place: BranchPlace): Branch | undefined {
  const lines = branchAt(resourcePart(resource), place, openLevels);
  return lines && { version: cachedResource(resource).version, lines };
}

function resourcePart(resource: Resource): TreePart {
  const { message, origins } = decodedResource(withoutParts(resource));
  const own = jsonPart(message, origins);
  const { field = '', resources = [] } = resource.parts ?? {};
  if (resources.length === 0) return own;
  const nested: TreePart = {
    value: resources,
    causes: [],
    steps: () => resources.map((_part, i) => `[${i}]`),
    below: (step) => nestedPart(resources[indexOf(step)]),
  };
  return {
    ...own,
    steps: () => [...own.steps(), field].toSorted(),
    below: (step) => (step === field ? nested : own.below(step)),
  };
}

/** The same object for the same resource. */
export const withoutParts = memo((resource: Resource): Resource =>
  resource.parts === undefined ? resource : { type: resource.type, name: resource.name, message: resource.message },
);

/** As it is printed inside another message: without its type. */
function nestedPart(resource: Resource | undefined): TreePart {
  if (resource === undefined) return jsonPart(undefined, {});
  const { message, origins } = decodedResource(resource);
  const { '@type': _type, ...fields } = message;
  return jsonPart(fields, origins);
}
