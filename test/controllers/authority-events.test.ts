// The authority's end and the steps of its rotation, as Events in a cluster: each once, from the replica that writes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createRoot } from '../../src/ca/authority.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import { freePort } from '../../scripts/ports.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import type { Replica } from '../support/kubernetes/replicas.ts';
import { find, install, resources, startReplica, systemNamespace } from '../support/kubernetes/replicas.ts';

const { secrets, leases } = resources;
const patience = { timeout: 60_000, interval: 100 };
const day = 24 * 3600_000;
/** As `kubectl get events` reads them. */
const events = { group: '', version: 'v1', plural: 'events', namespaced: true };
const cacerts = { namespace: systemNamespace, name: 'cacerts' };

interface EventObject extends KubernetesObject {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly series?: { readonly count: number };
}

describe.skipIf(kubernetesMissing)(`Events about the authority${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  const replicas = new Map<string, Replica>();

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    ({ client } = kubernetes);
    await install(client, await freePort());
    await client.create(secrets, { metadata: cacerts, type: 'Opaque', data: await authority(-80 * day, 100 * day) });
    const pace = { look: 50, patience: 300, absence: 1000 };
    for (const name of ['istiod-1', 'istiod-2'])
      replicas.set(name, await startReplica(kubernetes, name, { authority: { pace } }));
  }, 180_000);
  afterAll(async () => {
    for (const { stop } of replicas.values()) await stop();
    await kubernetes?.stop();
  });

  /** What `kubectl describe secret cacerts` shows, in the order in which it happened. */
  async function told(): Promise<readonly EventObject[]> {
    const { uid } = (await client.get(secrets, cacerts)).metadata;
    const fieldSelector = `involvedObject.name=cacerts,involvedObject.uid=${uid}`;
    const { items } = await client.list<EventObject>(events, { namespace: systemNamespace, fieldSelector });
    const timeOf = (event: EventObject): string => String(event['eventTime']);
    return items.toSorted((a, b) => timeOf(a).localeCompare(timeOf(b)));
  }
  const reasons = async (): Promise<readonly string[]> => (await told()).map(({ reason }) => reason);
  const holder = async (): Promise<string> => {
    const lease = await find(client, leases, 'istio-leader-default', systemNamespace);
    return (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity?.split('_')[0] ?? '';
  };
  const plug = async (data: Readonly<Record<string, string>>): Promise<unknown> =>
    client.patch(secrets, cacerts, { data }, { type: 'merge' });

  test('an authority that has spent most of its life is told of once, whatever the number of replicas', async () => {
    await expect.poll(reasons, patience).toEqual(['AuthorityEnds']);
    const [event] = await told();
    expect(event).toMatchObject({ type: 'Warning', message: expect.stringContaining('rotate it before') as string });
    expect(event?.series).toBeUndefined();
  }, 90_000);

  test('each step of a rotation is told of, in order', async () => {
    await plug(await authority(0, 100 * day));
    await expect
      .poll(reasons, patience)
      .toEqual(['AuthorityEnds', 'RootDistributed', 'SignerSwitched', 'RotationCompleted']);
    expect((await told()).every(({ series }) => series === undefined)).toBe(true);
  }, 90_000);

  test('what still holds when another replica takes over is counted, not told twice', async () => {
    await plug({ 'ca-cert.pem': Buffer.from('no certificate').toString('base64') });
    await expect.poll(reasons, patience).toContain('AuthorityUnusable');
    const leader = await holder();
    await replicas.get(leader)?.stop();
    replicas.delete(leader);
    const unusable = async (): Promise<unknown> =>
      (await told()).filter(({ reason }) => reason === 'AuthorityUnusable').map(({ series }) => series?.count);
    await expect.poll(unusable, patience).toEqual([2]);
    expect([...replicas.values()].flatMap(({ complaints }) => complaints).join('\n')).not.toMatch(/forbidden|Event/);
  }, 90_000);
});

/** A root as the Secret `cacerts` has one. */
async function authority(age: number, lifetime: number): Promise<Record<string, string>> {
  const { certificate, privateKey } = await createRoot('cluster.local', Date.now() + age, lifetime);
  const files = { 'ca-cert.pem': certificate, 'ca-key.pem': privateKey, 'root-cert.pem': certificate };
  return Object.fromEntries(
    Object.entries({ ...files, 'cert-chain.pem': certificate }).map(([name, pem]) => [
      name,
      Buffer.from(pem).toString('base64'),
    ]),
  );
}
