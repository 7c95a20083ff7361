// A real Kubernetes API of a test's own: etcd and kube-apiserver on loopback ports, without nodes or controllers unless asked
// for. Ready in a few seconds, ended by process id. Users are tokens; what they may do is up to RBAC.
// https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';
import type { RunningProcess } from '../../../scripts/process.ts';

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openKubernetesClient } from '../../../src/kubernetes/client.ts';
import { findKubernetes } from '../../../scripts/kubernetes.ts';
import { freePort } from '../../../scripts/ports.ts';
import { startProcess, waitUntil } from '../../../scripts/process.ts';

/** Why tests against a real API server cannot run here, or false: for `describe.skipIf` and the name of the group. */
const found = await findKubernetes();
export const kubernetesMissing: string | false = 'missing' in found ? found.missing : false;
/** ` (skipped: ...)` where they cannot run. */
export const unlessKubernetes = kubernetesMissing === false ? '' : ` (skipped: ${kubernetesMissing})`;

export interface KubernetesOptions {
  /** Namespaces get accounts and end, owned objects are collected, EndpointSlices and ReplicaSets are made. */
  readonly controllerManager?: boolean;
  /** Names of users besides the administrator, each a member of no group: RBAC gives them what they have. */
  readonly users?: readonly string[];
  /** Further arguments of kube-apiserver. */
  readonly arguments?: readonly string[];
}

export interface TestKubernetes {
  /** Of the administrator. */
  readonly client: KubernetesClient;
  readonly kubeconfig: string;
  readonly port: number;
  /**
   * The path of a kubeconfig for one of the users, or for whoever has this token; at another port it goes through
   * whatever listens there.
   */
  readonly kubeconfigOf: (user: string | { readonly token: string }, port?: number) => Promise<string>;
  /**
   * Puts objects of a core kind right where the server keeps them, by `namespace/name`: thousands in a few seconds, as the
   * server finds them when it starts.
   */
  readonly store: (plural: string, objects: Iterable<readonly [key: string, json: string]>) => Promise<void>;
  /** Forgets all revisions but the newest: who watches from an older one is told so. */
  readonly compact: () => Promise<void>;
  /** Ends the API server; etcd keeps its data. */
  readonly stopServer: () => Promise<void>;
  readonly startServer: () => Promise<void>;
  /** Ends everything and removes it. */
  readonly stop: () => Promise<void>;
}

const controllers = [
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'root-ca-certificate-publisher-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'endpointslice-controller',
  'deployment-controller',
  'replicaset-controller',
];

/** Everything of one test file's server. */
interface Installation {
  readonly directory: string;
  readonly binaries: string;
  readonly port: number;
  readonly etcdPort: number;
  readonly tokens: ReadonlyMap<string, string>;
  readonly options: KubernetesOptions;
}

const admin = 'admin';

