// Patches on one resource. Whatever goes wrong stays with that resource: it is then as it was without patches.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import type { MessageTypes } from '../../model/message/descriptor.ts';
import { memo, sharedList } from '../../model/memo.ts';
import type { Problem } from '../../model/problem.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { patchCluster } from './apply-to/cluster-patch.ts';
import type { PatchContext } from './conditions.ts';
import { clusterContext } from './conditions.ts';
import { patchListener } from './apply-to/listener-patch.ts';
import type { Patch } from './patch.ts';
import type { RoutePatching } from './apply-to/route-patch.ts';
import { addedHosts, mergeConfiguration, patchesOfRoutes, patchVirtualHost } from './apply-to/route-patch.ts';
import type { Tally } from './tally.ts';
import { newTally } from './tally.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];

/** What patching depends on besides the resource. */
export interface PatchFacts {
  readonly isGateway: boolean;
  /** All of its listeners take what comes in, and its clusters are nobody's to change. */
  readonly isWaypoint: boolean;
  /** Hosts of the services behind a port of the workload. */
  readonly inboundHosts: Readonly<Record<number, readonly string[]>>;
  /** Ports of Services that lead to a port of a gateway. */
  readonly servicePorts: Readonly<Record<number, readonly number[]>>;
}

export interface PatchedResource {
  /** Undefined if it is removed; the very same one if nothing was patched. */
  readonly resource: Resource | undefined;
  readonly hits: readonly Patch[];
  readonly problems: readonly Problem[];
}

export const patchedResource = memo(
  (types: MessageTypes, resource: Resource, patches: readonly Patch[], facts: PatchFacts): PatchedResource => {
    // What we need for ourselves is nobody else's to change.
    if (patches.length === 0 || resource.name.startsWith('keelson.')) return untouched(resource);
    const tally = newTally();
    try {
      const patched = patch(types, resource, patches, facts, tally);
      const fault = patched === undefined || patched === resource ? undefined : types.fault(patched);
      if (fault === undefined) return { resource: remembering(patched, resource), hits: tally.hits, problems: [] };
      return failed(resource, tally, fault);
    } catch (error) {
      return failed(resource, tally, error instanceof Error ? error.message : String(error));
    }
  },
);

const remembering = (patched: Resource | undefined, unpatched: Resource): Resource | undefined =>
  patched === undefined || patched === unpatched ? patched : { ...patched, unpatched };

const untouched = (resource: Resource): PatchedResource => ({ resource, hits: [], problems: [] });

const failed = (resource: Resource, { hits }: Tally, reason: string): PatchedResource => ({
  resource,
  hits,
  problems: [...new Set(hits)].map(({ source }) => ({
    code: 'patch-failed',
    severity: 'error',
    message: `${resource.name} stays without patches, because with them it cannot be sent: ${reason}`,
    source,
  })),
});

function patch(
  types: MessageTypes,
  resource: Resource,
  patches: readonly Patch[],
  facts: PatchFacts,
  tally: Tally,
): Resource | undefined {
  const { isGateway, isWaypoint, inboundHosts, servicePorts } = facts;
  const patching = (context: PatchContext): RoutePatching => ({ types, context, servicePorts, tally });
  const outside = isGateway ? 'GATEWAY' : 'SIDECAR_OUTBOUND';
  switch (resource.type) {
    case resourceTypes.cluster: {
      if (isWaypoint) return resource;
      const context = isGateway ? 'GATEWAY' : clusterContext(resource.name);
      const hosts = inboundHosts[Number(resource.name.split('|')[1])] ?? [];
      return withMessage(resource, patchCluster({ types, context, hosts, tally }, resource.message, patches));
    }
    case resourceTypes.listener: {
      const listener: Listener = resource.message;
      const inbound = isWaypoint || (!isGateway && listener.traffic_direction === 'INBOUND');
      return withMessage(resource, patchListener(patching(inbound ? 'SIDECAR_INBOUND' : outside), listener, patches));
    }
    case resourceTypes.route:
      return patchRoutes(patching(outside), resource, patches);
    default:
      return resource;
  }
}

function withMessage(resource: Resource, message: object | undefined): Resource | undefined {
  if (message === undefined || message === resource.message) return message && resource;
  return { ...resource, message };
}

/** Virtual hosts are resources of their own, so that one that no patch is about stays what it is. */
function patchRoutes(patching: RoutePatching, resource: Resource, patches: readonly Patch[]): Resource {
  const own = sharedList(patchesOfRoutes(patches, patching, resource.name));
  if (own.length === 0) return resource;
  const { virtual_hosts: more = [], ...message } = mergeConfiguration(patching, resource.message, own);
  const before = resource.parts?.resources ?? [];
  const kept = before.flatMap((host) => patchedHost(patching, host, own) ?? []);
  const added = [...more, ...addedHosts(patching, own)].map((host) => hostResource(resource.name, host));
  const { hits } = patching.tally;
  if (hits.length === 0) return resource;
  return { ...resource, message, parts: { field: 'virtual_hosts', resources: sharedList([...kept, ...added]) } };
}

const hostResource = (routeName: string, host: VirtualHost): Resource => ({
  type: resourceTypes.virtualHost,
  name: `${routeName}/${host.name ?? ''}`,
  message: host,
});

function patchedHost(patching: RoutePatching, host: Resource, patches: readonly Patch[]): Resource | undefined {
  const { resource, hits } = rememberedHost(patching.types, host, patches);
  patching.tally.hits.push(...hits);
  return resource;
}

const rememberedHost = memo((types: MessageTypes, host: Resource, patches: readonly Patch[]) => {
  const tally = newTally();
  return { resource: withMessage(host, patchVirtualHost({ types, tally }, host.message, patches)), hits: tally.hits };
});
