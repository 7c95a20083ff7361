// Keelson in a real cluster, as a user has it: installed by its manifests, a shop in injected Pods, mutual TLS, a canary,
// restarts under load, and nothing left when it is removed. Each test goes on from where the one before ended.
import type { LoadReport } from './traffic.ts';

import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { crash, kubectl, startCluster, stopCluster } from '../../scripts/cluster/kind.ts';
import { missingForCluster, missingForContainers } from '../../scripts/cluster/platform.ts';
import { delivery, described } from './delivery.ts';
import { diagnostics } from './diagnostics.ts';
import {
  apply,
  applyAgain,
  applyText,
  eventually,
  everything,
  list,
  manifests,
  page,
  proxies,
  rolledOut,
  system,
} from './mesh.ts';
import { buyer, canary, crowd, deployments, job, namespace, shop, strict, urls } from './shop.ts';
import { load, request, underLoad } from './traffic.ts';

interface Pod {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly initContainers?: readonly { readonly name: string; readonly restartPolicy?: string }[] };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly containerID: string }[];
  };
}

interface Job {
  readonly status: { readonly conditions?: readonly { readonly type: string }[] };
}

const outside = 'default';
/** Sidecars that a change has to reach when that is measured: `PROXIES=100 make test-cluster` where there is room for more. */
const sidecars = Number(process.env['PROXIES'] ?? 50);
const measurements = 5;
const reviews = urls.filter((url) => url.endsWith('/reviews'));
const virtualService = { kind: 'VirtualService', namespace, name: 'reviews' };
const report = (line: string): void => void process.stderr.write(`${line}\n`);
const workloads = [...deployments.map(([app, version]) => `${app}-${version}`), 'buyer'];
const revision = ['--revision', 'canary', '--crds', 'none', '--set', 'gateways.istio-ingressgateway.enabled=false'];

const missing = (await missingForCluster()) ?? (await missingForContainers());
if (missing !== undefined) report(`The tests in a cluster are skipped: ${missing}.`);

describe.skipIf(missing !== undefined)('in a cluster', () => {
  let startedHere = false;
  let before: readonly string[] = [];
  beforeAll(async () => {
    startedHere = await startCluster(report);
    await remove();
    before = await everything();
  });
  afterAll(async () => {
    if (startedHere) await stopCluster();
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') report(await diagnostics());
  });

  it('is installed by its manifests, and is ready', async () => {
    await applyText(await manifests());
    await rolledOut(system, 'istiod');
    await rolledOut(system, 'istio-ingressgateway');
    expect(await page('/version')).toContain('keelson');
  });

  it('gives the Pods of a labelled namespace a sidecar, and all become ready', async () => {
    await apply(shop());
    for (const deployment of workloads) await rolledOut(namespace, deployment);
    const pods = await list<Pod>(namespace, 'pods');
    for (const { spec } of pods)
      expect(spec.initContainers).toContainEqual(
        expect.objectContaining({ name: 'istio-proxy', restartPolicy: 'Always' }),
      );
    expect(pods.length).toBe(workloads.length);
  });

  it('encrypts what the shop says to itself, and lets nobody else in', async () => {
    await apply([strict(), buyer(outside)]);
    await rolledOut(outside, 'buyer');
    const identity = 'URI=spiffe://cluster.local/ns/shop/sa/default';
    for (const url of urls)
      await eventually(
        () => request(namespace, url),
        (answer) => answer.includes(identity),
      );
    for (const url of urls)
      await eventually(
        () => request(outside, url.replace(/\/\/(\w+)/, '//$1.shop')),
        (answer) => answer === 'ECONNRESET',
      );
  });

  it('splits requests as a VirtualService says', async () => {
    await apply(canary(90));
    const share = ({ versions, requests }: LoadReport) => (versions['reviews v2'] ?? 0) / requests;
    // Until then it is one in two.
    await eventually(
      () => load(namespace, reviews, 60).then(share),
      (part) => part < 0.3,
    );
    const counted = await load(namespace, reviews, 1200);
    expect(counted.failures).toEqual([]);
    // Chance leaves these bounds less than once in a million runs.
    expect(share(counted)).toBeGreaterThan(0.05);
    expect(share(counted)).toBeLessThan(0.16);
  });

  it('lets probes pass under mutual TLS', async () => {
    for (const { metadata, status } of await list<Pod>(namespace, 'pods')) {
      expect(
        status.containerStatuses?.map(({ restartCount }) => restartCount),
        metadata.name,
      ).toEqual([0]);
      expect(status.conditions, metadata.name).toContainEqual(
        expect.objectContaining({ type: 'Ready', status: 'True' }),
      );
    }
  });

  it('lets a Job end', async () => {
    await apply([job()]);
    const conditions = await eventually(
      () => list<Job>(namespace, 'jobs').then(([visit]) => visit?.status.conditions?.map(({ type }) => type) ?? []),
      (types) => types.includes('Complete') || types.includes('Failed'),
    );
    expect(conditions).toContain('Complete');
  });

  it('loses no request while the control plane is replaced', async () => {
    const counted = await underLoad(namespace, urls, async () => {
      await kubectl(['--namespace', system, 'rollout', 'restart', 'deployment/istiod']);
      await rolledOut(system, 'istiod');
    });
    report(`${counted.requests} requests during a restart of the control plane, ${counted.failed} failed`);
    expect(counted.failures).toEqual([]);
  });

  it('loses no request while the shop is replaced', async () => {
    const counted = await underLoad(namespace, urls, replaceShop);
    report(`${counted.requests} requests during a restart of the shop, ${counted.failed} failed`);
    expect(counted.failures).toEqual([]);
  });

  it('tells many proxies of a change, and the object that all have it', async () => {
    const others = workloads.length;
    await apply([crowd(sidecars - others)]);
    await rolledOut(namespace, 'crowd');
    // One that came back with everything in force needs nothing, and is told of as not sent anything.
    await eventually(
      async () => (await proxies()).filter((line) => line.includes(`.${namespace} `)),
      (lines) => lines.length === sidecars && !/STALE|ERROR/.test(lines.join()),
    );
    const times = [];
    for (let round = 0; round < measurements; round++) {
      const measured = await delivery(canary(50 + round), virtualService);
      expect(measured.message).toBe(`${sidecars}/${sidecars} proxies`);
      expect(measured.proxies).toBeGreaterThanOrEqual(sidecars);
      times.push(measured);
    }
    report(described(times));
    await kubectl(['--namespace', namespace, 'delete', 'deployment', 'crowd']);
  });

  it('loses no request and no change when the replica that writes crashes', async () => {
    await applyText(await manifests('--set', 'autoscaleMin=2'));
    await eventually(readyReplicas, (pods) => pods.length === 2);
    const [holder = ''] = (await leader()).split('_');
    const writing = (await readyReplicas()).find(({ metadata }) => metadata.name === holder);
    let stable = 50;
    const counted = await underLoad(namespace, urls, async () => {
      for (; stable < 60; stable++) {
        await applyAgain(canary(stable));
        if (stable === 54) await crash(writing?.status.containerStatuses?.[0]?.containerID ?? 'none');
        await delay(200);
      }
      await applyAgain(canary(100));
      await eventually(programmed, (message) => message === `${workloads.length}/${workloads.length} proxies`);
    });
    report(`${counted.requests} requests while a replica of the control plane crashed, ${counted.failed} failed`);
    expect(counted.failures).toEqual([]);
    expect((await load(namespace, reviews, 100)).versions).toEqual({ 'reviews v1': 100 });
    expect(await leader()).not.toContain(holder);
  });

  it('moves a namespace to another revision without losing a request', async () => {
    await applyText(await manifests(...revision));
    await rolledOut(system, 'istiod-canary');
    const labels = ['istio-injection-', 'istio.io/rev=canary', '--overwrite'];
    await kubectl(['label', 'namespace', namespace, ...labels]);
    const counted = await underLoad(namespace, urls, replaceShop);
    report(`${counted.requests} requests during a move to another revision, ${counted.failed} failed`);
    expect(counted.failures).toEqual([]);
    const names = deployments.map(([app, version]) => `${app}-${version}`);
    const moved = await eventually(
      () => proxies('istiod-canary'),
      (lines) => names.every((name) => lines.some((line) => line.startsWith(`${name}-`))),
    );
    expect(moved.join()).not.toContain('buyer-');
    // Both revisions have written what they know of it together.
    await eventually(programmed, (message) => message === `${workloads.length}/${workloads.length} proxies`);
  });

  it('leaves nothing when it is removed', async () => {
    await remove();
    expect(await everything()).toEqual(before);
  });
});

