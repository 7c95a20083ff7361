// A real API server takes the install, and takes or refuses objects as `keelson validate` does: by the schemas and rules of
// the CRDs, and by the validation webhook.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { createRoot, openAuthority } from '../../src/ca/authority.ts';
import { serverIdentity } from '../../src/ca/server-identity.ts';
import { findMessage } from '../../src/xds/codec/descriptors.ts';
import { isApiError } from '../../src/kubernetes/api-error.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import { openKubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import { startDaemon } from '../../src/main.ts';
import { customResourceDefinitions } from '../../src/manifests/crd/definitions.ts';
import { installObjects } from '../../src/manifests/install.ts';
import { defaultValues, readValues } from '../../src/manifests/values/values.ts';
import { findKind, kindRows } from '../../src/watchers/kinds.ts';
import { parse } from '../../src/watchers/parse.ts';
import type { WebhookServer } from '../../src/webhooks/server.ts';
import { createWebhookServer } from '../../src/webhooks/server.ts';
import { validationHandler } from '../../src/webhooks/validate.ts';
import { edgeObjects } from './edge-objects.ts';
import { goldenCases } from '../support/objects/golden-cases.ts';
import type { Applied } from '../support/kubernetes/install.ts';
import { applyDefinitions, applyObjects } from '../support/kubernetes/install.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';

const recorded = join(import.meta.dirname, '../../../shared/parity/scenarios');
const namespaces = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };

describe.skipIf(kubernetesMissing !== false)(`a real API server${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let client: KubernetesClient;
  let server: WebhookServer;
  let stopIdentity = (): void => {};

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    client = kubernetes.client;
    await applyDefinitions(client, customResourceDefinitions());
  });
  afterAll(async () => {
    stopIdentity();
    await server?.close();
    await kubernetes?.stop();
  });

  test('takes the install as it is, and with every option', async () => {
    await applyObjects(client, installObjects(defaultValues, { crds: false }));
    const { values } = readValues([
      {
        revision: 'canary',
        revisionTags: ['next'],
        defaultRevision: '',
        autoscaleMin: 2,
        gateways: { 'istio-ingressgateway': { enabled: false } },
        global: { networkPolicy: { enabled: true }, imagePullSecrets: ['pull'], priorityClassName: 'system-cluster-critical' },
        experimental: { stableValidationPolicy: true },
        sidecarInjectorWebhook: { enableNamespacesByDefault: true },
      },
    ]);
    await applyObjects(client, installObjects(values, { crds: false }));
  });

  test('gives the control plane the rights to what it reads and writes', async () => {
    await applyObjects(client, installObjects(defaultValues, { crds: false }));
    const reviews = { group: 'authorization.k8s.io', version: 'v1', plural: 'subjectaccessreviews', namespaced: false };
    const may = async (verb: string, group: string, resource: string, subresource = ''): Promise<boolean> => {
      const spec = {
        user: 'system:serviceaccount:istio-system:istiod',
        resourceAttributes: { verb, group, resource, subresource },
      };
      const { status } = await client.create<KubernetesObject>(reviews, { metadata: {}, spec });
      return (status as { readonly allowed: boolean }).allowed;
    };
    const missing: string[] = [];
    for (const { group, plural } of kindRows)
      for (const verb of ['get', 'list', 'watch'])
        if (!(await may(verb, group, plural))) missing.push(`${verb} ${plural}.${group}`);
    for (const { group, plural } of kindRows.filter(({ group }) => group.endsWith('.istio.io')))
      if (!(await may('patch', group, plural, 'status'))) missing.push(`patch ${plural}/status.${group}`);
    expect(missing).toEqual([]);
    expect([await may('delete', '', 'pods'), await may('update', '', 'secrets')]).toEqual([false, false]);
  });

  test('lets the control plane run under the account of the install', async () => {
    await applyObjects(client, installObjects(defaultValues, { crds: false }));
    const account = await openKubernetesClient({ kubeconfig: await kubeconfigOfAccount(kubernetes) });
    const state = await mkdtemp(join(tmpdir(), 'keelson-install-'));
    const faults: unknown[] = [];
    const note = (message: string, fields?: object): void => void faults.push([message, fields]);
    const daemon = await startDaemon({
      config: account,
      state,
      xdsAddress: '127.0.0.1:0',
      webhookAddress: '127.0.0.1:0',
      log: { info: () => {}, warn: note, error: note },
      onProblems: () => {},
    });
    expect(faults).toEqual([]);
    expect(daemon.problems().filter(({ message }) => /forbidden|may not|denied/i.test(message))).toEqual([]);
    await daemon.close();
    await account.close();
    await rm(state, { recursive: true });
  });

  test('refuses by the CRDs alone nothing that the parser accepts', async () => {
    const refused = new Map<string, string>();
    for (const object of edgeObjects) {
      const refusal = await refusalOf(client, object);
      if (refusal !== undefined) refused.set(JSON.stringify([object.kind, object['spec']]), refusal);
    }
    const isFine = (object: Applied): boolean => parse(object).problems.every(({ severity }) => severity !== 'error');
    const fine = edgeObjects.filter(isFine).map((object) => JSON.stringify([object.kind, object['spec']]));
    expect(fine.filter((key) => refused.has(key)).map((key) => `${key}: ${refused.get(key)}`)).toEqual([]);
    // And that is a good part of what there is to refuse.
    expect(refused.size).toBeGreaterThan((edgeObjects.length - fine.length) / 2);
  });

  describe('with the validation webhook', () => {
    beforeAll(async () => {
      const authority = await openAuthority(await createRoot('cluster.local', Date.now(), 3_600_000));
      const identity = serverIdentity({ authority, onFault: () => {} });
      stopIdentity = identity.stop;
      await identity.ready;
      server = createWebhookServer({
        tls: identity,
        validate: validationHandler({ context: { findMessage } }),
        onFault: (error) => expect.unreachable(String(error)),
      });
      const port = await server.listen('127.0.0.1:0');
      await applyObjects(client, [reachedAt(port, authority.roots)]);
      await untilAsked(client);
    });

    test('decides about the golden cases as the parser does', async () => {
      const differences: string[] = [];
      for (const { name, input } of goldenCases) {
        for (const object of istioObjects(input)) {
          const isValid = parse(object, { context: { findMessage } }).problems.every(({ severity }) => severity !== 'error');
          const refusal = await refusalOf(client, object);
          if ((refusal === undefined) !== isValid) differences.push(`${name} ${object.metadata.name}: ${refusal}`);
        }
      }
      expect(differences).toEqual([]);
    });

    test.skipIf(!existsSync(recorded))('decides about recorded scenarios as Istio did', { timeout: 300_000 }, async () => {
      const differences: string[] = [];
      let asked = 0;
      for (const file of readdirSync(recorded, { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('input.yaml')) continue;
        const refused = rejectedIn(join(recorded, dirname(file)));
        for (const object of istioObjects(join(recorded, file))) {
          const isRefused = refused.has(`${object.kind} ${object.metadata.namespace ?? 'default'}/${object.metadata.name}`);
          const refusal = await refusalOf(client, object);
          asked += 1;
          if ((refusal !== undefined) !== isRefused) differences.push(`${file} ${object.metadata.name}: ${refusal}`);
        }
      }
      expect(differences).toEqual([]);
      expect(asked).toBeGreaterThan(100);
    });

    test('tells what is doubtful beside accepting it, and refuses what nobody meant by the CRD alone', async () => {
      const portLevel = {
        apiVersion: 'security.istio.io/v1',
        kind: 'PeerAuthentication',
        metadata: { name: 'ports', namespace: 'default' },
        spec: { portLevelMtls: { 80: { mode: 'STRICT' } } },
      };
      expect(await refusalOf(client, portLevel)).toContain('portLevelMtls requires a selector');
      const selector = { matchLabels: { app: 'web' } };
      expect(await refusalOf(client, { ...portLevel, spec: { ...portLevel.spec, selector } })).toBeUndefined();
    });
  });
});

/** A kubeconfig with a token of the control plane's account, as its Pod would have one. */
async function kubeconfigOfAccount({ client, kubeconfig }: TestKubernetes): Promise<string> {
  const accounts = { group: '', version: 'v1', plural: 'serviceaccounts', namespaced: true };
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: {} };
  const ref = { name: 'istiod', namespace: 'istio-system' };
  const { status } = await client.create<KubernetesObject>(accounts, request, { ref, subresource: 'token' });
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8')) as { users: { user: object }[] };
  for (const user of config.users) user.user = { token: (status as { readonly token: string }).token };
  const file = `${kubeconfig}.account`;
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** The default validator of the install, asked at a port of this machine; and closed, so that no answer is a refusal. */
function reachedAt(port: number, roots: string): object {
  const validator = (installObjects(defaultValues, { crds: false }) as readonly Applied[]).find(
    ({ metadata }) => metadata.name === 'istiod-default-validator',
  );
  const [webhook] = (validator as unknown as { readonly webhooks: readonly object[] }).webhooks;
  const clientConfig = { url: `https://127.0.0.1:${port}/validate`, caBundle: Buffer.from(roots).toString('base64') };
  return {
    ...validator,
    metadata: { name: 'validator-of-the-test' },
    webhooks: [{ ...webhook, clientConfig, failurePolicy: 'Fail' }],
  };
}

