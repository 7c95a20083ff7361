// The daemon's ports for people and their tools: metrics, readiness, debug pages, the console, the log's level.
import type { ControlPlane } from '../admin/control-plane.ts';
import { controlzServer } from '../admin/controlz.ts';
import type { AdminOptions } from '../admin/http.ts';
import { debugServer, monitoringServer } from '../admin/http.ts';
import { debugAccess } from '../config.ts';
import type { Log } from '../xds/log.ts';
import type { Daemon, DaemonOptions } from './options.ts';
import { listen } from './ports.ts';

export const pageFault =
  (log: Log) =>
  (fault: unknown): void =>
    log.error('a page cannot be shown', { reason: String(fault) });

/** Opens the HTTP ports that are asked for. */
export async function listenAdmin(
  plane: ControlPlane,
  served: Pick<AdminOptions, 'console'>,
  { monitoringAddress, httpAddress, controlzAddress, log, logLevel }: DaemonOptions,
  atEnd: (stop: () => void) => void,
): Promise<Pick<Daemon, 'monitoringPort' | 'httpPort'>> {
  const admin = {
    guarded: debugAccess().guarded,
    ...served,
    ...(logLevel !== undefined && { logLevel }),
    onFault: pageFault(log),
  };
  if (logLevel !== undefined)
    await listen(controlzServer(logLevel, pageFault(log)), controlzAddress, atEnd).catch((fault: unknown) =>
      // On a machine with other control planes one of them has it.
      log.warn('the level of the log cannot be changed by istioctl', { reason: String(fault) }),
    );
  return {
    monitoringPort: await listen(monitoringServer(plane, admin), monitoringAddress, atEnd),
    httpPort: await listen(debugServer(plane, admin), httpAddress, atEnd),
  };
}
