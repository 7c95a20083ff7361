// Where all objects come from: a directory or a cluster. The daemon sees no difference.
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { Problem } from '../model/problem.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { RuleContext } from './rules/rule.ts';
import { readdir } from 'node:fs/promises';
import type { OnObject } from './cluster/cluster.ts';
import { watchCluster } from './cluster/cluster.ts';
import { watchDirectory } from './files/directory.ts';

/**
 * All objects, and all problems there are with them; `since` is when reading them began, in milliseconds since 1970. Whoever
 * returns a promise is told of nothing more until it settles.
 */
export type OnChange = (snapshot: Snapshot, problems: readonly Problem[], since: number) => void | Promise<void>;

export interface SourceOptions {
  readonly signal: AbortSignal;
  /** Where the mesh's own ConfigMaps are in a cluster. */
  readonly systemNamespace: string;
  /** Of this control plane, in a cluster. */
  readonly revision: string;
  /** What rules may know beside an object. */
  readonly context?: RuleContext;
  /** Told of every object of a cluster as the server has it, whenever it is sent. */
  readonly onObject?: OnObject;
  /** Told why it takes long until everything has been read. */
  readonly onWaiting: (problems: readonly Problem[]) => void;
}

/**
 * Calls `onChange` with everything that `config` (the path of a directory, or a cluster) holds, once before the promise
 * resolves, and again with every change. Throws when there is no such directory; a cluster is waited for.
 */
export async function watchSource(
  config: string | KubernetesClient,
  onChange: OnChange,
  { signal, systemNamespace, revision, context = {}, onObject, onWaiting }: SourceOptions,
): Promise<void> {
  if (typeof config === 'string') {
    // A directory that is missing at the start is a mistake; later it may come and go.
    await readdir(config).catch((cause: Error) => {
      throw new Error(`the directory ${config} cannot be read`, { cause });
    });
    return watchDirectory(config, (...change) => void onChange(...change), { signal, context });
  }
  await watchCluster(onChange, {
    client: config,
    signal,
    systemNamespace,
    revision,
    context,
    onWaiting,
    ...(onObject !== undefined && { onObject }),
  });
}
