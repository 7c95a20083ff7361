// Finds a Prometheus with its promtool, or provides one: PROMETHEUS in the environment, the directory that has both, else
// PATH, else the package of the machine's own Debian archive, unpacked into the cache. Run as a program it prints where
// they are.
// https://prometheus.io/docs/prometheus/latest/command-line/promtool/
import { join } from 'node:path';

import { exists } from './cluster/cache.ts';
import { pathWith } from './cluster/debian.ts';

export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/** Their paths, or why there are none. The first time something may be downloaded. */
export async function findPrometheus(
  env: NodeJS.ProcessEnv = process.env,
): Promise<PrometheusPrograms | { readonly missing: string }> {
  const chosen = env['PROMETHEUS'];
  const given = await within((chosen || env['PATH']) ?? '');
  if (given !== undefined) return given;
  if (chosen) return { missing: `PROMETHEUS=${chosen} has no prometheus and promtool` };
  try {
    return (await within(await pathWith(['prometheus']))) ?? { missing: 'the package has no prometheus and promtool' };
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    return { missing: `no Prometheus on PATH nor named by PROMETHEUS, and none to be had from Debian: ${reason}` };
  }
}

/** The first folder of a PATH that has both. */
async function within(path: string): Promise<PrometheusPrograms | undefined> {
  for (const folder of path.split(':').filter((each) => each !== '')) {
    const programs = { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
    if ((await exists(programs.prometheus)) && (await exists(programs.promtool))) return programs;
  }
  return undefined;
}

if (import.meta.main) {
  const found = await findPrometheus();
  if ('missing' in found) process.stderr.write(`Tests with a real Prometheus are skipped: ${found.missing}\n`);
  else process.stdout.write(`${found.prometheus}\n`);
}
