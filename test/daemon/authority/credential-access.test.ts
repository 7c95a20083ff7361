// Who may have the Secrets of a namespace: what is asked of the API server, and for how long and for whom its answers hold.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { secretAccess } from '../../../src/daemon/authority/credential-access.ts';
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../../../src/kubernetes/resource.ts';
import type { Workload } from '../../../src/model/external/secret-source.ts';
import { installObjects } from '../../../src/manifests/install.ts';
import { defaultValues } from '../../../src/manifests/values/values.ts';
import type { Applied } from '../../support/kubernetes/install.ts';
import { applyObjects } from '../../support/kubernetes/install.ts';
import type { TestKubernetes } from '../../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../../support/kubernetes/kubernetes.ts';
import { accountToken } from '../../support/kubernetes/replicas.ts';
import { openKubernetesClient } from '../../../src/kubernetes/client.ts';

const workload = (serviceAccount: string, namespace = 'edge', id = 'router~10.0.0.1~gate.edge~edge.svc'): Workload => ({
  identity: { trustDomain: 'cluster.local', namespace, serviceAccount },
  node: { id, cluster: '', metadata: {} },
});

interface Asked {
  readonly user: string;
  readonly groups: readonly string[];
  readonly resourceAttributes: Readonly<Record<string, string>>;
}

/** An API server that decides by account and namespace. */
function access(decide: (user: string, namespace: string) => boolean | Error) {
  const asked: Asked[] = [];
  const clock = { now: 0 };
  const client = {
    create: async (_: unknown, { spec }: { spec: Asked }) => {
      asked.push(spec);
      await Promise.resolve();
      const decision = decide(spec.user, spec.resourceAttributes['namespace'] ?? '');
      if (decision instanceof Error) throw decision;
      return { status: { allowed: decision } };
    },
  } as unknown as KubernetesClient;
  const mayRead = secretAccess(client, () => clock.now);
  return { mayRead: async (who: Workload, namespace: string) => mayRead(who, namespace), asked, clock };
}

describe('in a cluster', () => {
  test('the API server is asked for the account, in all its groups, about Secrets of the namespace', async () => {
    const { mayRead, asked } = access(() => true);
    expect(await mayRead(workload('gate'), 'shop')).toBe(true);
    expect(asked).toEqual([
      {
        user: 'system:serviceaccount:edge:gate',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:edge', 'system:authenticated'],
        resourceAttributes: { namespace: 'shop', verb: 'list', resource: 'secrets', version: 'v1' },
      },
    ]);
  });

  test('an answer is for that account and that namespace only, whoever asks at the same time', async () => {
    const { mayRead, asked } = access((user, namespace) => user.endsWith(':gate') && namespace === 'edge');
    const wishes = [
      [workload('gate'), 'edge'],
      [workload('gate'), 'shop'],
      [workload('thief'), 'edge'],
      // Names that would be one and the same if they were only strung together.
      [workload('gate', 'edge:gate'), 'edge'],
    ] as const;
    const twice = [...wishes, ...wishes];
    const right = [true, false, false, true];
    const answers = await Promise.all(twice.map(([who, namespace]) => mayRead(who, namespace)));
    expect(answers).toEqual([...right, ...right]);
    expect(asked).toHaveLength(4);
  });

  test('neither permission nor refusal outlives a minute', async () => {
    let allowed = false;
    const { mayRead, asked, clock } = access(() => allowed);
    expect(await mayRead(workload('gate'), 'edge')).toBe(false);
    allowed = true;
    clock.now = 59_000;
    expect(await mayRead(workload('gate'), 'edge')).toBe(false);
    clock.now = 60_000;
    expect(await mayRead(workload('gate'), 'edge')).toBe(true);
    allowed = false;
    clock.now = 121_000;
    expect(await mayRead(workload('gate'), 'edge')).toBe(false);
    expect(asked).toHaveLength(3);
  });

  test('no answer is no permission, and is asked for again', async () => {
    let fails = true;
    const { mayRead, asked } = access(() => (fails ? new Error('nobody there') : true));
    await expect(mayRead(workload('gate'), 'edge')).rejects.toThrow('nobody there');
    fails = false;
    expect(await mayRead(workload('gate'), 'edge')).toBe(true);
    expect(asked).toHaveLength(2);
  });

  test('what is not understood is a refusal', async () => {
    for (const status of [undefined, null, 'allowed', {}, { allowed: 'true' }, { allowed: 1 }]) {
      const client = { create: () => Promise.resolve({ status }) } as unknown as KubernetesClient;
      expect(await secretAccess(client)(workload('gate'), 'edge')).toBe(false);
    }
  });
});

