// What docs/diff.md says to type before an upgrade, run as it stands there: over a real API server with objects of every API that
// is read, a daemon and a proxy. The same version changes nothing; a change that came after the files were written is told.
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../../scripts/ports.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { kindRows } from '../../src/watchers/kinds.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { connectProxy, webProxy } from '../support/kubernetes/proxies.ts';
import type { Replica } from '../support/kubernetes/replicas.ts';
import { install, resources, startReplica } from '../support/kubernetes/replicas.ts';
import type { DeltaClient } from '../xds/ads-client.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const hasKubectl = await run('kubectl', ['version', '--client']).then(
  () => true,
  () => false,
);

const page = await readFile(join(root, 'docs/diff.md'), 'utf8');
const [, typed = ''] = /## Before an upgrade[^]*?```sh\n([^]*?)```/.exec(page) ?? [];

const objects = `
apiVersion: v1
kind: Service
metadata: { name: store, namespace: shop }
spec: { selector: { app: store }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: store, namespace: shop }
spec: { hosts: [store], http: [{ timeout: 5s, route: [{ destination: { host: store } }] }] }
---
apiVersion: policy.keelson.io/v1alpha1
kind: RateLimitPolicy
metadata: { name: few, namespace: shop }
spec: { targetRefs: [{ kind: Service, name: store }], local: [{ requests: 5, interval: 1m }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: store, namespace: shop }
spec: { ingressClassName: istio, defaultBackend: { service: { name: store, port: { number: 80 } } } }
`;

test('the kinds that are typed are all that are read, but for Secrets', () => {
  const [, first = ''] = /kinds='(.*)'/.exec(typed) ?? [];
  const [, more = ''] = /kinds="\$kinds(.*)"/.exec(typed) ?? [];
  const wanted = new RegExp(first + more);
  const names = kindRows.map(({ plural, group }) => (group === '' ? plural : `${plural}.${group}`));
  expect(names.filter((name) => !wanted.test(name))).toEqual(['secrets']);
});

describe.skipIf(kubernetesMissing || !hasKubectl)(`before an upgrade${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let replica: Replica;
  let proxy: DeltaClient;
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'upgrade-'));
    kubernetes = await startKubernetes();
    const { client } = kubernetes;
    await install(client, await freePort());
    await client.create(resources.namespaces, { metadata: { name: 'shop' } });
    await client.create(resources.accounts, { metadata: { name: 'web', namespace: 'shop' } });
    await writeFile(join(directory, 'shop.yaml'), objects);
    await kubectl('apply', '--filename', join(directory, 'shop.yaml'));
    replica = await startReplica(kubernetes, 'istiod-1', { monitoringAddress: '127.0.0.1:0' });
    proxy = await connectProxy(client, replica.daemon.port, webProxy('web-1'));
    proxy.subscribe(resourceTypes.cluster);
    proxy.ack(await proxy.nextOf(resourceTypes.cluster));
    await mkdir(join(directory, 'bin'));
    const command = join(directory, 'bin', 'keelson');
    await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'src/cli/keelson.ts')}' "$@"\n`);
    await chmod(command, 0o755);
  }, 180_000);
  afterAll(async () => {
    proxy?.close();
    await replica?.stop();
    await kubernetes?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const environment = () => ({
    ...process.env,
    KUBECONFIG: kubernetes.kubeconfig,
    PATH: [join(directory, 'bin'), process.env['PATH']].join(delimiter),
  });
  const kubectl = (...args: readonly string[]) =>
    run('kubectl', args, { env: { ...process.env, KUBECONFIG: kubernetes.kubeconfig } });

  /** In an empty directory, but for the port. */
  async function preview(script: string): Promise<string> {
    const cwd = await mkdtemp(join(directory, 'run-'));
    const here = script.replaceAll('15014', String(replica.daemon.monitoringPort));
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', here], { cwd, env: environment() }).catch(
      (error: unknown) => {
        const { code, stdout: said } = error as { code: number; stdout: string };
        if (code === 1) return { stdout: said };
        throw error;
      },
    );
    return stdout;
  }

  test('the same version changes nothing', { timeout: 120_000 }, async () => {
    expect(await preview(typed)).toContain('0 of 1 proxies change');
  });

  test('what would be otherwise is told', { timeout: 120_000 }, async () => {
    const change = "sed -i 's/timeout: 5s/timeout: 9s/' objects/cluster.yaml\n";
    const said = await preview(typed.replace('keelson diff', `${change}keelson diff`));
    expect(said).toContain('1 of 1 proxies change');
    expect(said).toContain('VirtualService shop/store spec.http[0].timeout');
  });
});
