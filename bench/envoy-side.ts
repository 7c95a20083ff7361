// `node bench/envoy-side.ts [SERVICES] [ROUNDS]`: what the configuration of a mesh of 1,000 services costs one stock Envoy, the
// sidecar of one Pod, and what lazy configuration, fewer statistics and delivery host by host save of that. Each variant runs
// in a network of its own, so this needs the right to make one (root, or user namespaces) and iptables.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { envoyBinary } from '../scripts/envoy.ts';
import { inOwnNetwork } from './envoy-side/intercepted.ts';
import type { Figures } from './envoy-side/measure.ts';
import { measure, quantile } from './envoy-side/measure.ts';
import { variants } from './envoy-side/variants.ts';

const rounded = (value: number): number => (value < 20 ? Math.round(value * 10) / 10 : Math.round(value));
const [size = '1000', rounds = '3', only] = process.argv.slice(2);
const one = variants.find(({ name }) => name === only);
if (one === undefined) await compare();
else process.stdout.write(JSON.stringify(await measure(Number(size), one)));

/** They take turns, so that whatever else the machine does meets all of them alike. */
async function compare(): Promise<void> {
  const env = { ...process.env, ENVOY: await envoyBinary() };
  const taken = new Map(variants.map(({ name }) => [name, [] as Figures[]]));
  for (let round = 0; round < Number(rounds); round++)
    for (const [name, all] of taken) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${name}\n`);
      all.push(JSON.parse(inside(name, env)) as Figures);
    }
  console.log(`One sidecar in a mesh of ${size} services; medians of ${rounds} rounds`);
  const figures = Object.keys([...taken.values()][0]?.[0] ?? {});
  const row = (figure: string) =>
    Object.fromEntries([...taken].map(([name, all]) => [name, rounded(quantile(all.map((each) => each[figure] ?? NaN), 0.5))])); // prettier-ignore
  console.table(Object.fromEntries(figures.map((figure) => [figure, row(figure)])));
}

function inside(name: string, env: NodeJS.ProcessEnv): string {
  if (inOwnNetwork === undefined) throw new Error('this system lets us make no network namespace with iptables');
  const [command = '', ...before] = inOwnNetwork;
  const args = [...before, process.execPath, fileURLToPath(import.meta.url), size, rounds, name];
  return execFileSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
