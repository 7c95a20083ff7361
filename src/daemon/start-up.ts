// The daemon before it knows its mesh: who asks whether it is ready is told what it waits for.
// https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
import { startUpServer } from '../admin/http.ts';
import type { DaemonOptions } from '../main.ts';
import type { Problem } from '../model/problem.ts';
import { listen } from './cluster/ports.ts';

export interface StartUp {
  /** To be called with what keeps the daemon from being ready, whenever that has changed. */
  waitsFor(problems: readonly Problem[]): void;
  /** Gives the port back. */
  end(): Promise<void>;
}

/** Throws when the address cannot be used. `atEnd`: what to do if it never comes to an end. */
export async function startUp(options: DaemonOptions, atEnd: (stop: () => void) => void): Promise<StartUp> {
  let reasons: readonly string[] = [];
  const server = startUpServer(() => reasons, {
    onFault: (fault) => options.log.error('readiness cannot be told', { reason: String(fault) }),
  });
  await listen(server, options.httpAddress, atEnd);
  return {
    waitsFor: (problems) => {
      reasons = problems.map(({ message }) => message);
      options.onProblems(problems);
    },
    end: () => server.close(),
  };
}
