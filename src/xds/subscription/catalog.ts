// What there is of one type for one proxy, and what differs between two states of it. A layer is compared with its
// successor once for all the proxies that share both, by the identity of its resources.
import type { Layer, Resource, TypeUrl } from '../../model/envoy/resource.ts';
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

/** What may mean something else now. */
export interface Changed {
  readonly type: TypeUrl;
  /** New, gone or another resource, but for what is there on demand; a name may come twice. */
  readonly names: readonly string[];
  /** And whatever the proxy asked for by name. */
  readonly onDemand: boolean;
}

export function changesBetween(type: TypeUrl, before: readonly Layer[], after: readonly Layer[]): Changed {
  const gone = before.filter((layer) => !after.includes(layer));
  const fresh = after.filter((layer) => !before.includes(layer));
  const onDemand = gone.some(isOnDemand) || fresh.some(isOnDemand);
  return { type, names: changedNames(gone.filter(isFixed), fresh.filter(isFixed)), onDemand };
}

const isOnDemand = ({ onDemand }: Layer): boolean => onDemand !== undefined;
const isFixed = ({ onDemand }: Layer): boolean => onDemand === undefined;

function changedNames(gone: readonly Layer[], fresh: readonly Layer[]): readonly string[] {
  const replaced = fresh.map((layer) => gone.find(({ scope }) => scope === layer.scope));
  const changed = fresh.map((layer, i) => differences(replaced[i] ?? nothing, layer));
  const dropped = gone.filter((layer) => !replaced.includes(layer));
  return [...changed, ...dropped.map((layer) => differences(layer, nothing))].flat();
}

/** Then nothing differs. */
export const sameLayers = (before: readonly Layer[], after: readonly Layer[]): boolean =>
  before === after || (before.length === after.length && before.every((layer, i) => layer === after[i]));

const nothing: Layer = { scope: '', resources: new Map() };

const differences = (before: Layer, after: Layer): readonly string[] => changedKeys(before.resources, after.resources);
