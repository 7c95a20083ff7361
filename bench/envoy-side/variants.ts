// What an Envoy is told, and what it keeps of it, in several ways: from all there is to what is used, each with one thing more
// that saves something.
import type { NodeInfo } from '../../src/model/envoy/resource.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { sidecarNode, withLazy } from './lazy-mesh.ts';

export interface Variant {
  readonly name: string;
  readonly mesh: (whole: Snapshot) => Snapshot;
  readonly node: NodeInfo;
  /** What of the product's own bootstrap is left out. */
  readonly without: readonly string[];
}

const matcher = 'stats_config';
const deferrals = ['deferred_stat_options', 'cluster_manager'];

function delivered(routes: 'whole' | 'virtual-hosts'): NodeInfo {
  const node = sidecarNode();
  return { ...node, metadata: { ...node.metadata, ROUTE_DELIVERY: routes } };
}

const variant = (
  name: string,
  without: readonly string[],
  routes: 'whole' | 'virtual-hosts',
  lazy: boolean = false,
): Variant => ({ name, without, node: delivered(routes), mesh: (whole) => withLazy(whole, lazy) });

export const variants: readonly Variant[] = [
  variant('all statistics', [matcher, ...deferrals], 'whole'),
  variant('few statistics', deferrals, 'whole'),
  variant('made when used', [], 'whole'),
  variant('host by host', [], 'virtual-hosts'),
  variant('lazy', [], 'virtual-hosts', true),
];
