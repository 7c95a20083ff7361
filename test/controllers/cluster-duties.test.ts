// What a control plane does for its cluster, against a real API server and with the rights that the install gives: one
// authority for all replicas, tokens of Pods, roots in every namespace, webhooks that are asked, one leader.
import { X509Certificate } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isApiError } from '../../src/kubernetes/api-error.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import { freePort } from '../../scripts/ports.ts';
import { askForCertificate, signingRequest } from '../support/kubernetes/certificate-client.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import type { Replica } from '../support/kubernetes/replicas.ts';
import {
  accountToken,
  find,
  install,
  istioResource,
  resources,
  startReplica,
  systemNamespace,
} from '../support/kubernetes/replicas.ts';

const { namespaces, configMaps, secrets, leases, accounts, injectors, validators } = resources;
const patience = { timeout: 60_000, interval: 100 };

describe.skipIf(kubernetesMissing)(`the duties of a control plane in its cluster${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  let webhookPort: number;
  const replicas: Replica[] = [];

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    ({ client } = kubernetes);
    webhookPort = await freePort();
    await install(client, webhookPort);
    await client.create(namespaces, { metadata: { name: 'shop' } });
    await client.create(accounts, { metadata: { name: 'web', namespace: 'shop' } });
    process.env['CA_TRUSTED_NODE_ACCOUNTS'] = 'shop/agent';
    // At the same time, so that both find no authority.
    replicas.push(
      ...(await Promise.all([
        startReplica(kubernetes, 'istiod-1', { webhookAddress: `127.0.0.1:${webhookPort}` }),
        startReplica(kubernetes, 'istiod-2'),
      ])),
    );
  }, 180_000);
  afterAll(async () => {
    delete process.env['CA_TRUSTED_NODE_ACCOUNTS'];
    for (const { stop } of replicas) await stop();
    await kubernetes?.stop();
  });

  const textOf = (object: KubernetesObject | undefined, key: string): string =>
    (object?.['data'] as Readonly<Record<string, string>> | undefined)?.[key] ?? '';
  const secretText = async (name: string, key: string): Promise<string> =>
    Buffer.from(textOf(await find(client, secrets, name, systemNamespace), key), 'base64').toString();
  const rootsIn = async (namespace: string): Promise<string> =>
    textOf(await find(client, configMaps, 'istio-ca-root-cert', namespace), 'root-cert.pem');
  const bundlesOf = async (kind: typeof injectors, name: string): Promise<readonly string[]> => {
    const { webhooks } = (await find(client, kind, name)) as unknown as {
      webhooks: { clientConfig: { caBundle?: string } }[];
    };
    return webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? '', 'base64').toString());
  };

  test('all replicas have the one authority, kept as Istio keeps its own', async () => {
    const secret = await find(client, secrets, 'istio-ca-secret', systemNamespace);
    expect(secret?.['type']).toBe('istio.io/ca-root');
    expect(Object.keys(secret?.['data'] as object).toSorted()).toEqual([
      'ca-cert.pem',
      'ca-key.pem',
      'cert-chain.pem',
      'key.pem',
      'root-cert.pem',
    ]);
    expect(new Set(replicas.map(({ daemon }) => daemon.authority().signer.notAfter)).size).toBe(1);
  });

  test('a Pod’s token gets a certificate of its account from any replica, any other token none', async () => {
    const root = await secretText('istio-ca-secret', 'root-cert.pem');
    const { csr } = signingRequest(['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
    const web = { namespace: 'shop', name: 'web' };
    const token = await accountToken(client, web, ['istio-ca']);
    for (const { daemon } of replicas) {
      const reply = await askForCertificate(daemon.port, root, { csr, token });
      expect(reply).toMatchObject({ chain: [expect.stringContaining('BEGIN CERTIFICATE'), root] });
    }
    for (const other of [
      await accountToken(client, web, ['somebody-else']),
      `${token.slice(0, -4)}AAAA`,
      'x.y.z',
      '',
    ]) {
      const reply = await askForCertificate(replicas[0]!.daemon.port, root, { csr, token: other });
      expect(reply).toMatchObject({ code: 16 });
    }
    const reasons = replicas[0]!.complaints.filter((line) => line.startsWith('credentials are rejected'));
    for (const reason of ['token for another audience', 'token refused'])
      expect(reasons.filter((line) => line.includes(reason))).toHaveLength(1);
    expect(reasons.join()).not.toContain(token.split('.')[2]);
  });

  test('a trusted agent’s token gets certificates for the workloads of its node, and for no others', async () => {
    const pods = { group: '', version: 'v1', plural: 'pods', namespaced: true };
    await client.create(accounts, { metadata: { name: 'agent', namespace: 'shop' } });
    const run = async (name: string, serviceAccountName: string, nodeName: string): Promise<KubernetesObject> =>
      client.create<KubernetesObject>(pods, {
        metadata: { name, namespace: 'shop' },
        spec: { serviceAccountName, nodeName, containers: [{ name: 'app', image: 'x' }] },
      });
    const agent = await run('agent-1', 'agent', 'here');
    await run('web-1', 'web', 'here');
    await run('till-1', 'till', 'there');
    const { status } = await client.create<KubernetesObject>(
      accounts,
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        metadata: {},
        spec: {
          audiences: ['istio-ca'],
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'agent-1', uid: agent.metadata.uid },
        },
      },
      { ref: { name: 'agent', namespace: 'shop' }, subresource: 'token' },
    );
    const { token: bound } = status as { readonly token: string };
    const unbound = await accountToken(client, { namespace: 'shop', name: 'agent' }, ['istio-ca']);
    const root = await secretText('istio-ca-secret', 'root-cert.pem');
    const { csr } = signingRequest(['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
    const ask = async (token: string, account: string): Promise<string> => {
      const stringValue = `spiffe://cluster.local/ns/shop/sa/${account}`;
      const metadata = { fields: { ImpersonatedIdentity: { stringValue } } };
      const reply = await askForCertificate(replicas[0]!.daemon.port, root, { csr, token, metadata });
      return 'chain' in reply ? (new X509Certificate(reply.chain[0] ?? '').subjectAltName ?? '') : `${reply.code}`;
    };
    await expect.poll(() => ask(bound, 'web'), patience).toBe('URI:spiffe://cluster.local/ns/shop/sa/web');
    expect(await ask(bound, 'till')).toBe('16');
    expect(await ask(unbound, 'web')).toBe('16');
    expect(await ask(await accountToken(client, { namespace: 'shop', name: 'web' }, ['istio-ca']), 'agent')).toBe('16');
  });

  test('every namespace has the roots; what is deleted or changed comes back', async () => {
    const root = await secretText('istio-ca-secret', 'root-cert.pem');
    await expect.poll(() => rootsIn('shop'), patience).toBe(root);
    const ref = { name: 'istio-ca-root-cert', namespace: 'shop' };
    const found = await find(client, configMaps, ref.name, ref.namespace);
    expect(found?.metadata.labels).toEqual({ 'istio.io/config': 'true' });
    expect(await find(client, configMaps, ref.name, 'kube-public')).toBeUndefined();
    await expect.poll(() => find(client, configMaps, 'istio-ca-crl', 'shop'), patience).toBeDefined();
    await client.delete(configMaps, ref);
    await expect.poll(() => rootsIn('shop'), patience).toBe(root);
    await client.patch(configMaps, ref, { data: { 'root-cert.pem': 'mine' } }, { type: 'merge' });
    await expect.poll(() => rootsIn('shop'), patience).toBe(root);
    await client.create(namespaces, { metadata: { name: 'late' } });
    await expect.poll(() => rootsIn('late'), patience).toBe(root);
  });

  test('the webhooks are made known to the API server, which asks them before it is strict', async () => {
    const root = await secretText('istio-ca-secret', 'root-cert.pem');
    await expect.poll(() => bundlesOf(injectors, 'istio-sidecar-injector'), patience).toEqual([root, root, root, root]);
    const policy = async (): Promise<unknown> =>
      (await find(client, validators, 'istiod-default-validator'))?.['webhooks'];
    await expect.poll(policy, patience).toMatchObject([{ failurePolicy: 'Fail' }]);
    const invalid = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'nothing', namespace: 'shop' },
      spec: { hosts: ['web'], http: [{}] },
    };
    const refusal = await client.create(istioResource('virtualservices'), invalid).catch((error: unknown) => error);
    expect(isApiError(refusal) && refusal.message).toContain('admission webhook "validation.istio.io" denied');
  });

  test('when the leader goes, another takes over; when it crashes, too', async () => {
    const holder = async (): Promise<string> => {
      const lease = await find(client, leases, 'istio-leader-default', systemNamespace);
      return (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity?.split('_')[0] ?? '';
    };
    await expect.poll(holder, patience).not.toBe('');
    const first = await holder();
    const leader = replicas.find((_, index) => `istiod-${index + 1}` === first)!;
    const follower = replicas.find((each) => each !== leader)!;
    await leader.stop();
    replicas.splice(replicas.indexOf(leader), 1);
    await expect.poll(holder, patience).not.toBe(first);
    await client.create(namespaces, { metadata: { name: 'later' } });
    const root = await secretText('istio-ca-secret', 'root-cert.pem');
    await expect.poll(() => rootsIn('later'), patience).toBe(root);

    replicas.push(await startReplica(kubernetes, 'istiod-3'));
    await follower.stop('crash');
    replicas.splice(replicas.indexOf(follower), 1);
    await client.create(namespaces, { metadata: { name: 'latest' } });
    await expect.poll(() => rootsIn('latest'), patience).toBe(root);
    expect(await holder()).toBe('istiod-3');
  }, 120_000);

  test('and all that within the rights of the install', () => {
    const complaints = replicas.flatMap(({ complaints }) => complaints);
    expect(complaints.filter((line) => /forbidden|denied/i.test(line))).toEqual([]);
  });
});
