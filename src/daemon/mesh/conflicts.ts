// What objects do to each other in this daemon's mesh, as the proxies that are connected to it see it.
import type { Log } from '../../xds/log.ts';
import type { XdsServer } from '../../xds/server.ts';
import { proxyProblems } from '../../inspect/proxy-problems.ts';
import { ConflictWatch } from './conflict-watch.ts';
import type { LiveMesh } from './live-mesh.ts';

/** Until `signal`. */
export function conflictWatch(mesh: LiveMesh, server: () => XdsServer, log: Log, signal: AbortSignal): ConflictWatch {
  const watch = new ConflictWatch({
    nodes: () =>
      server()
        .status()
        .map(({ node }) => node),
    conflicts: (node) => proxyProblems(mesh.translation, node, Date.now()),
    patchPlaces: (node) => mesh.translation.patchPlaces(node),
    onProblems: (problems) => mesh.replaceConflicts(problems),
    onFault: (fault) => log.error('conflicts cannot be looked for', { reason: String(fault) }),
  });
  signal.addEventListener('abort', () => watch.stop());
  return watch;
}
