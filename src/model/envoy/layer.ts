// A layer made from a list of resources; one that follows another one of its kind is made in next-layer.ts.
import type { Layer, Resource } from './resource.ts';
import { memo, sharedList } from '../memo.ts';

/** One layer per distinct list of resources, so that comparing two layers by identity is enough. */
export const layer = (scope: string, resources: readonly Resource[]): Layer =>
  sharedLayer(sharedList(resources), scope);

const sharedLayer = memo((resources: readonly Resource[], scope: string): Layer => ({
  scope,
  resources: new Map(resources.map((resource) => [resource.name, resource])),
}));
