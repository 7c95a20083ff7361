// Connections that are redirected to stock Envoys, as in a cluster: two Pods in networks of their own, whose apps know
// nothing of proxies.
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import type { PodNetwork, PodPair } from '../../support/mesh/pods-network.ts';
import type { Answer, Call } from '../../support/mesh/traffic.ts';

import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startProcess, waitUntil } from '../../../scripts/process.ts';
import { selfVariables } from '../../../src/model/proxy/self-labels.ts';
import { yaml } from '../../support/mesh/lab.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { meteredMesh } from '../../support/objects/mesh-config.ts';
import { seriesOf } from '../../support/servers/prometheus.ts';
import { podPair, whyNoPods } from '../../support/mesh/pods-network.ts';
import { peerAuthentication, virtualService } from '../../support/objects/rules.ts';
import { arrival } from '../../support/mesh/traffic.ts';

const why = whyNoPods();
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

const program = resolve(import.meta.dirname, '../../support/mesh/in-pod.ts');
const run = promisify(execFile);
const virtual = { store: '10.96.0.10', echo: '10.96.0.11' };

const podObject = (name: string, address: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'lab', labels: { app: name, 'security.istio.io/tlsMode': 'istio' } },
  spec: { serviceAccountName: name, containers: [{ name: 'app' }] },
  status: { podIP: address },
});
const serviceObject = (name: string, port: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'lab' },
  spec: { clusterIP: virtual[name as keyof typeof virtual], selector: { app: 'store' }, ports: [port] },
});

/** The environment of its proxy has names unlike the Pod's. */
const namesOf = (pod: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(selfVariables).map(([name, variable]) => [variable, `${name} of ${pod}`]));
const parts =
  'workload workload_namespace canonical_service canonical_revision principal app version cluster service service_namespace';
/** What is known of a destination outside of the mesh. */
const toNobody = Object.fromEntries(parts.split(' ').map((part) => [`destination_${part}`, 'unknown']));

