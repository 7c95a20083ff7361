// 20,000 Pods: what is kept of them, while they are listed and listed again, and the work that one change makes.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiStub } from '../support/kubernetes/api-stub.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';

import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { openKubernetesClient } from '../../src/kubernetes/client.ts';
import { emptySnapshot } from '../../src/model/snapshot.ts';
import { watchCluster } from '../../src/watchers/cluster/cluster.ts';
import { kindTable } from '../../src/watchers/kinds.ts';
import { startApiStub } from '../support/kubernetes/api-stub.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { quickPace } from '../support/kubernetes/reflected.ts';

const count = 20_000;
setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heapMegabytes = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1e6;
};

/** As large as Pods are: about 9 kB, most of which no mesh reads. */
function podJson(index: number, version: number, labels: object = {}): string {
  const name = `web-${index}`;
  const environment = Array.from({ length: 40 }, (_, each) => ({ name: `SETTING_${each}`, value: 'x'.repeat(60) }));
  const fields = Array.from({ length: 60 }, (_, each) => [`f:field-${each}`, { 'f:value': {}, '.': {} }]);
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: `ns-${index % 50}`,
      resourceVersion: String(version),
      uid: `00000000-0000-0000-0000-${index}`,
      labels: { app: `web-${index % 500}`, version: 'v1', ...labels },
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(1500) },
      managedFields: [{ manager: 'kubectl', fieldsV1: Object.fromEntries(fields) as object }],
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `web-${index % 500}`, uid: 'x', controller: true },
      ],
    },
    spec: {
      serviceAccountName: 'web',
      nodeName: `node-${index % 200}`,
      containers: [
        { name: 'app', image: 'registry.example/app:1', env: environment, ports: [{ containerPort: 8080 }] },
      ],
      volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
    },
    status: {
      phase: 'Running',
      podIP: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    },
  });
}

/** Streams a list of all Pods to each watch that begins with one, no faster than it is read, and leaves it open. */
class PodServer {
  readonly watches: ServerResponse[] = [];
  lists = 0;
  bytes = 0;

  answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/api/v1') response.end(JSON.stringify({ resources: [{ name: 'pods' }] }));
    else if (url.pathname === '/api/v1/pods') void this.#watch(url.searchParams.has('sendInitialEvents'), response);
    else response.writeHead(404).end('{}');
  }

  async #watch(initial: boolean, response: ServerResponse): Promise<void> {
    response.flushHeaders();
    for (let index = initial ? 0 : count; index < count && !response.destroyed; index++) {
      const line = `{"type":"ADDED","object":${podJson(index, index + 1)}}\n`;
      this.bytes += line.length;
      if (!response.write(line)) await once(response, 'drain');
    }
    const annotations = '"annotations":{"k8s.io/initial-events-end":"true"}';
    if (initial)
      response.write(`{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"${count}",${annotations}}}}\n`);
    this.lists += Number(initial);
    this.watches.push(response);
  }
}

