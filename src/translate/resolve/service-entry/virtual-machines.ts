// Workloads outside Kubernetes, as their WorkloadEntries describe them.
// https://istio.io/latest/docs/reference/config/networking/workload-entry/
import { memo } from '../../../model/memo.ts';
import { objectKey } from '../../../model/object.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { workloadEntryLabels } from './workload-endpoints.ts';

type Labels = Readonly<Record<string, string>>;

export interface VirtualMachines {
  /** Labels of the entry with one of the addresses; undefined when there is none. */
  labelsAt(namespace: string, addresses: readonly string[]): Labels | undefined;
}

export const virtualMachines = memo((entries: ReadonlyMap<string, KindMap['WorkloadEntry']>): VirtualMachines => {
  const byAddress = new Map(
    [...entries.values()].map((entry) => [
      objectKey(entry.metadata.namespace, entry.spec.address ?? ''),
      workloadEntryLabels(entry),
    ]),
  );
  return {
    labelsAt: (namespace, addresses) =>
      addresses.map((address) => byAddress.get(objectKey(namespace, address))).find((labels) => labels !== undefined),
  };
});