test('without a cluster gateways may read the Secrets of their own namespace, and nobody else any', async () => {
  const mayRead = secretAccess('a directory');
  expect(await mayRead(workload('gate'), 'edge')).toBe(true);
  expect(await mayRead(workload('gate'), 'shop')).toBe(false);
  expect(await mayRead(workload('web', 'edge', 'sidecar~10.0.0.1~web.edge~edge.svc'), 'edge')).toBe(false);
});

const rbac = (plural: string): ResourceType => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  namespaced: true,
});

describe.skipIf(kubernetesMissing)(
  `a real API server is asked with the rights of the install${unlessKubernetes}`,
  () => {
    let kubernetes: TestKubernetes;
    let own: KubernetesClient;
    let now = 0;

    beforeAll(async () => {
      kubernetes = await startKubernetes();
      const { client } = kubernetes;
      await applyObjects(
        client,
        (installObjects(defaultValues, { crds: false }) as readonly Applied[]).filter(
          ({ apiVersion }) => !apiVersion.includes('istio.io'),
        ),
      );
      const namespaces = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
      for (const name of ['edge', 'shop']) await client.create(namespaces, { metadata: { name } });
      const token = await accountToken(client, { namespace: 'istio-system', name: 'istiod' });
      own = await openKubernetesClient({ kubeconfig: await kubernetes.kubeconfigOf({ token }) });
    }, 180_000);
    afterAll(async () => {
      await own?.close();
      await kubernetes?.stop();
    });

    const grant = async (name: string, rule: object, subject: object): Promise<unknown> => {
      const metadata = { name, namespace: 'edge' };
      await kubernetes.client.create<KubernetesObject>(rbac('roles'), { metadata, rules: [{ apiGroups: [''], resources: ['secrets'], ...rule }] }); // prettier-ignore
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
      return kubernetes.client.create<KubernetesObject>(rbac('rolebindings'), {
        metadata,
        roleRef,
        subjects: [subject],
      });
    };

    test('who may list the Secrets of a namespace, by account or by group, may have them; nobody else', async () => {
      await grant('gate', { verbs: ['get', 'list'] }, { kind: 'ServiceAccount', namespace: 'edge', name: 'gate' });
      await grant('group', { verbs: ['*'] }, { kind: 'Group', name: 'system:serviceaccounts:trusted', apiGroup: 'rbac.authorization.k8s.io' }); // prettier-ignore
      await grant('one', { verbs: ['get'], resourceNames: ['tls'] }, { kind: 'ServiceAccount', namespace: 'edge', name: 'reader' }); // prettier-ignore
      const mayRead = secretAccess(own, () => now);
      const wishes: readonly (readonly [account: string, home: string, namespace: string])[] = [
        ['gate', 'edge', 'edge'],
        ['gate', 'edge', 'shop'],
        ['gate', 'shop', 'edge'],
        ['anybody', 'trusted', 'edge'],
        ['reader', 'edge', 'edge'],
        ['thief', 'edge', 'edge'],
      ];
      const answers = await Promise.all(
        wishes.map(async ([account, home, namespace]) => mayRead(workload(account, home), namespace)),
      );
      expect(answers).toEqual([true, false, false, true, false, false]);
      await kubernetes.client.delete(rbac('rolebindings'), { name: 'gate', namespace: 'edge' });
      await expect
        .poll(async () => ((now += 61_000), mayRead(workload('gate'), 'edge')), { timeout: 20_000 })
        .toBe(false);
    });
  },
);
