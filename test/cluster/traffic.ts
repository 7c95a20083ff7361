// Requests from Pods: single ones, a number of them, and all the while that something else happens.
import type { CommandResult } from '../../scripts/cluster/command.ts';

import { kubectlResult } from '../../scripts/cluster/kind.ts';

/** Runs this program in a Pod of the deployment `buyer`. */
export const inBuyer = (namespace: string, args: readonly string[]): Promise<CommandResult> =>
  kubectlResult(['--namespace', namespace, 'exec', 'deployment/buyer', '--container', 'app', '--', 'node', ...args]);

/** What came of a GET request from there: status and headers, or why there was no answer. */
export async function request(namespace: string, url: string): Promise<string> {
  const script = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(10000) }).then(
    (answer) => console.log(answer.status, answer.headers.get('x-client') ?? ''),
    (error) => console.log(error.cause?.code ?? error.message))`;
  return (await inBuyer(namespace, ['--eval', script])).stdout.trim();
}

export interface LoadReport {
  readonly requests: number;
  /** By service and version. */
  readonly versions: Readonly<Record<string, number>>;
  readonly failed: number;
  readonly failures: readonly string[];
}

/** Calls the URLs from the buyer, `count` times in all. */
export const load = async (namespace: string, urls: readonly string[], count: number): Promise<LoadReport> =>
  reportOf(await inBuyer(namespace, ['test/cluster/apps/load.ts', `${count}`, '4', ...urls]));

/** Calls them all the while that `work` takes. */
export async function underLoad(
  namespace: string,
  urls: readonly string[],
  work: () => Promise<unknown>,
): Promise<LoadReport> {
  const stop = `/tmp/stop-${Date.now()}`;
  const calling = inBuyer(namespace, ['test/cluster/apps/load.ts', stop, '4', ...urls]);
  try {
    await work();
  } finally {
    await inBuyer(namespace, ['--eval', `require('fs').writeFileSync('${stop}', '')`]);
  }
  return reportOf(await calling);
}

function reportOf({ stdout, stderr }: CommandResult): LoadReport {
  if (!stdout.startsWith('{')) throw new Error(`the load ended early: ${stderr || stdout}`);
  return JSON.parse(stdout) as LoadReport;
}
