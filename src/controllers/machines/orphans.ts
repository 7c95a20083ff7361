// Entries of machines whose replica has gone without taking them away, and that have come back to no other: removed by the one
// that writes, after a while.
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { ResourceType } from '../../kubernetes/resource.ts';
import { isNotFound } from '../../kubernetes/api-error.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { objectKey } from '../../model/object.ts';
import { annotations } from './workload-entry.ts';

export interface OrphansOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'delete'>;
  readonly resource: () => Promise<ResourceType | undefined>;
  readonly entries: () => Iterable<KindMap['WorkloadEntry']>;
  readonly isAlive: (controller: string) => boolean;
  readonly signal: AbortSignal;
  readonly onFault: (entry: string, error: unknown) => void;
  /** How often is looked, and for how long an entry has to be nobody's, in milliseconds. */
  readonly lookMs?: number;
  readonly patienceMs?: number;
}

/** Until `signal` aborts. */
export function removeOrphans(options: OrphansOptions): void {
  const { lookMs = 15_000, signal } = options;
  let since = new Map<string, number>();
  const look = async (): Promise<void> => {
    const { entries, isAlive, patienceMs = 60_000, onFault } = options;
    const now = Date.now();
    const orphans = [...entries()].filter(({ metadata }) => isOrphan(metadata.annotations, isAlive));
    since = new Map(orphans.map(({ metadata }) => [metadata.uid ?? '', since.get(metadata.uid ?? '') ?? now]));
    for (const { metadata } of orphans) {
      if (now - (since.get(metadata.uid ?? '') ?? now) < patienceMs) continue;
      await remove(options, metadata).catch((error: unknown) =>
        onFault(objectKey(metadata.namespace, metadata.name), error),
      );
    }
  };
  const timer = setInterval(() => void look(), lookMs).unref();
  signal.addEventListener('abort', () => clearInterval(timer));
}

type Marks = Readonly<Record<string, string>>;

/** One that its replica has left behind, though that one may be alive. */
const isOrphan = (marks: Marks, isAlive: (controller: string) => boolean): boolean => {
  const controller = marks[annotations.controller];
  if (marks[annotations.group] === undefined || controller === undefined) return false;
  return marks[annotations.disconnectedAt] !== undefined || !isAlive(controller);
};

async function remove(
  { client, resource, isAlive, signal }: OrphansOptions,
  { namespace, name, uid }: KindMap['WorkloadEntry']['metadata'],
): Promise<void> {
  const served = await resource();
  if (served === undefined) return;
  const ref = { namespace, name };
  const ignoreMissing = (error: unknown): undefined => {
    if (!isNotFound(error)) throw error;
  };
  // As it is now: it may have come back since.
  const found = await client.get(served, ref, signal).catch(ignoreMissing);
  if (found?.metadata.uid !== uid || !isOrphan(found?.metadata.annotations ?? {}, isAlive)) return;
  const { resourceVersion } = found?.metadata ?? {};
  await client.delete(served, ref, { signal, ...(resourceVersion && { resourceVersion }) }).catch(ignoreMissing);
}
