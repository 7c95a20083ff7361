// Patches of one cluster.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ClusterMatch
import type { MessageTypes } from '../../../model/message/descriptor.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { PatchContext } from '../conditions.ts';
import { isFor, meetsCluster } from '../conditions.ts';
import { mergeMessages } from '../merge.ts';
import type { Patch } from '../patch.ts';
import { typeOf } from './route-patch.ts';
import type { Tally } from '../tally.ts';
import { hit } from '../tally.ts';
import { mergeClusterSocket } from './transport-socket-patch.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

export interface ClusterPatching {
  readonly types: MessageTypes;
  readonly context: PatchContext;
  /** Of an inbound cluster: the services whose traffic it takes. */
  readonly hosts: readonly string[];
  readonly tally: Tally;
}

/** Undefined if it is removed. */
export function patchCluster(
  { types, context, hosts, tally }: ClusterPatching,
  cluster: Cluster,
  patches: readonly Patch[],
): Cluster | undefined {
  let patched = cluster;
  for (const patch of patches) {
    const { operation, source, value } = patch;
    if (!isFor(patch, context) || !changing.has(operation) || !meetsCluster(patch, cluster.name ?? '', hosts)) continue;
    hit(tally, patch);
    if (operation === 'REMOVE') return undefined;
    const merging = { source, replaceLists: operation === 'MERGE_AND_REPLACE_LIST' };
    patched =
      mergeClusterSocket(types, patched, value, merging) ??
      mergeMessages(typeOf(types, patch), patched, value, merging);
  }
  return patched;
}

const changing: ReadonlySet<string> = new Set(['REMOVE', 'MERGE', 'MERGE_AND_REPLACE_LIST']);
