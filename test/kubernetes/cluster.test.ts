// A cluster as a source of objects: kinds that come, go, may not be read, and objects that cannot be parsed.
import type { KindState } from '../../src/watchers/cluster/kind-watch.ts';
import type { KubernetesObject, ResourceType } from '../../src/kubernetes/resource.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { openKubernetesClient } from '../../src/kubernetes/client.ts';
import { emptySnapshot } from '../../src/model/snapshot.ts';
import { watchCluster } from '../../src/watchers/cluster/cluster.ts';
import { kindTable } from '../../src/watchers/kinds.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { quickPace } from '../support/kubernetes/reflected.ts';

const namespaced = true;
const services: ResourceType = { group: '', version: 'v1', plural: 'services', namespaced };
const configMaps: ResourceType = { group: '', version: 'v1', plural: 'configmaps', namespaced };
const namespaces: ResourceType = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
const definitions: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const policies: ResourceType = {
  group: 'security.istio.io',
  version: 'v1beta1',
  plural: 'peerauthentications',
  namespaced,
};
const rbac = (plural: string): ResourceType => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  namespaced: false,
});

const definition: KubernetesObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'peerauthentications.security.istio.io' },
  spec: {
    group: 'security.istio.io',
    names: { kind: 'PeerAuthentication', plural: 'peerauthentications' },
    scope: 'Namespaced',
    versions: [
      {
        // An older installation: not the version that we prefer.
        name: 'v1beta1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};
const policy = (mode: string): KubernetesObject => ({
  apiVersion: 'security.istio.io/v1beta1',
  kind: 'PeerAuthentication',
  metadata: { name: 'strict', namespace: 'default' },
  spec: { mtls: { mode } },
});
const service = (name: string, metadata: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', ...metadata },
  spec: { ports: [{ port: 80 }] },
});

/** What one daemon knows of the cluster. */
interface Watching {
  snapshot: Snapshot;
  problems: readonly Problem[];
  calls: number;
  /** What it waited for, the last time that it said so. */
  waiting: readonly Problem[];
  readonly states: Map<string, KindState>;
  readonly synced: Promise<void>;
  readonly stop: () => void;
}

describe.skipIf(kubernetesMissing)(`a cluster${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let admin: KubernetesClient;
  const running: Watching[] = [];
  const clients: KubernetesClient[] = [];

  beforeAll(async () => {
    kubernetes = await startKubernetes({ users: ['reader', 'guard'] });
    admin = kubernetes.client;
  }, 120_000);
  afterEach(() => running.splice(0).forEach(({ stop }) => stop()));
  afterAll(async () => {
    for (const client of clients) await client.close();
    await kubernetes?.stop();
  });

  function watching(client: KubernetesClient, kinds: readonly (keyof typeof kindTable)[]): Watching {
    const stopping = new AbortController();
    const states = new Map<string, KindState>();
    const seen: Watching = {
      snapshot: emptySnapshot,
      problems: [],
      calls: 0,
      waiting: [],
      states,
      synced: watchCluster(
        (snapshot, problems) => {
          Object.assign(seen, { snapshot, problems, calls: seen.calls + 1 });
        },
        {
          client,
          rows: kinds.map((kind) => kindTable[kind]) as never,
          systemNamespace: 'istio-system',
          revision: 'default',
          signal: stopping.signal,
          pace: { ...quickPace, watchSeconds: 1, initialListSeconds: 2 },
          onState: (kind, state) => states.set(kind, state),
          onWaiting: (waiting) => Object.assign(seen, { waiting }),
        },
      ),
      stop: () => stopping.abort(),
    };
    running.push(seen);
    return seen;
  }
  const clientOf = async (user: string): Promise<KubernetesClient> => {
    const client = await openKubernetesClient({ kubeconfig: await kubernetes.kubeconfigOf(user) });
    clients.push(client);
    return client;
  };
  const allowReading = (user: string, name: string, resources: Readonly<Record<string, readonly string[]>>) =>
    Promise.all([
      admin.create(rbac('clusterroles'), {
        metadata: { name },
        rules: Object.entries(resources).map(([group, resources]) => ({
          apiGroups: [group],
          resources,
          verbs: ['get', 'list', 'watch'],
        })),
      }),
      admin.create(rbac('clusterrolebindings'), {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      }),
    ]);
  const eventually = (probe: () => unknown) => vi.waitFor(probe, { timeout: 25_000, interval: 20 });

  it('is known as a whole before anybody is told, and then change by change', async () => {
    await admin.create(services, service('early'));
    const seen = watching(admin, ['Service', 'Pod', 'Namespace', 'VirtualService']);
    await seen.synced;
    expect(seen.calls).toBe(1);
    expect([...seen.snapshot.objects.Service.keys()]).toContain('default/early');
    expect(seen.snapshot.objects.Namespace.size).toBeGreaterThan(2);
    expect(seen.states.get('VirtualService')).toEqual({ kind: 'absent' });
    const before = seen.snapshot;
    await admin.create(services, service('late'));
    await eventually(() => expect(seen.snapshot.objects.Service.has('default/late')).toBe(true));
    expect(seen.snapshot.objects.Namespace).toBe(before.objects.Namespace);
    expect(seen.snapshot.objects.Service.get('default/early')).toBe(before.objects.Service.get('default/early'));
    await admin.delete(services, { name: 'late', namespace: 'default' });
    await eventually(() => expect(seen.snapshot.objects.Service.has('default/late')).toBe(false));
  });

  it('keeps of an object only what a mesh reads', async () => {
    await admin.create(namespaces, { metadata: { name: 'istio-system' } });
    const annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      'networking.istio.io/exportTo': '.',
      notes: 'x'.repeat(40_000),
    };
    await admin.create(services, service('annotated', { annotations }));
    const data = { 'ca.crt': '-----BEGIN CERTIFICATE-----', 'settings.json': '{}' };
    await admin.create(configMaps, { metadata: { name: 'app', namespace: 'default' }, data });
    await admin.create(configMaps, { metadata: { name: 'values', namespace: 'istio-system' }, data: { values: '{}' } });
    const seen = watching(admin, ['Service', 'ConfigMap']);
    await seen.synced;
    const { metadata } = seen.snapshot.objects.Service.get('default/annotated') ?? {};
    expect(metadata?.annotations).toEqual({ 'networking.istio.io/exportTo': '.' });
    expect(metadata).not.toHaveProperty('managedFields');
    expect(seen.snapshot.objects.ConfigMap.get('default/app')?.data).toEqual({
      'ca.crt': '-----BEGIN CERTIFICATE-----',
    });
    expect(seen.snapshot.objects.ConfigMap.get('istio-system/values')?.data).toEqual({ values: '{}' });
  });

  it('has a kind as soon as it is defined, in whichever version, and no objects of it when it is defined no longer', async () => {
    const seen = watching(admin, ['PeerAuthentication']);
    await seen.synced;
    expect(seen.states.get('PeerAuthentication')).toEqual({ kind: 'absent' });
    const inForce = () => seen.snapshot.objects.PeerAuthentication.get('default/strict');

    await admin.create(definitions, definition);
    await eventually(() => admin.create(policies, policy('STRICT')));
    await eventually(() => expect(inForce()?.spec.mtls?.mode).toBe('STRICT'));

    // Nothing but the schema of an older installation is between a user and this.
    await admin.patch(
      policies,
      { name: 'strict', namespace: 'default' },
      { spec: { mtls: { mode: 'STRIKT' } } },
      { type: 'merge' },
    );
    await eventually(() => expect(seen.problems).toHaveLength(1));
    expect(seen.problems[0]).toMatchObject({
      severity: 'error',
      source: { kind: 'PeerAuthentication', namespace: 'default', name: 'strict', path: 'spec.mtls.mode' },
      message: expect.stringContaining('last good version stays in force') as string,
    });
    expect(inForce()?.spec.mtls?.mode).toBe('STRICT');

    await admin.delete(definitions, { name: definition.metadata.name ?? '' });
    await eventually(() => expect(seen.states.get('PeerAuthentication')).toEqual({ kind: 'absent' }));
    await eventually(() => expect([inForce(), seen.problems]).toEqual([undefined, []]));
  });

  it('is not told of again for a status that nobody reads, and misses nothing that is written beside one', async () => {
    await admin.create(definitions, definition);
    await eventually(() => admin.create(policies, policy('STRICT')));
    const seen = watching(admin, ['PeerAuthentication']);
    await seen.synced;
    const inForce = () => seen.snapshot.objects.PeerAuthentication.get('default/strict');
    const ref = { name: 'strict', namespace: 'default' };
    const tell = (message: string) =>
      admin.patch(policies, ref, { status: { message } }, { type: 'merge', subresource: 'status' });
    const { calls } = seen;
    // Watches end every second here: what is written in between is told by the next one.
    for (let n = 0; n < 30; n++) await Promise.all([tell(`${n}`), new Promise((resolve) => setTimeout(resolve, 100))]);
    expect(seen.calls).toBe(calls);
    for (const [n, mode] of ['PERMISSIVE', 'DISABLE', 'STRICT', 'PERMISSIVE'].entries()) {
      const { spec } = policy(mode) as unknown as { spec: object };
      await Promise.all([tell(mode), admin.patch(policies, ref, { spec }, { type: 'merge' }), tell(`${n}`)]);
      await eventually(() => expect(inForce()?.spec.mtls?.mode).toBe(mode));
    }
    await admin.delete(policies, ref);
    await admin.create(policies, policy('PERMISSIVE'));
    await tell('again');
    const uid = (await admin.get(policies, ref)).metadata.uid;
    await eventually(() => expect(inForce()?.metadata.uid).toBe(uid));
    await admin.delete(definitions, { name: definition.metadata.name ?? '' });
    await eventually(() => expect(inForce()).toBeUndefined());
  }, 40_000);

  it('goes without a kind that may not be read, says so, and has it once it may', async () => {
    const client = await clientOf('reader');
    const allow = (name: string, resources: readonly string[]) => allowReading('reader', name, { '': resources });
    await allow('reads-services', ['services']);
    await eventually(() => client.list(services));
    const seen = watching(client, ['Service', 'Node', 'Namespace']);
    await seen.synced;
    const kindsOfState = Object.fromEntries([...seen.states].map(([kind, state]) => [kind, state.kind]));
    expect(kindsOfState).toEqual({ Service: 'following', Node: 'denied', Namespace: 'denied' });
    expect(seen.snapshot.objects.Service.size).toBeGreaterThan(0);
    expect(seen.problems.map(({ code }) => code)).toEqual(['not-permitted', 'not-permitted']);
    await allow('reads-namespaces', ['namespaces']);
    await eventually(() => expect(seen.snapshot.objects.Namespace.size).toBeGreaterThan(2));
    expect(seen.problems.map(({ message }) => message.split(' ')[0])).toEqual(['nodes']);
  });

  it('waits for policies that may not be read, and keeps them when they may not be read any more', async () => {
    await admin.create(definitions, definition);
    await eventually(() => admin.create(policies, policy('STRICT')));
    const client = await clientOf('guard');
    await allowReading('guard', 'guards-services', { '': ['services'] });
    await eventually(() => client.list(services));
    const seen = watching(client, ['Service', 'PeerAuthentication', 'AuthorizationPolicy']);
    await eventually(() => expect(seen.states.get('PeerAuthentication')?.kind).toBe('denied'));
    await eventually(() => expect(seen.states.get('Service')?.kind).toBe('following'));
    // Nobody defines AuthorizationPolicies here, which is no denial.
    await eventually(() => expect(seen.states.get('AuthorizationPolicy')?.kind).toBe('absent'));
    expect(seen.calls).toBe(0);
    expect(seen.waiting).toEqual([
      expect.objectContaining({
        code: 'not-permitted',
        message: expect.stringMatching(
          /^peerauthentications\.security\.istio\.io may not be read, so that .* cannot (?:list|watch) /,
        ) as string,
      }),
    ]);
    await allowReading('guard', 'guards-policies', { 'security.istio.io': ['peerauthentications'] });
    await seen.synced;
    const inForce = () => seen.snapshot.objects.PeerAuthentication.get('default/strict')?.spec.mtls?.mode;
    expect([inForce(), seen.problems]).toEqual(['STRICT', []]);

    await admin.delete(rbac('clusterrolebindings'), { name: 'guards-policies' });
    await eventually(() => expect(seen.problems.map(({ code }) => code)).toEqual(['not-permitted']));
    expect(seen.problems[0]?.message).toContain('what was read of them before stays in force');
    expect(inForce()).toBe('STRICT');
  }, 40_000);
});