describe.skipIf(why !== undefined)('intercepted', { timeout: 60_000 }, () => {
  let pods: PodPair;
  let mesh: LiveMesh;
  const stops: (() => unknown)[] = [];

  beforeAll(async () => {
    pods = podPair();
    stops.push(pods.remove);
    const [command, ...args] = [...pods.server.asApp, process.execPath, program, 'serve', 'store'] as const;
    // Ports 7000 and 7001 belong to no service.
    const app = startProcess('app', command, [...args, 'http:8080', 'tcp:9000', 'http:7000', 'tcp:7001']);
    stops.push(app.stop);
    await waitUntil(app, 'listening', () => app.lines().includes('ready'));
    const within: Record<string, PodNetwork> = { 'client.lab': pods.client, 'store.lab': pods.server };
    mesh = await startLiveMesh({
      files: {
        'mesh.yaml': yaml(
          meteredMesh,
          podObject('client', pods.client.address),
          podObject('store', pods.server.address),
          serviceObject('store', { name: 'http', port: 80, targetPort: 8080 }),
          serviceObject('echo', { name: 'tcp', port: 9000 }),
        ),
      },
      proxies: Object.keys(within),
      variables: (proxy) => namesOf(proxy.slice(0, proxy.indexOf('.'))),
      within: (proxy) => within[proxy]?.asProxy ?? [],
    });
    stops.push(mesh.stop);
  });
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
  });

  /** Runs the program in the client's Pod. */
  async function inClient<T>(as: 'asApp' | 'asProxy', ...args: readonly string[]): Promise<T | { failed: string }> {
    const [command = '', ...rest] = [...pods.client[as], process.execPath, program, ...args];
    return JSON.parse((await run(command, rest, { timeout: 30_000 })).stdout) as T | { failed: string };
  }
  const call = async (host: string, port: number, what: Call, as: 'asApp' | 'asProxy' = 'asApp'): Promise<Answer> => {
    const answer = await inClient<Answer>(as, 'send', host, String(port), JSON.stringify(what));
    if ('failed' in answer) throw new Error(answer.failed);
    return answer;
  };
  const line = (host: string, port: number, as: 'asApp' | 'asProxy' = 'asApp') =>
    inClient<string>(as, 'line', host, String(port), 'hello\n');
  const toStore: Call = { headers: { host: 'store' } };
  const certificateOf = (answer: Answer): string => String(arrival(answer).headers['x-forwarded-client-cert'] ?? '');
  const past = () => call(pods.server.address, 8080, toStore, 'asProxy');

  test('HTTP to the address of a service goes over mutual TLS', async () => {
    const seen = certificateOf(await call(virtual.store, 80, toStore));
    expect(seen).toContain('By=spiffe://cluster.local/ns/lab/sa/store');
    expect(seen).toContain('URI=spiffe://cluster.local/ns/lab/sa/client');
  });

  test('rules apply', async () => {
    const rule = "http: [{ match: [{ uri: { prefix: /tea } }], directResponse: { status: 418 } }, { headers: { request: { set: { x-mark: seen } } }, route: [{ destination: { host: store } }] }]"; // prettier-ignore
    await mesh.change('rules.yaml', virtualService('store', rule));
    expect((await call(virtual.store, 80, { ...toStore, path: '/tea' })).status).toBe(418);
    expect(arrival(await call(virtual.store, 80, toStore)).headers['x-mark']).toBe('seen');
    await mesh.change('rules.yaml', undefined);
  });

  test('TCP to the address of a service', async () => {
    expect(await line(virtual.echo, 9000)).toBe('store:hello\n');
  });

  test('plaintext from outside of the mesh is taken', async () => {
    const answer = await past();
    expect(arrival(answer).instance).toBe('store');
    expect(certificateOf(answer)).toBe('');
    expect(await line(pods.server.address, 9000, 'asProxy')).toBe('store:hello\n');
  });

  test('what is no service passes through, HTTP and TCP, on both sides', async () => {
    expect(arrival(await call(pods.server.address, 7000, { headers: { host: 'nobody.example' } })).instance).toBe(
      'store',
    );
    expect(await line(pods.server.address, 7001)).toBe('store:hello\n');
    const client = mesh.envoys.get('client');
    const counted = async (pod: string, cluster: string) =>
      seriesOf((await mesh.envoys.get(pod)?.admin('/stats/prometheus')) ?? '').filter(
        ({ name, labels }) =>
          name === 'istio_tcp_connections_closed_total' && labels['destination_service_name'] === cluster,
      );
    await client?.eventually('both to be counted', async () => (await counted('client', 'PassthroughCluster'))[0]?.value === 2); // prettier-ignore
    const [sent, ...others] = await counted('client', 'PassthroughCluster');
    expect(others).toEqual([]);
    expect(sent?.labels).toMatchObject({ ...toNobody, source_workload: 'workload of client' });
    const [received] = await counted('store', 'InboundPassthroughCluster');
    expect(received?.labels).toMatchObject({
      source_workload: 'unknown',
      destination_workload: 'workload of store',
      destination_version: 'version of store',
      destination_service_namespace: 'namespace of store',
    });
  });

  test('a host that nobody knows passes through on a port of services', async () => {
    const rule = serviceObject('store', { name: 'http', port: 7000, targetPort: 8080 });
    await mesh.change('more.yaml', yaml({ ...rule, metadata: { name: 'more', namespace: 'lab' }, spec: { ...(rule as { spec: object }).spec, clusterIP: '10.96.0.12' } })); // prettier-ignore
    expect(arrival(await call(pods.server.address, 7000, { headers: { host: 'nobody.example' } })).instance).toBe(
      'store',
    );
    await mesh.change('more.yaml', undefined);
  });

  test('STRICT refuses plaintext on every port, and takes what comes through the mesh', async () => {
    await mesh.change('peers.yaml', peerAuthentication('STRICT'));
    await expect(past()).rejects.toThrow('ECONNRESET');
    await expect(call(pods.server.address, 7000, toStore, 'asProxy')).rejects.toThrow('ECONNRESET');
    expect(await line(pods.server.address, 9000, 'asProxy')).not.toBe('store:hello\n');
    expect(certificateOf(await call(virtual.store, 80, toStore))).toContain('/sa/client');
    expect(await line(virtual.echo, 9000)).toBe('store:hello\n');
    await mesh.change('peers.yaml', undefined);
  });

  test('REGISTRY_ONLY lets nothing out but to services', async () => {
    const sidecar = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { name: 'default', namespace: 'lab' },
      spec: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' }, egress: [{ hosts: ['*/*'] }] },
    };
    await mesh.change('sidecar.yaml', yaml(sidecar));
    expect((await call(virtual.store, 80, { headers: { host: 'nobody.example' } })).status).toBe(502);
    expect(await line(pods.server.address, 7001)).not.toBe('store:hello\n');
    expect(arrival(await call(virtual.store, 80, toStore)).instance).toBe('store');
    await mesh.change('sidecar.yaml', undefined);
  });

  test('nothing was refused', () => {
    expect(mesh.daemon.rejections()).toEqual([]);
    expect(mesh.complaints).toEqual([]);
  });
});
