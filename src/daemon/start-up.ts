// The daemon before it knows its mesh: who asks whether it is ready is told what it waits for.
// https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
import type { DaemonOptions } from './options.ts';
import type { Problem } from '../model/problem.ts';
import type { Listening } from './ports.ts';
import { listen } from './ports.ts';

export interface StartUp {
  /** To be called with what keeps the daemon from being ready, whenever that has changed. */
  readonly waitsFor: (problems: readonly Problem[]) => void;
  /** Gives the port back. */
  end(): Promise<void>;
}

/** `server`: shows the reasons. Throws when the address cannot be used. `atEnd`: what to do if it never comes to an end. */
export async function startUp(
  { httpAddress, onProblems }: DaemonOptions,
  server: (reasons: () => readonly string[]) => Listening,
  atEnd: (stop: () => void) => void,
): Promise<StartUp> {
  let reasons: readonly string[] = [];
  const listening = server(() => reasons);
  await listen(listening, httpAddress, atEnd);
  return {
    waitsFor: (problems) => {
      reasons = problems.map(({ message }) => message);
      onProblems(problems);
    },
    end: () => listening.close(),
  };
}
