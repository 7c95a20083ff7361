// A Pod as injection makes it, without a node: its init container's program and its Envoy run with the very arguments and
// variables of the patch, in a network of their own. Who asks from the other network is the kubelet, or a stranger.
import type { Series } from '../../support/servers/prometheus.ts';
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import type { PodPair } from '../../support/mesh/pods-network.ts';
import type { Answer } from '../../support/mesh/traffic.ts';
import type { Container, EnvVar, Pod } from '../../../src/webhooks/inject/pod/pod.ts';

import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { envoyBinary } from '../../../scripts/envoy.ts';
import { startProcess, waitUntil } from '../../../scripts/process.ts';
import { podFiles } from '../../../src/bootstrap/pod-environment.ts';
import { injectPod } from '../../../src/webhooks/inject/inject-pod.ts';
import { writeBootstrap } from '../../support/mesh/keelson.ts';
import { yaml } from '../../support/mesh/lab.ts';
import { startLiveMesh, waitFor } from '../../support/mesh/live-mesh.ts';
import { podPair, whyNoPods } from '../../support/mesh/pods-network.ts';
import { meteredMesh } from '../../support/objects/mesh-config.ts';
import { seriesOf } from '../../support/servers/prometheus.ts';
import { peerAuthentication } from '../../support/objects/rules.ts';
import { arrival } from '../../support/mesh/traffic.ts';
import { place, settingsWith } from '../../webhooks/inject/settings.ts';

const why = whyNoPods();
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

const program = resolve(import.meta.dirname, '../../support/mesh/in-pod.ts');
const keelson = resolve(import.meta.dirname, '../../../src/cli/keelson.ts');
const run = promisify(execFile);

const before: Pod = {
  metadata: {
    name: 'store',
    labels: { app: 'store' },
    annotations: {
      'prometheus.io/port': '8080',
      'prometheus.io/path': '/metrics-of-the-app',
      'proxy.istio.io/config': '{ terminationDrainDuration: 1s }',
    },
  },
  spec: {
    containers: [
      {
        name: 'store',
        ports: [{ name: 'http', containerPort: 8080 }],
        readinessProbe: {
          httpGet: { path: '/ready?full=1', port: 'http', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] },
        },
        livenessProbe: { tcpSocket: { port: 9000 } },
        startupProbe: { httpGet: { path: '/', port: 8099 } },
      },
      { name: 'absent', readinessProbe: { tcpSocket: { port: 9999 } }, livenessProbe: { grpc: { port: 9998 } } },
    ],
  },
};

function injected(): Pod {
  const result = injectPod(before, { ...place, namespace: 'lab' }, settingsWith());
  if (result.kind !== 'injected') throw new Error(result.kind);
  return result.pod;
}

const containerOf = ({ spec }: Pod, name: string): Container =>
  [...spec.containers, ...(spec.initContainers ?? [])].find((each) => each.name === name) ?? { name };

/** What a kubelet makes of the variables of a container. */
function variables({ env = [] }: Container, address: string): readonly string[] {
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': 'store',
    'metadata.namespace': 'lab',
    'status.podIP': address,
    'status.podIPs': address,
    'spec.serviceAccountName': 'store',
  };
  const field = ({ valueFrom }: EnvVar) =>
    (valueFrom?.['fieldRef'] as { fieldPath: string } | undefined)?.fieldPath ?? '';
  return env.map((each) => `${each.name}=${each.value ?? fields[field(each)] ?? 'unknown'}`);
}

