// A headless Service has no address of its own: callers choose an instance, and the proxy beside them lets the choice stand.
// Connections are redirected, as in a cluster; the instances are addresses of one network without a proxy.
// https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/#headless-services
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import type { PodPair } from '../../support/mesh/pods-network.ts';
import type { Answer } from '../../support/mesh/traffic.ts';

import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startProcess, waitUntil } from '../../../scripts/process.ts';
import { namespace, yaml } from '../../support/mesh/lab.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { podPair, whyNoPods } from '../../support/mesh/pods-network.ts';
import { arrival } from '../../support/mesh/traffic.ts';

const why = whyNoPods();
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

const program = resolve(import.meta.dirname, '../../support/mesh/in-pod.ts');
const run = promisify(execFile);
/** The last one is no instance of the service. */
const apps = { 'seeds-0': '10.99.0.2', 'seeds-1': '10.99.0.3', stranger: '10.99.0.4' };

const pod = (name: string, app: string, podIP: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app } },
  spec: { serviceAccountName: app, containers: [{ name: 'app' }] },
  status: { podIP },
});
const objects = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'seeds', namespace },
    spec: {
      clusterIP: 'None',
      selector: { app: 'seeds' },
      ports: [
        { name: 'http', port: 8080 },
        { name: 'tcp', port: 9000 },
      ],
    },
  },
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Sidecar',
    metadata: { name: 'default', namespace },
    spec: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' }, egress: [{ hosts: ['./*'] }] },
  },
  // The mesh's own TLS would be used otherwise: where endpoints are unknown nothing says that they have no proxy.
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'seeds', namespace },
    spec: { host: 'seeds', trafficPolicy: { tls: { mode: 'DISABLE' } } },
  },
  ...['seeds-0', 'seeds-1'].map((name) => pod(name, 'seeds', apps[name as keyof typeof apps])),
];

describe.skipIf(why !== undefined)('a caller reaches', { timeout: 60_000 }, () => {
  let pods: PodPair;
  let mesh: LiveMesh;
  const stops: (() => unknown)[] = [];

  beforeAll(async () => {
    pods = podPair();
    stops.push(pods.remove);
    const inServer = async (...line: readonly string[]) => {
      const [command = '', ...args] = [...pods.server.asApp, ...line];
      await run(command, args);
    };
    await inServer('iptables', '-t', 'nat', '-F');
    for (const address of [apps['seeds-1'], apps.stranger])
      await inServer('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    for (const [name, address] of Object.entries(apps)) {
      const [command, ...args] = [...pods.server.asApp, process.execPath, program, 'serve', name];
      const app = startProcess(name, command, [...args, `http:8080:${address}`, `tcp:9000:${address}`]);
      stops.push(app.stop);
      await waitUntil(app, 'listening', () => app.lines().includes('ready'));
    }
    mesh = await startLiveMesh({
      files: { 'mesh.yaml': yaml(pod('client', 'client', pods.client.address), ...objects) },
      proxies: [`client.${namespace}`],
      within: () => pods.client.asProxy,
    });
    stops.push(mesh.stop);
  }, 60_000);
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
  });

  /** Runs the program in the client's Pod. */
  async function inClient<T>(...args: readonly string[]): Promise<T | { failed: string }> {
    const [command = '', ...rest] = [...pods.client.asApp, process.execPath, program, ...args];
    return JSON.parse((await run(command, rest, { timeout: 30_000 })).stdout) as T | { failed: string };
  }
  const line = (host: string) => inClient<string>('line', host, '9000', 'hello\n');
  const ask = async (address: string, host: string): Promise<string> => {
    const answer = await inClient<Answer>('send', address, '8080', JSON.stringify({ headers: { host } }));
    if ('failed' in answer) return answer.failed;
    return answer.status === 200 ? arrival(answer).instance : String(answer.status);
  };

  test.each(['seeds-0', 'seeds-1'] as const)('%s over TCP, each time', async (name) => {
    for (let i = 0; i < 3; i++) expect(await line(apps[name])).toBe(`${name}:hello\n`);
  });

  test.each(['seeds-0', 'seeds-1'] as const)('%s over HTTP, by its own name and by the name of all', async (name) => {
    for (const host of [`${name}.seeds`, `${name}.seeds.${namespace}.svc.cluster.local`, 'seeds'])
      expect(await ask(apps[name], host), host).toBe(name);
  });

  test('no other address, where only the registry may be called', async () => {
    expect(await line(apps.stranger)).not.toContain('stranger');
    expect(await ask(apps.stranger, 'stranger.example')).toBe('502');
  });

  test('an instance that is added', async () => {
    await mesh.change('more.yaml', yaml(pod('seeds-2', 'seeds', apps.stranger)));
    expect(await line(apps.stranger)).toBe('stranger:hello\n');
  });

  test('and nothing was refused', () => {
    expect(mesh.daemon.rejections()).toEqual([]);
    expect(mesh.complaints).toEqual([]);
  });
});
