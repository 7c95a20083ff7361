// What there is of one type for one proxy, and what differs between two states of it. A layer is compared with its
// successor once for all the proxies that share both, by the identity of its resources.
import type { Layer, Resource } from '../../model/envoy/resource.ts';
import { changedKeys } from '../../model/patched-map.ts';

export interface Found {
  readonly resource: Resource;
  readonly scope: string;
}

export function findResource(layers: readonly Layer[], name: string): Found | undefined {
  for (const { scope, resources, onDemand } of layers) {
    const resource = resources.get(name) ?? onDemand?.made(name);
    if (resource !== undefined) return { resource, scope };
  }
  return undefined;
}

/** Whether there will be such a resource. */
export const isAwaited = (layers: readonly Layer[], name: string): boolean =>
  layers.some(({ awaited }) => awaited?.includes(name) === true);

/** The name of the resource that answers to a name, which is that name unless a layer knows better. */
export function canonicalName(layers: readonly Layer[], asked: string): string {
  for (const { onDemand } of layers) {
    const name = onDemand?.canonical(asked) ?? asked;
    if (name !== asked) return name;
  }
  return asked;
}

/** What everything consists of; a name may come twice. */
export function* resourceNames(layers: readonly Layer[]): Generator<string> {
  for (const { resources, onDemand } of layers) if (onDemand === undefined) yield* resources.keys();
}

/** Whether what is there for those who ask is not the same any more. */
export const onDemandChanged = (before: readonly Layer[], after: readonly Layer[]): boolean =>
  [...before, ...after].some(
    (layer) => layer.onDemand !== undefined && !(before.includes(layer) && after.includes(layer)),
  );

/** The names that are new, gone or another resource now, but for what is there on demand; a name may come twice. */
export function changedNames(before: readonly Layer[], after: readonly Layer[]): readonly string[] {
  const gone = before.filter((layer) => layer.onDemand === undefined && !after.includes(layer));
  const fresh = after.filter((layer) => layer.onDemand === undefined && !before.includes(layer));
  const replaced = fresh.map((layer) => gone.find(({ scope }) => scope === layer.scope));
  const changed = fresh.map((layer, index) => differences(replaced[index] ?? nothing, layer));
  const dropped = gone.filter((layer) => !replaced.includes(layer)).map((layer) => differences(layer, nothing));
  return [...changed, ...dropped].flat();
}

/** Then nothing differs. */
export const sameLayers = (before: readonly Layer[], after: readonly Layer[]): boolean =>
  before === after || (before.length === after.length && before.every((layer, i) => layer === after[i]));

const nothing: Layer = { scope: '', resources: new Map() };

const differences = (before: Layer, after: Layer): readonly string[] => changedKeys(before.resources, after.resources);
