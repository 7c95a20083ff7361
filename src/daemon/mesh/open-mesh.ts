// The mesh of a daemon, from its source: what is read goes into it, for as long as the daemon runs.
import { setTimeout as delay } from 'node:timers/promises';

import type { DaemonOptions } from '../options.ts';
import type { Problem } from '../../model/problem.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { OnChange } from '../../watchers/source.ts';
import { watchSource } from '../../watchers/source.ts';
import { findMessage } from '../../xds/codec/descriptors.ts';
import { installation } from './installation.ts';
import { LiveMesh } from './live-mesh.ts';

/** Milliseconds; what has not come by then comes later. */
const patienceForKeys = 10_000;

/** Is told what was read and what was made of it, with the time since when: milliseconds since the epoch. */
export interface MeshHistory {
  changed(before: Snapshot, after: Snapshot, since: number): void;
  translated(since: number): void;
}

/** Resolves when everything that is configured has been read. */
export async function openMesh(
  options: DaemonOptions,
  history: MeshHistory,
  onWaiting: (problems: readonly Problem[]) => void,
  signal: AbortSignal,
): Promise<LiveMesh> {
  const { log } = options;
  const { revision, systemNamespace } = options;
  const mesh = new LiveMesh(
    installation({
      ...(revision !== undefined && { revision }),
      ...(systemNamespace !== undefined && { systemNamespace }),
    }),
    log,
    options.onProblems,
    options.keys ?? {},
    options.modules,
  );
  signal.addEventListener('abort', () => mesh.stop());
  mesh.onTranslated = (since) => history.translated(since);
  const replace: OnChange = (snapshot, problems, since) => {
    history.changed(mesh.snapshot, snapshot, since);
    return mesh.replace(snapshot, problems);
  };
  await watchSource(options.config, replace, {
    signal,
    systemNamespace: mesh.installation.systemNamespace,
    revision: mesh.installation.revision,
    context: { findMessage },
    onObject: (row, object) => mesh.onObject(row, object),
    onWaiting,
  });
  // Else the first configuration would refuse every token.
  await Promise.race([mesh.keysFetched(), delay(patienceForKeys, undefined, { ref: false })]);
  return mesh;
}