describe.skipIf(why !== undefined)('an injected Pod', { timeout: 60_000 }, () => {
  let pods: PodPair;
  let mesh: LiveMesh;
  const pod = injected();
  const address = '10.99.0.2';
  const stops: (() => unknown)[] = [];

  beforeAll(async () => {
    pods = podPair(false);
    stops.push(pods.remove);
    const [command, ...args] = [...pods.server.asApp, process.execPath, program, 'serve', 'store'] as const;
    const app = startProcess('app', command, [...args, 'http:8080', 'tcp:9000']);
    stops.push(app.stop);
    await waitUntil(app, 'listening', () => app.lines().includes('ready'));
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      ...pod,
      metadata: { ...pod.metadata, namespace: 'lab' },
      status: { podIP: address },
    };
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'store', namespace: 'lab' }, spec: { clusterIP: '10.96.0.10', selector: { app: 'store' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } }; // prettier-ignore
    mesh = await startLiveMesh({
      files: {
        'mesh.yaml': yaml({ ...object, spec: { ...object.spec, serviceAccountName: 'store' } }, service),
        'peers.yaml': peerAuthentication('STRICT'),
        'mesh-config.yaml': yaml(meteredMesh),
      },
      proxies: [],
      within: () => [],
    });
    stops.push(mesh.stop);
    const directory = await mkdtemp(join(tmpdir(), 'keelson-injected-'));
    stops.push(() => rm(directory, { recursive: true, force: true }));
    await prepare(directory);
    const { command: binary = [], args: flags = [] } = containerOf(pod, 'istio-proxy') as {
      command?: readonly string[];
      args?: readonly string[];
    };
    if (binary.join(' ') !== '/usr/local/bin/envoy') throw new Error(`this is no Envoy: ${binary.join(' ')}`);
    const envoyArgs = flags.map((flag) =>
      flag.replace(podFiles.directory, join(directory, 'proxy')).replace('$(ISTIO_CPU_LIMIT)', '1'),
    );
    const environment = ['env', ...variables(containerOf(pod, 'istio-proxy'), address)];
    const [first = '', ...rest] = [...pods.server.asProxy, ...environment, await envoyBinary(), ...envoyArgs];
    const envoy = startProcess('envoy', first, rest);
    stops.push(envoy.stop);
    await waitUntil(envoy, 'ready', async () => (await ask(15021, '/healthz/ready'))?.status === 200);
  });
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
  });

  /** The init container; then its files are led to the daemon of the test, and to credentials where these are. */
  async function prepare(directory: string): Promise<void> {
    const init = containerOf(pod, 'istio-init');
    const proxy = join(directory, 'proxy');
    await mkdir(join(directory, 'info'));
    const labels = Object.entries(pod.metadata.labels ?? {}).map(([name, value]) => `${name}="${value}"\n`);
    await writeFile(join(directory, 'info/labels'), labels.join(''));
    const [, ...within] = pods.server.asApp;
    const words = ['env', ...variables(init, address), process.execPath, keelson, ...(init.args ?? [])];
    const places = ['--directory', proxy, '--pod-info', join(directory, 'info')];
    // Twice, as a container may be started again.
    for (let time = 0; time < 2; time += 1)
      execFileSync('ip', [...within, ...words, ...places], { stdio: ['ignore', 'ignore', 'inherit'] });
    const credentials = join(directory, 'credentials');
    await writeBootstrap({ config: mesh.config, state: mesh.state, port: 15012 }, 'store.lab', credentials);
    for (const file of [podFiles.bootstrap, 'xds-ca.yaml', 'xds-token.yaml']) {
      const text = (await readFile(join(proxy, file), 'utf8'))
        .replaceAll(podFiles.directory, proxy)
        .replaceAll(podFiles.rootCertificates, join(credentials, 'root-cert.pem'))
        .replaceAll(podFiles.token, join(credentials, 'token'))
        .replaceAll('/var/run/secrets/istio"', `${credentials}"`)
        .replaceAll('/var/run/secrets/tokens"', `${credentials}"`);
      await writeFile(join(proxy, file), file === podFiles.bootstrap ? overSocket(text) : text);
    }
  }

  function overSocket(text: string): string {
    const message = JSON.parse(text) as {
      static_resources: { clusters: { name: string; type: string; load_assignment: object }[] };
    };
    const xds = message.static_resources.clusters.find(({ name }) => name === 'xds-grpc');
    if (xds !== undefined) {
      const endpoint = { address: { pipe: { path: join(mesh.config, '../xds') } } };
      xds.type = 'STATIC';
      xds.load_assignment = { cluster_name: 'xds-grpc', endpoints: [{ lb_endpoints: [{ endpoint }] }] };
    }
    return JSON.stringify(message);
  }

  /** From the other network, where there is no mesh. undefined: no answer. */
  async function ask(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer | undefined> {
    const words = [...pods.client.asApp, process.execPath, program, 'send', address, String(port)];
    const [command = '', ...rest] = words;
    const { stdout } = await run(command, [...rest, JSON.stringify({ path, headers })], { timeout: 30_000 });
    const answer = JSON.parse(stdout) as Answer | { readonly failed: string };
    return 'failed' in answer ? undefined : answer;
  }

  /** What the program prints that runs in the Pod. */
  async function inside(as: 'asApp' | 'asProxy', ...args: readonly string[]): Promise<string> {
    const [command = '', ...words] = [...pods.server[as], process.execPath, program, ...args];
    return (await run(command, words, { timeout: 30_000, maxBuffer: 64 << 20 })).stdout;
  }

  /** As the kubelet does. */
  const probe = async (container: string, field: 'readinessProbe' | 'livenessProbe' | 'startupProbe') => {
    const { path, port, httpHeaders = [] } = (containerOf(pod, container)[field]?.httpGet ?? {}) as { path: string; port: number; httpHeaders?: readonly { name: string; value: string }[] }; // prettier-ignore
    return ask(port, path, Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value])));
  };

  test('takes nothing in plaintext from strangers under STRICT', async () => {
    expect(await ask(8080, '/')).toBeUndefined();
  });

  test('answers the probes of its application all the same', async () => {
    const ready = await probe('store', 'readinessProbe');
    expect(ready?.status).toBe(200);
    const seen = arrival(ready as Answer);
    expect(seen.path).toBe('/ready?full=1');
    expect(seen.headers['x-probe']).toBe('yes');
    expect(seen.headers['host']).toBe(`${address}:8080`);
    await waitFor('the TCP probe', async () => (await probe('store', 'livenessProbe'))?.status === 200);
  });

  test('does not answer for what is not there', async () => {
    expect((await probe('store', 'startupProbe'))?.status).toBe(503);
    expect((await probe('absent', 'readinessProbe'))?.status).toBe(503);
    expect((await probe('absent', 'livenessProbe'))?.status).toBe(503);
    expect((await ask(15020, '/app-health/nobody/livez'))?.status).toBe(404);
  });

  test("joins the application's metrics with Envoy's", async () => {
    const { 'prometheus.io/port': port, 'prometheus.io/path': path = '' } = pod.metadata.annotations ?? {};
    const metrics = await ask(Number(port), path);
    expect(metrics?.body).toContain('envoy_server_live');
    expect(metrics?.body).toContain('/metrics-of-the-app');
    expect((await ask(15090, '/stats/prometheus'))?.body).not.toContain('/metrics-of-the-app');
    for (const [from, at] of [
      [Number(port), path],
      [15090, '/stats/prometheus'],
    ] as const)
      // prettier-ignore
      expect((await ask(from, at, { 'accept-encoding': 'gzip' }))?.headers['content-encoding']).toBe('gzip');
    expect(metrics?.headers['content-encoding']).toBeUndefined();
  });

  test('names its workload by its environment in what it counts', async () => {
    await inside('asApp', 'line', pods.client.address, '9', 'nobody listens\n');
    const counted = async (): Promise<readonly Series[]> =>
      seriesOf((await ask(15090, '/stats/prometheus'))?.body ?? '').filter(
        ({ name }) => name === 'istio_tcp_connections_closed_total',
      );
    await waitFor('the connection to be counted', async () => (await counted()).length > 0);
    expect((await counted())[0]?.labels).toMatchObject({
      source_workload: 'store',
      source_workload_namespace: 'lab',
      source_app: 'store',
      source_canonical_service: 'store',
      source_version: 'latest',
      source_cluster: 'Kubernetes',
    });
    const dump = await inside('asProxy', 'send', '127.0.0.1', '15000', JSON.stringify({ path: '/config_dump' }));
    expect(dump).toContain('%ENVIRONMENT(KEELSON_APP)%');
  });

  test('begins its end when the kubelet asks, and for nobody else', async () => {
    await writeFile(join(mesh.config, 'peers.yaml'), peerAuthentication('PERMISSIVE'));
    await waitFor('PERMISSIVE', async () => (await ask(8080, '/'))?.status === 200);
    const { path, port, httpHeaders } = (containerOf(pod, 'istio-proxy').lifecycle?.preStop?.httpGet ?? {}) as { path: string; port: number; httpHeaders: readonly { name: string; value: string }[] }; // prettier-ignore
    expect((await ask(port, path))?.status).toBe(404);
    expect((await ask(port, path, { 'x-keelson-drain-token': 'guessed' }))?.status).toBe(404);
    const keptOpen = { connection: 'keep-alive' };
    expect((await ask(8080, '/', keptOpen))?.headers.connection).not.toBe('close');
    const answer = await ask(port, path, Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value])));
    expect(answer?.status).toBe(200);
    expect((await ask(8080, '/', keptOpen))?.headers.connection).toBe('close');
  });

  test('nothing was refused', () => {
    expect(mesh.daemon.rejections()).toEqual([]);
  });
});
