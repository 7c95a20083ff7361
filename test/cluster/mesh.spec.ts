// Keelson in a real cluster, as a user has it: installed by its manifests, a shop in injected Pods, mutual TLS, a canary,
// restarts under load, and nothing left when it is removed. Each test goes on from where the one before ended.
import type { LoadReport } from './mesh.ts';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { kubectl, missingForCluster, startCluster, stopCluster } from '../../scripts/cluster/kind.ts';
import {
  apply,
  between,
  convergence,
  proxies,
  applyText,
  eventually,
  everything,
  list,
  load,
  manifests,
  page,
  request,
  rolledOut,
  system,
  underLoad,
} from './mesh.ts';
import { buyer, canary, deployments, job, namespace, shop, strict, urls } from './shop.ts';

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly initContainers?: readonly { readonly name: string; readonly restartPolicy?: string }[] };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

const outside = 'default';
/** With so many proxies the effect of a change is measured: `PROXIES=50 make test-cluster` where there is room for them. */
const manyProxies = Number(process.env['PROXIES'] ?? 20);
const reviews = urls.filter((url) => url.endsWith('/reviews'));
const report = (line: string): void => void process.stderr.write(`${line}\n`);
const workloads = [...deployments.map(([app, version]) => `${app}-${version}`), 'buyer'];

const missing = await missingForCluster();
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
    await kubectl(['--namespace', namespace, 'wait', '--for=condition=Complete', 'job/visit', '--timeout=120s']);
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
    const counted = await underLoad(namespace, urls, async () => {
      for (const [app, version] of deployments) {
        await kubectl(['--namespace', namespace, 'rollout', 'restart', `deployment/${app}-${version}`]);
        await rolledOut(namespace, `${app}-${version}`);
      }
    });
    report(`${counted.requests} requests during a restart of the shop, ${counted.failed} failed`);
    expect(counted.failures).toEqual([]);
  });

  it('tells many proxies of a change at once', async () => {
    const replicas = manyProxies - deployments.length;
    await kubectl(['--namespace', namespace, 'scale', 'deployment/buyer', `--replicas=${replicas}`]);
    await rolledOut(namespace, 'buyer');
    // One that came back with everything in force needs nothing, and is told of as not sent anything.
    const connected = await eventually(
      proxies,
      (lines) => lines.length >= manyProxies && !/STALE|ERROR/.test(lines.join()),
    );
    const earlier = await convergence();
    await apply(canary(50));
    const sidecars = connected.filter((line) => line.includes(`.${namespace} `)).length;
    const after = await eventually(convergence, ({ count }) => count >= earlier.count + sidecars);
    const { count, average, limit } = between(earlier, after);
    report(
      `A VirtualService was in force at ${count} proxies ${(1000 * average).toFixed(0)} ms after it was known on average, ` +
        `and at the last of them within ${1000 * limit} ms`,
    );
    expect(count).toBe(sidecars);
  });

  it('leaves nothing when it is removed', async () => {
    await remove();
    expect(await everything()).toEqual(before);
  });
});

/** By the commands of docs/install.md; what the tests themselves made goes first. */
async function remove(): Promise<void> {
  await kubectl(['delete', 'namespace', namespace, '--ignore-not-found']);
  await kubectl(['--namespace', outside, 'delete', 'deployment', 'buyer', '--ignore-not-found']);
  await kubectl(['delete', '--ignore-not-found', '--filename', '-'], { input: await manifests('--crds', 'none') });
  await kubectl(['delete', 'configmap', '--all-namespaces', '--selector', 'istio.io/config=true']);
  await kubectl(['delete', '--ignore-not-found', '--filename', '-'], { input: await manifests('--crds', 'only') });
}
