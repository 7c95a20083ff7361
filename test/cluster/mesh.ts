// What the tests do in the cluster: install, apply, look, wait.
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { output } from '../../scripts/cluster/command.ts';
import { images } from '../../scripts/cluster/images.ts';
import { kubectl, kubectlResult } from '../../scripts/cluster/kind.ts';

export const system = 'istio-system';
const keelson = resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'keelson.ts');
/** Many Pods share the two processors of a small machine. */
const values = ['global.proxy.resources.requests.cpu=10m', 'global.proxy.resources.requests.memory=32Mi'];
/** On a machine that has other things to do everything takes its time. */
const patienceMs = 10 * 60_000;
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

/** Likewise, again where no webhook answered: that a replica has crashed the API server learns a moment later. */
export const applyAgain = (objects: readonly unknown[]): Promise<boolean> =>
  eventually(
    () =>
      apply(objects).then(
        () => true,
        (error: Error) => {
          if (!error.message.includes('failed calling webhook')) throw error;
          return false;
        },
      ),
    (isApplied) => isApplied,
  );

export const rolledOut = (namespace: string, deployment: string): Promise<string> =>
  kubectl(['--namespace', namespace, 'rollout', 'status', `deployment/${deployment}`, '--timeout=10m'], {
    timeoutMs: 2 * patienceMs,
  });

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

/** A page of the control plane, through the API server. */
export const page = (path: string): Promise<string> =>
  kubectl(['get', '--raw', `/api/v1/namespaces/${system}/services/istiod:15014/proxy${path}`]);

/** The proxies that are connected, and what they have of each type, as the command in the control plane's Pod tells. */
export async function proxies(deployment = 'istiod'): Promise<readonly string[]> {
  const command = ['/usr/bin/node', '/app/dist/cli/keelson.js', 'proxy', 'status'];
  const args = ['--namespace', system, 'exec', `deployment/${deployment}`, '--', ...command];
  const { stdout } = await kubectlResult(args);
  return stdout.trim().split('\n').slice(1);
}

/** Asks until the answer is what is awaited; throws with the last answer when it never is. */
export async function eventually<T>(ask: () => Promise<T>, awaited: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + patienceMs;
  let answer = await ask();
  while (!awaited(answer)) {
    if (Date.now() > deadline) throw new Error(`it stayed at ${JSON.stringify(answer)}`);
    await delay(intervalMs);
    answer = await ask();
  }
  return answer;
}
