// Finds Helm, or builds it: HELM in the environment, PATH, else a cache that is filled once by `go build`. Run as a program
// it builds what is missing and prints the path.
// https://helm.sh/docs/intro/install/
import { join } from 'node:path';

import { exists } from './cluster/cache.ts';
import { builtGoProgram, goProgram } from './cluster/go-programs.ts';

/** Its path, or why there is none. Builds nothing. */
export async function findHelm(
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly helm: string } | { readonly missing: string }> {
  const chosen = env['HELM'];
  if (chosen) return (await exists(chosen)) ? { helm: chosen } : { missing: `HELM=${chosen} is not there` };
  for (const folder of (env['PATH'] ?? '').split(':').filter((each) => each !== '')) {
    const helm = join(folder, 'helm');
    if (await exists(helm)) return { helm };
  }
  const helm = await builtGoProgram('helm');
  return helm === undefined ? { missing: 'helm is not on PATH and not built yet: run `make helm`' } : { helm };
}

if (import.meta.main) {
  const found = await findHelm();
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  try {
    process.stdout.write(`${'helm' in found ? found.helm : await goProgram('helm', report)}\n`);
  } catch (error) {
    report(`Tests with Helm are skipped, as it cannot be built: ${(error as Error).message.split('\n').at(-1)}`);
    process.exitCode = process.argv.includes('--optional') ? 0 : 1;
  }
}
