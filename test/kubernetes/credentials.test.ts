// Every way of saying who we are, to a real API server, which says whom it takes us for: tokens in files that rotate, those
// that a Pod has, credential plugins and client certificates.
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';

import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { openKubernetesClient } from '../../src/kubernetes/client.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { openssl, p256 } from '../support/mesh/openssl.ts';
import { accountToken } from '../support/kubernetes/replicas.ts';
import { userOf } from '../support/servers/who-am-i.ts';

const accounts = { group: '', version: 'v1', plural: 'serviceaccounts', namespaced: true };
const canBePod = process.getuid?.() === 0 && process.platform === 'linux';
const minuteLater = (): unknown => vi.setSystemTime(Date.now() + 61_000);

describe.skipIf(kubernetesMissing)(`a real API server takes us for${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let directory = '';
  const file = (name: string): string => join(directory, name);
  const cluster = async (): Promise<object> => {
    const { clusters } = JSON.parse(await readFile(kubernetes.kubeconfig, 'utf8')) as { clusters: readonly { cluster: object }[] }; // prettier-ignore
    return clusters[0]?.cluster ?? {};
  };

  /** A kubeconfig with this user. */
  async function kubeconfig(user: object): Promise<string> {
    const config = {
      clusters: [{ name: 'test', cluster: await cluster() }],
      users: [{ name: 'user', user }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
      'current-context': 'test',
    };
    await writeFile(file('kubeconfig'), JSON.stringify(config));
    return file('kubeconfig');
  }

  /** Whom it takes us for, now and after `then`. */
  async function users(user: object, then: () => Promise<unknown>): Promise<readonly unknown[]> {
    const client = await openKubernetesClient({ kubeconfig: await kubeconfig(user) });
    try {
      const first = await userOf(client);
      await then();
      return [first, await userOf(client)];
    } finally {
      await client.close();
    }
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'keelson-credentials-'));
    const root = ['req', '-x509', '-newkey', ...p256, '-nodes', '-days', '1', '-subj', '/CN=people'];
    openssl(directory, ...root, '-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', 'ca.key', '-out', 'ca.pem');
    for (const name of ['ann', 'bob']) {
      openssl(directory, 'req', '-newkey', ...p256, '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', 'csr'); // prettier-ignore
      openssl(directory, 'x509', '-req', '-days', '1', '-in', 'csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.pem`); // prettier-ignore
    }
    kubernetes = await startKubernetes({ arguments: [`--client-ca-file=${file('ca.pem')}`] });
    for (const name of ['first', 'second']) {
      await kubernetes.client.create(accounts, { metadata: { name, namespace: 'default' } });
      await writeFile(file(`${name}.token`), await accountToken(kubernetes.client, { namespace: 'default', name }));
    }
  }, 120_000);
  afterAll(async () => {
    await kubernetes?.stop();
    await rm(directory, { recursive: true, force: true });
  });
  afterEach(() => vi.useRealTimers());

  const both = ['system:serviceaccount:default:first', 'system:serviceaccount:default:second'];

  it('whoever the token in a file is of, also when it has been replaced', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await copyFile(file('first.token'), file('token'));
    const rotate = async (): Promise<void> => {
      await copyFile(file('second.token'), file('token'));
      minuteLater();
    };
    expect(await users({ tokenFile: 'token' }, rotate)).toEqual(both);
  });

  it.skipIf(!canBePod)(
    `a Pod’s account, by the files of a Pod${canBePod ? '' : ' (skipped: needs root)'}`,
    async () => {
      const { port } = kubernetes;
      await writeFile(file('ca.crt'), await readFile((await cluster() as Record<string, string>)['certificate-authority'] ?? '')); // prettier-ignore
      const mounted = '/var/run/secrets/kubernetes.io/serviceaccount';
      // In a mount namespace of its own: nothing of this machine is touched.
      const script = `mkdir -p /var/run/secrets; mount -t tmpfs none /var/run/secrets && mkdir -p ${mounted} &&
      cp '${file('first.token')}' ${mounted}/token && cp '${file('ca.crt')}' ${mounted}/ca.crt && printf shop > ${mounted}/namespace &&
      exec '${process.execPath}' '${resolve(import.meta.dirname, '../support/servers/who-am-i.ts')}' '${file('second.token')}' ${mounted}/token`;
      const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) }; // prettier-ignore
      const { stdout } = await promisify(execFile)('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], { env }); // prettier-ignore
      expect(JSON.parse(stdout)).toEqual({ users: both, namespace: 'shop' });
    },
  );

  it('whomever a credential plugin vouches for, who is asked again when that has expired', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await copyFile(file('first.token'), file('plugin.token'));
    const expires = new Date(Date.now() + 60_000).toISOString();
    const credential = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"${expires}"}}`;
    await writeFile(file('plugin.sh'), `echo asked >> asked; printf '${credential}' "$(cat plugin.token)"\n`);
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', `cd '${directory}' && . ./plugin.sh`],
      interactiveMode: 'Never',
    };
    const rotate = async (): Promise<void> => {
      await copyFile(file('second.token'), file('plugin.token'));
      minuteLater();
    };
    expect(await users({ exec }, rotate)).toEqual(both);
    expect(await readFile(file('asked'), 'utf8')).toBe('asked\nasked\n');
  });

  it('whose certificate we have, also when its files have been replaced', async () => {
    const be = async (name: string): Promise<void> => {
      await copyFile(file(`${name}.pem`), file('client.pem'));
      await copyFile(file(`${name}.key`), file('client.key'));
    };
    await be('ann');
    const certificate = { 'client-certificate': file('client.pem'), 'client-key': file('client.key') };
    expect(await users(certificate, () => be('bob'))).toEqual(['ann', 'bob']);
  });

  it('nobody without any', async () => {
    const client = await openKubernetesClient({ kubeconfig: await kubeconfig({}) });
    await expect(userOf(client)).rejects.toMatchObject({ status: 403 });
    await client.close();
  });
});
