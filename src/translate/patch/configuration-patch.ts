// All patches of one proxy on its configuration. They come after everything else was built and shared: what no patch is about
// stays the very same object, and proxies with the same patches share what these make.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import type { MessageTypes } from '../../model/message/descriptor.ts';
import { memo, sharedList } from '../../model/memo.ts';
import type { Problem } from '../../model/problem.ts';
import { layer } from '../../model/envoy/layer.ts';
import type { Configuration, Layer, Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { PatchContext } from './conditions.ts';
import { addsTo } from './conditions.ts';
import type { ApplyTo, Patch } from './patch.ts';
import type { PatchFacts } from './resource-patch.ts';
import { patchedResource } from './resource-patch.ts';

export interface PatchedConfiguration {
  readonly configuration: Configuration;
  /** How many places each patch found; those that found none are there with 0. */
  readonly places: ReadonlyMap<Patch, number>;
  /** Patches whose result could not be sent: what they changed is as it was without them. */
  readonly problems: readonly Problem[];
}

type Kind = 'cluster' | 'listener' | 'route';

const routeKinds: readonly ApplyTo[] = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'];
const patchedBy: Readonly<Record<Kind, readonly ApplyTo[]>> = {
  cluster: ['CLUSTER'],
  // Routes of inbound traffic stand inside listeners.
  listener: ['LISTENER', 'LISTENER_FILTER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'HTTP_FILTER', ...routeKinds],
  route: routeKinds,
};

/** `patches` is a shared list and `facts` a shared value. */
export function patchConfiguration(
  types: MessageTypes,
  configuration: Configuration,
  patches: readonly Patch[],
  facts: PatchFacts,
): PatchedConfiguration {
  if (patches.length === 0) return { configuration, places: new Map(), problems: [] };
  const own = (kind: Kind): readonly Patch[] =>
    sharedList(patches.filter(({ applyTo }) => patchedBy[kind].includes(applyTo)));
  const layers = (kind: Kind): readonly PatchedLayer[] =>
    configuration[kind].map((each) => patchedLayer(types, each, own(kind), facts));
  const cluster = layers('cluster');
  const listener = layers('listener');
  const route = layers('route');
  const added = [
    addedLayer(own('cluster'), 'CLUSTER', facts, namesOf(configuration.cluster)),
    addedLayer(own('listener'), 'LISTENER', facts, namesOf(configuration.listener)),
  ];
  const [clusters, listeners] = added;
  const all = [...cluster, ...listener, ...route, ...added.flatMap((each) => each ?? [])];
  return {
    configuration: {
      ...configuration,
      cluster: [...cluster, ...(clusters === undefined ? [] : [clusters])].map((each) => each.layer),
      listener: [...listener, ...(listeners === undefined ? [] : [listeners])].map((each) => each.layer),
      route: route.map((each) => each.layer),
    },
    places: places(patches, all),
    problems: all.flatMap(({ problems }) => problems),
  };
}

interface PatchedLayer {
  readonly layer: Layer;
  readonly hits: readonly Patch[];
  readonly problems: readonly Problem[];
}

/** The same layer if nothing in it changes. */
const patchedLayer = memo(
  (types: MessageTypes, before: Layer, patches: readonly Patch[], facts: PatchFacts): PatchedLayer => {
    if (patches.length === 0) return { layer: before, hits: [], problems: [] };
    const resources = [...before.resources.values()];
    const results = resources.map((resource) => patchedResource(types, resource, patches, facts));
    const kept = results.flatMap(({ resource }) => resource ?? []);
    const same = kept.length === resources.length && kept.every((resource, i) => resource === resources[i]);
    return {
      layer: same ? before : { ...layer(`${before.scope}|${scopeOf(patches)}`, kept), ...onDemandOf(before) },
      hits: results.flatMap(({ hits }) => hits),
      problems: results.flatMap(({ problems }) => problems),
    };
  },
);

const onDemandOf = ({ onDemand }: Layer): Partial<Layer> => (onDemand === undefined ? {} : { onDemand });

/** What works for proxies with these patches need not work for others. */
const scopeOf = memo((patches: readonly Patch[]): string =>
  patches.map(({ source: { namespace, name, path } }) => `${namespace}/${name}#${path ?? ''}`).join(),
);

/** What patches add to all that there is; a name that is taken stays with who has it. */
function addedLayer(
  patches: readonly Patch[],
  applyTo: 'CLUSTER' | 'LISTENER',
  { isGateway, isWaypoint }: PatchFacts,
  taken: readonly string[],
): PatchedLayer | undefined {
  const inbound: readonly PatchContext[] = isWaypoint ? ['SIDECAR_INBOUND'] : ['SIDECAR_OUTBOUND', 'SIDECAR_INBOUND'];
  const contexts = isGateway ? (['GATEWAY'] as const) : inbound;
  const adding = patches.filter(
    (patch) =>
      patch.applyTo === applyTo && patch.operation === 'ADD' && contexts.some((context) => addsTo(patch, context)),
  );
  if (adding.length === 0) return undefined;
  const made = adding.map((patch) => ({ patch, resource: addedResource(patch) }));
  const first = (name: string): unknown => made.find(({ resource }) => resource.name === name);
  const used = made.filter((each) => first(each.resource.name) === each && !taken.includes(each.resource.name));
  return {
    layer: layer(
      `${applyTo} added|${scopeOf(sharedList(adding))}`,
      used.map(({ resource }) => resource),
    ),
    hits: used.map(({ patch }) => patch),
    problems: made.filter((each) => !used.includes(each)).map(nameTaken),
  };
}

const addedResource = memo(({ applyTo, value }: Patch): Resource => {
  const { name = '' } = value as { readonly name?: string };
  return { type: applyTo === 'CLUSTER' ? resourceTypes.cluster : resourceTypes.listener, name, message: value };
});

const nameTaken = ({ patch, resource }: { readonly patch: Patch; readonly resource: Resource }): Problem => ({
  code: 'name-taken',
  severity: 'warning',
  message: `there is another ${patch.applyTo.toLowerCase()} of the name "${resource.name}": this one is not added`,
  source: patch.source,
});

const namesOf = (layers: readonly Layer[]): readonly string[] =>
  layers.flatMap(({ resources }) => [...resources.keys()]);

function places(patches: readonly Patch[], layers: readonly PatchedLayer[]): ReadonlyMap<Patch, number> {
  const counts = new Map(patches.map((patch) => [patch, 0]));
  for (const { hits } of layers) for (const patch of hits) counts.set(patch, (counts.get(patch) ?? 0) + 1);
  return counts;
}