async function replaceShop(): Promise<void> {
  for (const [app, version] of deployments) {
    await kubectl(['--namespace', namespace, 'rollout', 'restart', `deployment/${app}-${version}`]);
    await rolledOut(namespace, `${app}-${version}`);
  }
}

async function readyReplicas(): Promise<readonly Pod[]> {
  const pods = await list<Pod>(system, 'pods', 'app=istiod');
  return pods.filter(({ status }) =>
    status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  );
}

/** The identity of the replica that writes: its Pod's name, and what makes it unique. */
const leader = (): Promise<string> =>
  kubectl([
    '--namespace',
    system,
    'get',
    'lease',
    'istio-leader-default',
    '--output',
    'jsonpath={.spec.holderIdentity}',
  ]);

/** What the condition Programmed of the VirtualService says of its newest version; empty while it tells of an older one. */
async function programmed(): Promise<string> {
  const [object] = await list<{
    readonly metadata: { readonly generation: number };
    readonly status: {
      readonly conditions: readonly {
        readonly type: string;
        readonly observedGeneration: number;
        readonly message: string;
      }[];
    };
  }>(namespace, 'virtualservices.networking.istio.io');
  const condition = object?.status.conditions.find(({ type }) => type === 'Programmed');
  return condition?.observedGeneration === object?.metadata.generation ? (condition?.message ?? '') : '';
}

/** By the commands of docs/install.md; what the tests themselves made goes first. */
async function remove(): Promise<void> {
  await kubectl(['delete', 'namespace', namespace, '--ignore-not-found']);
  await kubectl(['--namespace', outside, 'delete', 'deployment', 'buyer', '--ignore-not-found']);
  for (const installed of [revision, ['--set', 'autoscaleMin=2', '--crds', 'none']])
    await kubectl(['delete', '--ignore-not-found', '--filename', '-'], { input: await manifests(...installed) });
  await kubectl(['delete', 'configmap', '--all-namespaces', '--selector', 'istio.io/config=true']);
  await kubectl(['delete', '--ignore-not-found', '--filename', '-'], { input: await manifests('--crds', 'only') });
}