describe('a cluster with 20,000 Pods', () => {
  const server = new PodServer();
  const stopping = new AbortController();
  let stub: ApiStub;
  let client: KubernetesClient;
  let snapshot: Snapshot = emptySnapshot;
  let before = 0;

  beforeAll(async () => {
    stub = await startApiStub({ answer: (request, response) => server.answer(request, response) });
    client = await openKubernetesClient({ kubeconfig: stub.kubeconfig });
    before = heapMegabytes();
    await watchCluster((next) => void (snapshot = next), {
      client,
      rows: [kindTable.Pod] as never,
      systemNamespace: 'istio-system',
      revision: 'default',
      signal: stopping.signal,
      pace: quickPace,
    });
  }, 120_000);
  afterAll(async () => {
    stopping.abort();
    await client?.close();
    await stub?.stop();
  });

  /** Resolves when it has arrived, and so has everything before it. */
  async function change(index: number, version: number): Promise<Snapshot> {
    const known = snapshot;
    const line = `{"type":"MODIFIED","object":${podJson(index, version, { version: `v${version}` })}}\n`;
    await vi.waitFor(() => expect(server.watches).toHaveLength(1), { timeout: 60_000 });
    server.watches[0]?.write(line);
    const arrived = (): unknown =>
      snapshot.objects.Pod.get(`ns-${index % 50}/web-${index}`)?.metadata.labels['version'];
    await vi.waitFor(() => expect(arrived()).toBe(`v${version}`), { timeout: 60_000 });
    return known;
  }
  const different = (known: Snapshot): readonly string[] =>
    [...snapshot.objects.Pod].filter(([key, pod]) => known.objects.Pod.get(key) !== pod).map(([key]) => key);

  it('keeps a fraction of what was sent', () => {
    expect(snapshot.objects.Pod.size).toBe(count);
    const [sent, kept] = [server.bytes / 1e6, heapMegabytes() - before];
    expect(sent).toBeGreaterThan(120);
    expect(kept).toBeLessThan(sent / 3);
  });

  it('makes a new snapshot for one change in which all the other objects are the same', async () => {
    const known = await change(7, count + 1);
    expect(snapshot.version).toBe(known.version + 1);
    expect(different(known)).toEqual(['ns-7/web-7']);
  });

  it('takes no more when everything has been sent again, and nothing is another object for that', async () => {
    const kept = heapMegabytes() - before;
    const expired = '{"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410,"reason":"Expired"}}\n';
    server.watches.splice(0).forEach((watch) => watch.write(expired));
    const known = await change(8, count + 2);
    expect(server.lists).toBe(2);
    expect(different(known).toSorted()).toEqual(['ns-7/web-7', 'ns-8/web-8']);
    expect(heapMegabytes() - before).toBeLessThan(kept * 1.3);
  }, 120_000);
});

describe.skipIf(kubernetesMissing)(`a real API server with 20,000 Pods${unlessKubernetes}`, () => {
  const stopping = new AbortController();
  const pods = { group: '', version: 'v1', plural: 'pods', namespaced: true };
  let kubernetes: TestKubernetes;
  let snapshot: Snapshot = emptySnapshot;
  let sent = 0;
  let before = 0;

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    const texts = function* (): Iterable<readonly [string, string]> {
      for (let index = 0; index < count; index++) {
        const pod = JSON.parse(podJson(index, 0)) as KubernetesObject;
        const { resourceVersion: _, ...metadata } = pod.metadata;
        const json = JSON.stringify({ ...pod, metadata });
        sent += json.length / 1e6;
        yield [`ns-${index % 50}/web-${index}`, json];
      }
    };
    await kubernetes.client.create({ group: '', version: 'v1', plural: 'namespaces', namespaced: false }, { metadata: { name: 'ns-7' } }); // prettier-ignore
    await kubernetes.store('pods', texts());
    before = heapMegabytes();
    await watchCluster((next) => void (snapshot = next), {
      client: kubernetes.client,
      rows: [kindTable.Pod] as never,
      systemNamespace: 'istio-system',
      revision: 'default',
      signal: stopping.signal,
    });
  }, 300_000);
  afterAll(async () => {
    stopping.abort();
    await kubernetes?.stop();
  });

  it('is listed whole, and a fraction is kept', () => {
    expect(snapshot.objects.Pod.size).toBe(count);
    expect(heapMegabytes() - before).toBeLessThan(sent / 3);
  });

  it('is followed after that, and listed again when it has forgotten what was; nothing is kept twice', async () => {
    const kept = heapMegabytes() - before;
    const label = async (version: string): Promise<readonly string[]> => {
      const known = snapshot.objects.Pod;
      await kubernetes.client.patch(pods, { namespace: 'ns-7', name: 'web-7' }, { metadata: { labels: { version } } }, { type: 'merge' }); // prettier-ignore
      await vi.waitFor(() => expect(snapshot.objects.Pod.get('ns-7/web-7')?.metadata.labels['version']).toBe(version), { timeout: 90_000 }); // prettier-ignore
      return [...snapshot.objects.Pod].filter(([key, pod]) => known.get(key) !== pod).map(([key]) => key);
    };
    expect(await label('v2')).toEqual(['ns-7/web-7']);
    await kubernetes.stopServer();
    await kubernetes.compact();
    await kubernetes.startServer();
    expect(await label('v3')).toEqual(['ns-7/web-7']);
    expect(heapMegabytes() - before).toBeLessThan(kept * 1.3);
  }, 240_000);
});
