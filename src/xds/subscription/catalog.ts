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

/** Every proxy is asked after every change, mostly about one layer of a few: so nothing is made but what is told. */
export function changesBetween(type: TypeUrl, before: readonly Layer[], after: readonly Layer[]): Changed {
  const changed: (readonly string[])[] = [];
  const replaced: Layer[] = [];
  let onDemand = false;
  for (const layer of after) {
    if (before.includes(layer)) continue;
    if (layer.onDemand !== undefined) onDemand = true;
    else {
      const gone = before.find((each) => each.scope === layer.scope && isFixed(each) && !after.includes(each));
      if (gone !== undefined) replaced.push(gone);
      changed.push(differences(gone ?? nothing, layer));
    }
  }
  for (const layer of before) {
    if (after.includes(layer) || replaced.includes(layer)) continue;
    if (layer.onDemand !== undefined) onDemand = true;
    else changed.push(differences(layer, nothing));
  }
  const [first = [], ...others] = changed;
  return { type, names: others.length === 0 ? first : [first, ...others].flat(), onDemand };
}

const isFixed = ({ onDemand }: Layer): boolean => onDemand === undefined;

/** Then nothing differs. */
export const sameLayers = (before: readonly Layer[], after: readonly Layer[]): boolean =>
  before === after || (before.length === after.length && before.every((layer, i) => layer === after[i]));

const nothing: Layer = { scope: '', resources: new Map() };

const differences = (before: Layer, after: Layer): readonly string[] => changedKeys(before.resources, after.resources);
