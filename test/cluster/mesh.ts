// What the tests do in the cluster: install, apply, wait, make requests from Pods.
import type { CommandResult } from '../../scripts/cluster/command.ts';

import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { output } from '../../scripts/cluster/command.ts';
import { images } from '../../scripts/cluster/images.ts';
import { kubectl, kubectlResult } from '../../scripts/cluster/kind.ts';

export const system = 'istio-system';
const keelson = resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'keelson.ts');
/** Many Pods share the two processors of a small machine. */
const values = ['global.proxy.resources.requests.cpu=10m', 'global.proxy.resources.requests.memory=32Mi'];
const attempts = 600;
const intervalMs = 250;

/** The whole install, as `keelson manifests` prints it. */
export const manifests = (...args: readonly string[]): Promise<string> =>
  output(process.execPath, [
    keelson,
    'manifests',
    ...[`image=${images.keelson}`, ...values].flatMap((value) => ['--set', value]),
    ...args,
  ]);

export const apply = (objects: readonly unknown[]): Promise<string> =>
  applyText(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));

export const applyText = (text: string): Promise<string> =>
  kubectl(['apply', '--server-side', '--force-conflicts', '--filename', '-'], { input: text });

export const rolledOut = (namespace: string, deployment: string): Promise<string> =>
  kubectl(['--namespace', namespace, 'rollout', 'status', `deployment/${deployment}`, '--timeout=600s']);

/** Objects of a kind, as JSON. */
export async function list<T>(namespace: string, kind: string, selector = ''): Promise<readonly T[]> {
  const text = await kubectl(['--namespace', namespace, 'get', kind, '--selector', selector, '--output', 'json']);
  return (JSON.parse(text) as { items: readonly T[] }).items;
}

/** Every object that there is, of every kind, but those that go away by themselves. */
export async function everything(): Promise<readonly string[]> {
  const resources = (await kubectl(['api-resources', '--verbs=list,delete', '--output', 'name'])).trim().split('\n');
  const kinds = resources.filter((resource) => !/^(events|certificatesigningrequests)(\.|$)/.test(resource)).join(',');
  const template = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const names = await kubectl(['get', kinds, '--all-namespaces', '--output', `jsonpath=${template}`]);
  return names.trim().split('\n').toSorted();
}

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

/** A page of the control plane, through the API server. */
export const page = (path: string): Promise<string> =>
  kubectl(['get', '--raw', `/api/v1/namespaces/${system}/services/istiod:15014/proxy${path}`]);

/** How often a proxy has answered to a change, in how many seconds altogether, and how many answers took at most so long. */
export interface Convergence {
  readonly count: number;
  readonly seconds: number;
  readonly within: ReadonlyMap<number, number>;
}

/** https://prometheus.io/docs/concepts/metric_types/#histogram */
export async function convergence(): Promise<Convergence> {
  const text = await page('/metrics');
  const value = (name: string) =>
    Number(new RegExp(`^pilot_proxy_convergence_time_${name} (\\S+)`, 'm').exec(text)?.[1] ?? 0);
  const buckets = text.matchAll(/^pilot_proxy_convergence_time_bucket\{le="([\d.]+)"\} (\d+)/gm);
  const within = new Map([...buckets].map(([, limit, count]) => [Number(limit), Number(count)]));
  return { count: value('count'), seconds: value('sum'), within };
}

/** What came between two readings: how many answers, their average, and the limit that none of them was over, in seconds. */
export function between(before: Convergence, after: Convergence): { count: number; average: number; limit: number } {
  const count = after.count - before.count;
  const all = [...after.within].find(([limit, so]) => so - (before.within.get(limit) ?? 0) === count);
  return { count, average: (after.seconds - before.seconds) / count, limit: all?.[0] ?? Infinity };
}

/** The proxies that are connected, and what they have of each type, as the command in the control plane's Pod tells. */
export async function proxies(): Promise<readonly string[]> {
  const command = ['/usr/bin/node', '/app/dist/cli/keelson.js', 'proxy', 'status'];
  const args = ['--namespace', system, 'exec', 'deployment/istiod', '--', ...command];
  const { stdout } = await kubectlResult(args);
  return stdout.trim().split('\n').slice(1);
}

/** Asks until the answer is what is awaited; throws with the last answer when it never is. */
export async function eventually<T>(ask: () => Promise<T>, awaited: (answer: T) => boolean): Promise<T> {
  let answer = await ask();
  for (let attempt = 0; attempt < attempts && !awaited(answer); attempt++) {
    await delay(intervalMs);
    answer = await ask();
  }
  if (!awaited(answer)) throw new Error(`it stayed at ${JSON.stringify(answer)}`);
  return answer;
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
