// The reflector against a real API server, with a proxy in between that misbehaves.
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import type { Reflected } from '../support/kubernetes/reflected.ts';
import type { TcpProxy } from '../support/servers/tcp-proxy.ts';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { openKubernetesClient } from '../../src/kubernetes/client.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { startReflector } from '../support/kubernetes/reflected.ts';
import { startTcpProxy } from '../support/servers/tcp-proxy.ts';

const configMaps = { group: '', version: 'v1', plural: 'configmaps', namespaced: true };
const configMap = (name: string, value = 'x'): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data: { value },
});
const ref = (name: string) => ({ name, namespace: 'default' });

describe.skipIf(kubernetesMissing)(`a reflector of a real API server${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let proxy: TcpProxy;
  let client: KubernetesClient;
  let reflected: Reflected;
  const valueOf = (name: string): unknown =>
    (reflected.objects.get(`default/${name}`)?.['data'] as { value?: string })?.value;
  const create = (name: string, value?: string) => kubernetes.client.create(configMaps, configMap(name, value));
  const remove = (name: string) => kubernetes.client.delete(configMaps, ref(name));

  beforeAll(async () => {
    kubernetes = await startKubernetes();
  }, 120_000);
  afterAll(() => kubernetes?.stop());

  beforeEach(async () => {
    proxy = await startTcpProxy(kubernetes.port);
    client = await openKubernetesClient({
      kubeconfig: await kubernetes.kubeconfigOf('admin', proxy.port),
      limits: { pingMs: 300, pongMs: 300 },
    });
    reflected = startReflector(client, configMaps);
    await reflected.listed();
  });
  afterEach(async () => {
    await reflected.stop();
    await client.close();
    await proxy.stop();
  });

  it('sees what is created, changed and deleted', async () => {
    await create('seen', '1');
    await reflected.eventually(() => expect(valueOf('seen')).toBe('1'));
    await kubernetes.client.patch(configMaps, ref('seen'), { data: { value: '2' } }, { type: 'merge' });
    await reflected.eventually(() => expect(valueOf('seen')).toBe('2'));
    await remove('seen');
    await reflected.eventually(() => expect(reflected.objects.has('default/seen')).toBe(false));
    expect([reflected.lists(), reflected.watches(), proxy.accepted()]).toEqual([1, 1, 1]);
  });

  it('resumes where a broken connection left it, and lists nothing again', async () => {
    proxy.refuse(true);
    proxy.cut();
    await create('cut', '1');
    await create('gone-meanwhile');
    await remove('gone-meanwhile');
    proxy.refuse(false);
    await reflected.eventually(() => expect(valueOf('cut')).toBe('1'));
    await remove('cut');
    await reflected.eventually(() => expect(reflected.objects.has('default/cut')).toBe(false));
    expect(reflected.lists()).toBe(1);
  });

  it('loses nothing of a quiet kind when the connection dies without a word', async () => {
    proxy.silence();
    await create('after-silence', '1');
    await reflected.eventually(() => expect(valueOf('after-silence')).toBe('1'));
    expect([reflected.lists(), proxy.accepted()]).toEqual([1, 2]);
    await remove('after-silence');
  });

  it('watches on at once when the server ends a watch in good order', async () => {
    const short = startReflector(client, configMaps, { watchSeconds: 1, initialListSeconds: 1 });
    await short.eventually(() => expect(short.watches()).toBeGreaterThanOrEqual(4));
    await create('between-watches');
    await short.eventually(() => expect(short.objects.has('default/between-watches')).toBe(true));
    await short.stop();
    expect(short.lists()).toBe(1);
    expect(short.states.map(({ kind }) => kind)).toEqual(['following']);
    await remove('between-watches');
  });

  it('reads answers that arrive a few bytes at a time, and does not take slow for dead', async () => {
    proxy.slow(7);
    const slow = startReflector(client, configMaps);
    await create('slow', 'ä'.repeat(200));
    await slow.eventually(() =>
      expect(slow.objects.get('default/slow')).toHaveProperty('data', { value: 'ä'.repeat(200) }),
    );
    expect(slow.lists()).toBe(1);
    await slow.stop();
    await remove('slow');
  });

  it('lists in pages where lists are not streamed', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await create(name);
    const limits: (number | undefined)[] = [];
    const unstreamed: Pick<KubernetesClient, 'list' | 'watch'> = {
      list: (resource, options) => {
        limits.push(options?.limit);
        return client.list(resource, { ...options, limit: 1 });
      },
      watch: (resource, { sendInitialEvents, ...options }) => {
        // What a server says that has streaming lists switched off.
        const refused = sendInitialEvents === true ? { resourceVersionMatch: 'NotOlderThan' } : {};
        return client.watch(resource, { ...options, ...refused });
      },
    };
    const paged = startReflector(unstreamed, configMaps);
    await paged.eventually(() => expect(paged.lists()).toBe(1));
    expect([...paged.objects.keys()].toSorted()).toEqual([...reflected.objects.keys()].toSorted());
    expect(limits.length).toBeGreaterThan(2);
    expect(
      [...paged.objects.values()].every(({ kind, apiVersion }) => kind === 'ConfigMap' && apiVersion === 'v1'),
    ).toBe(true);
    await create('after-pages');
    await paged.eventually(() => expect(paged.objects.has('default/after-pages')).toBe(true));
    await paged.stop();
    for (const name of ['page-1', 'page-2', 'page-3', 'after-pages']) await remove(name);
  });

  it('keeps what it has while the API server is down, and lists anew when too much has changed since', async () => {
    await create('survivor');
    await reflected.eventually(() => expect(reflected.objects.has('default/survivor')).toBe(true));
    proxy.refuse(true);
    proxy.cut();
    await remove('survivor');
    for (const name of ['new-1', 'new-2']) await create(name);
    await kubernetes.stopServer();
    await kubernetes.compact();
    proxy.refuse(false);
    await reflected.eventually(() => expect(reflected.states.at(-1)?.kind).toBe('unreachable'));
    expect(reflected.objects.has('default/survivor')).toBe(true);
    await kubernetes.startServer();
    await reflected.eventually(() => expect(reflected.objects.has('default/new-2')).toBe(true));
    expect(reflected.objects.has('default/survivor')).toBe(false);
    expect(reflected.lists()).toBe(2);
    for (const name of ['new-1', 'new-2']) await remove(name);
  }, 90_000);

  it('says so when the resource is not served', async () => {
    const none = startReflector(client, {
      group: 'networking.istio.io',
      version: 'v1',
      plural: 'gateways',
      namespaced: true,
    });
    expect(await none.ended).toBe('not served');
    expect(none.lists()).toBe(0);
  });
});