export async function startKubernetes(options: KubernetesOptions = {}): Promise<TestKubernetes> {
  const installation = await install(options);
  const { directory, port, etcdPort, tokens } = installation;
  const running: { etcd?: RunningProcess; server?: RunningProcess; manager?: RunningProcess } = {};
  const stop = async (): Promise<void> => {
    await client?.close();
    await Promise.all([running.manager?.stop(), running.server?.stop()]);
    await running.etcd?.stop();
    await rm(directory, { recursive: true, force: true });
  };
  let client: KubernetesClient | undefined;
  try {
    running.etcd = await startEtcd(installation);
    running.server = await startServer(installation);
    const kubeconfigOf: TestKubernetes['kubeconfigOf'] = (user, at = port) =>
      writeKubeconfig(directory, typeof user === 'string' ? (tokens.get(user) ?? '') : user.token, at);
    const kubeconfig = await kubeconfigOf(admin);
    client = await openKubernetesClient({ kubeconfig });
    if (options.controllerManager === true) running.manager = await startManager(installation, kubeconfig, client);
    return {
      client,
      kubeconfig,
      port,
      kubeconfigOf,
      store: (plural, objects) => store(etcdPort, plural, objects),
      compact: () => compact(etcdPort),
      stopServer: async () => running.server?.stop(),
      startServer: async () => {
        running.server = await startServer(installation);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function install(options: KubernetesOptions): Promise<Installation> {
  const binaries = await findKubernetes(
    process.env,
    options.controllerManager === true ? ['kube-apiserver', 'etcd', 'kube-controller-manager'] : undefined,
  );
  if ('missing' in binaries) throw new Error(binaries.missing);
  const directory = await mkdtemp(join(tmpdir(), 'keelson-kubernetes-'));
  const tokens = new Map([admin, ...(options.users ?? [])].map((user) => [user, randomBytes(16).toString('hex')]));
  const lines = [...tokens].map(
    ([user, token]) => `${token},${user},${user}${user === admin ? ',system:masters' : ''}`,
  );
  await writeFile(join(directory, 'tokens.csv'), `${lines.join('\n')}\n`);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(directory, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
  await mkdir(join(directory, 'server'));
  const [port, etcdPort] = [await freePort(), await freePort()];
  return { directory, binaries: binaries.directory, port, etcdPort, tokens, options };
}

async function startEtcd({ directory, binaries, etcdPort }: Installation): Promise<RunningProcess> {
  const url = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const etcd = startProcess('etcd', join(binaries, 'etcd'), [
    `--data-dir=${join(directory, 'etcd')}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ]);
  await waitUntil(etcd, 'healthy', async () => (await fetch(`${url}/readyz`)).ok);
  return etcd;
}

async function startServer(installation: Installation): Promise<RunningProcess> {
  const { directory, binaries, port, etcdPort, options } = installation;
  const server = startProcess('kube-apiserver', join(binaries, 'kube-apiserver'), [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    '--endpoint-reconciler-type=none',
    '--allow-privileged=true',
    '--profiling=false',
    '--authorization-mode=RBAC',
    `--token-auth-file=${join(directory, 'tokens.csv')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    // Made by the server itself, together with an authority for it.
    `--cert-dir=${join(directory, 'server')}`,
    `--service-account-key-file=${join(directory, 'sa.key')}`,
    `--service-account-signing-key-file=${join(directory, 'sa.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    // Nobody makes the accounts that Pods need.
    ...(options.controllerManager === true ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...(options.arguments ?? []),
  ]);
  await waitUntil(server, 'ready', () => isReady(port, installation.tokens.get(admin) ?? ''));
  return server;
}

/** Also when the server's own certificate is not known yet. */
function isReady(port: number, token: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const options = { rejectUnauthorized: false, headers: { authorization: `Bearer ${token}` }, timeout: 5000 };
    get(`https://127.0.0.1:${port}/readyz`, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).once('error', reject);
  });
}

async function startManager(
  { directory, binaries }: Installation,
  kubeconfig: string,
  client: KubernetesClient,
): Promise<RunningProcess> {
  const manager = startProcess('kube-controller-manager', join(binaries, 'kube-controller-manager'), [
    `--kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    '--secure-port=0',
    '--leader-elect=false',
    '--use-service-account-credentials=false',
    `--service-account-private-key-file=${join(directory, 'sa.key')}`,
    `--root-ca-file=${join(directory, 'server', 'apiserver.crt')}`,
    `--controllers=${controllers.join(',')}`,
    '--kube-api-qps=1000',
    '--kube-api-burst=2000',
  ]);
  const accounts = { group: '', version: 'v1', plural: 'serviceaccounts', namespaced: true };
  await waitUntil(manager, 'accounts made', async () => {
    await client.get(accounts, { namespace: 'default', name: 'default' });
    return true;
  });
  return manager;
}

async function writeKubeconfig(directory: string, token: string, port: number): Promise<string> {
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    'certificate-authority': join(directory, 'server', 'apiserver.crt'),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
    'current-context': 'test',
  };
  const path = join(directory, `${randomBytes(4).toString('hex')}.kubeconfig`);
  await writeFile(path, JSON.stringify(config));
  return path;
}

/** https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/ */
async function askEtcd(port: number, path: string, body: object): Promise<EtcdAnswer> {
  const answer = await fetch(`http://127.0.0.1:${port}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd: ${path}: ${await answer.text()}`);
  return (await answer.json()) as EtcdAnswer;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function compact(etcdPort: number): Promise<void> {
  const { header } = await askEtcd(etcdPort, 'kv/range', { key: base64('/') });
  await askEtcd(etcdPort, 'kv/compaction', { revision: header.revision, physical: true });
}

/** So many at once stay within what etcd takes in one request. */
const storedAtOnce = 64;

async function store(etcdPort: number, plural: string, objects: Iterable<readonly [string, string]>): Promise<void> {
  const puts = [...objects].map(([key, json]) => ({
    requestPut: { key: base64(`/registry/${plural}/${key}`), value: base64(json) },
  }));
  for (let first = 0; first < puts.length; first += storedAtOnce)
    await askEtcd(etcdPort, 'kv/txn', { success: puts.slice(first, first + storedAtOnce) });
  // What is put at once has one revision, which a server that has seen the first of it believes to know: one more by itself.
  await askEtcd(etcdPort, 'kv/txn', { success: puts.slice(-1) });
}

interface EtcdAnswer {
  readonly header: { readonly revision: string };
}