/** The API server learns of a webhook some time after it was made. */
async function untilAsked(client: KubernetesClient): Promise<void> {
  const always = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'no', namespace: 'default', annotations: { 'internal.istio.io/webhook-always-reject': 'true' } },
    spec: {},
  };
  for (let tries = 0; tries < 200; tries++) {
    if ((await refusalOf(client, always))?.includes('always refused') === true) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the webhook is not asked');
}

const istioObjects = (file: string): readonly Applied[] =>
  parseAllDocuments(readFileSync(file, 'utf8'))
    .map((document) => document.toJSON() as Applied | null)
    .filter((object): object is Applied => object?.apiVersion?.includes('.istio.io/') === true);

const known = new Set<string>();

/** Why the API server does not take it, or undefined. Nothing is stored. */
async function refusalOf(client: KubernetesClient, object: Applied): Promise<string | undefined> {
  const row = findKind(object.apiVersion, object.kind);
  if (row === undefined) throw new Error(`${object.apiVersion} ${object.kind} is no kind`);
  const [, version = ''] = object.apiVersion.split('/');
  const namespace = object.metadata.namespace ?? 'default';
  if (!known.has(namespace)) {
    await client.create(namespaces, { metadata: { name: namespace } }).catch(() => {});
    known.add(namespace);
  }
  const { resourceVersion: _, uid: __, creationTimestamp: ___, ...metadata } = object.metadata;
  const resource = { group: row.group, version, plural: row.plural, namespaced: true };
  const created = { ...object, metadata: { ...metadata, namespace } };
  return client.create(resource, created, { dryRun: true, strict: true }).then(
    () => undefined,
    (error: unknown) => {
      if (!isApiError(error) || error.status === 0 || error.status >= 500) throw error;
      return error.message;
    },
  );
}

function rejectedIn(folder: string): ReadonlySet<string> {
  const file = join(folder, 'expected', 'rejected.json');
  if (!existsSync(file)) return new Set();
  const rejected = JSON.parse(readFileSync(file, 'utf8')) as readonly { kind: string; namespace: string; name: string }[];
  return new Set(rejected.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`));
}
