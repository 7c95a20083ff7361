// One control plane under load, from its start to the comparison of old clients with fresh ones. A fresh process each time,
// which has served one proxy before the others come.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { keepEvidence } from './evidence.ts';
import type { Pauses } from './pauses.ts';
import { PauseMeter } from './pauses.ts';
import type { Plane, Started } from './planes.ts';
import type { ConvergeReport } from './verdict.ts';
import { faultsOf } from './verdict.ts';
import type { World } from './world.ts';
import { ask, load, succeeded } from './world.ts';

export interface Measured {
  /** The file of the report. */
  readonly report: string;
  readonly faults: readonly string[];
}

/** `pace`: flags of the load generator that say how many changes there are. Prints how far it is. */
export async function measured(
  world: World,
  plane: Plane,
  name: string,
  clients: number,
  pace: readonly string[],
): Promise<Measured> {
  const started = await plane.start(world);
  const file = (part: string): string => join(world.reports, `${name}${part}.json`);
  try {
    const reached = [...world.mesh, ...(await started.target()), '--server-pid', String(started.daemon.pid)];
    console.error(`${time()} ${name}: started`);
    await ask(world, ['wait', ...reached, '--out', file('.wait')]);
    const command = ['converge', ...reached, '--clients', String(clients), '--out', file(''), ...pace, ...plane.flags];
    const pauses = await watched(world, name, started, command);
    await writeFile(file('.pauses'), JSON.stringify(pauses));
    const faults = faultsOf(JSON.parse(await readFile(file(''), 'utf8')) as ConvergeReport);
    if (faults.length > 0) await keepEvidence(world, name, started, faults.join('; '));
    return { report: file(''), faults };
  } finally {
    await started.daemon.stop();
  }
}

/** Runs the load generator; each phase that it tells the end of is told, and so is what it loses. */
async function watched(
  world: World,
  name: string,
  started: Started,
  command: readonly string[],
): Promise<Readonly<Record<string, Pauses>>> {
  const { monitoring } = started;
  const meter = monitoring === undefined ? undefined : new PauseMeter(monitoring);
  await meter?.lap();
  const pauses: Record<string, Pauses> = {};
  let kept = false;
  let told = Promise.resolve();
  const onLine = (line: string): void => {
    const [, phase] = /^(connect|idle|endpoint|vs|dr|ap|svc|churn|verify|late|lost): /.exec(line) ?? [];
    if (phase === undefined) return;
    console.error(`${time()} ${name}: ${line}`);
    told = told.then(async () => {
      if (phase !== 'lost' && phase !== 'late') Object.assign(pauses, meter && { [phase]: await meter.lap() });
      else if (!kept) {
        kept = true;
        await keepEvidence(world, `${name}-first`, started, line);
      }
    });
    told.catch(() => {});
  };
  const running = load(world, command, onLine);
  await succeeded(running);
  await told;
  return pauses;
}

export const time = (): string => new Date().toISOString().slice(11, 19);
