// What an Envoy is told, and what it keeps of it, in several ways: from all there is to what is used, each with one thing more
// that saves something.
import type { NodeInfo } from '../../src/model/envoy/resource.ts';
import { ownLabels, selfVariables } from '../../src/model/proxy/self-labels.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { sidecarNode, withLazy } from './lazy-mesh.ts';

export interface Variant {
  readonly name: string;
  readonly mesh: (whole: Snapshot) => Snapshot;
  readonly node: NodeInfo;
  /** What of the product's own bootstrap is left out. */
  readonly without: readonly string[];
}

/** What all of Envoy's own statistics are kept without, and what is made at once without. */
const matcher = ['stats_config'];
const deferrals = ['deferred_stat_options', 'cluster_manager'];

const whole = { ROUTE_DELIVERY: 'whole' };
const hostByHost = { ROUTE_DELIVERY: 'virtual-hosts' };

const variant = (name: string, without: readonly string[], told: object, isLazy = false): Variant => {
  const node = sidecarNode();
  return {
    name,
    without,
    node: { ...node, metadata: { ...node.metadata, ...told } },
    mesh: (snapshot) => withLazy(snapshot, isLazy),
  };
};

/** The last but one is an injected Pod. */
export const variants: readonly Variant[] = [
  variant('all statistics', [...matcher, ...deferrals], whole),
  variant('few statistics', deferrals, whole),
  variant('made when used', [], whole),
  variant('host by host', [], hostByHost),
  variant('names from environment', [], { ...hostByHost, ...ownLabels }),
  variant('lazy', [], { ...hostByHost, ...ownLabels }, true),
];

/** The environment of every one of them. */
export const variables: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(selfVariables).map((variable) => [variable, 'svc-0000']),
);
