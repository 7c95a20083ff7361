// A kind of which nothing happens for a long time, while much happens elsewhere, its history is thrown away, and one of two
// connections dies without a word: nothing is lost, and nothing is listed again. A few seconds by default; `make test-quiet`
// takes ten minutes, at the pace that is kept in earnest.
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { Pace } from '../../src/kubernetes/pace.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import type { Reflected } from '../support/kubernetes/reflected.ts';
import type { TcpProxy } from '../support/servers/tcp-proxy.ts';

import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openKubernetesClient } from '../../src/kubernetes/client.ts';
import { defaultPace } from '../../src/kubernetes/pace.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';
import { startReflector } from '../support/kubernetes/reflected.ts';
import { startTcpProxy } from '../support/servers/tcp-proxy.ts';

const minutes = Number(process.env['QUIET_MINUTES'] ?? 0.15);
const isEarnest = minutes >= 1;
const pace: Partial<Pace> = isEarnest ? defaultPace : { watchSeconds: 2, initialListSeconds: 2 };

const quotas = { group: '', version: 'v1', plural: 'resourcequotas', namespaced: true };
const configMaps = { group: '', version: 'v1', plural: 'configmaps', namespaced: true };
const ref = (name: string) => ({ name, namespace: 'default' });

describe.skipIf(kubernetesMissing)(`a kind that is quiet for ${minutes} minutes${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  let proxy: TcpProxy;
  let throughProxy: KubernetesClient;
  const reflectors: Reflected[] = [];

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    proxy = await startTcpProxy(kubernetes.port);
    throughProxy = await openKubernetesClient({
      kubeconfig: await kubernetes.kubeconfigOf('admin', proxy.port),
      limits: isEarnest ? {} : { pingMs: 300, pongMs: 300 },
    });
  }, 120_000);
  afterAll(async () => {
    for (const reflected of reflectors) await reflected.stop();
    await throughProxy?.close();
    await proxy?.stop();
    await kubernetes?.stop();
  });

  const make = (name: string) => kubernetes.client.create(quotas, { metadata: ref(name) });

  /** Something else changes sixty times a part; then what was is forgotten. */
  async function busyPart(part: number): Promise<void> {
    for (let change = 0; change < 60; change++) {
      await kubernetes.client.patch(configMaps, ref('busy'), { data: { at: `${part}.${change}` } }, { type: 'merge' });
      await delay((minutes * 60_000) / 3 / 60);
    }
    await kubernetes.compact();
  }

  it(
    'loses nothing',
    async () => {
      await make('from-before');
      await make('to-go');
      await kubernetes.client.create(configMaps, { metadata: ref('busy') });
      for (const client of [kubernetes.client, throughProxy]) reflectors.push(startReflector(client, quotas, pace));
      for (const reflected of reflectors) await reflected.listed();
      await busyPart(1);
      proxy.silence();
      await busyPart(2);
      proxy.silence();
      await busyPart(3);
      await make('at-last');
      await kubernetes.client.delete(quotas, ref('to-go'));
      for (const reflected of reflectors) {
        const names = (): readonly string[] => [...reflected.objects.keys()].toSorted();
        await reflected.eventually(() => expect(names()).toEqual(['default/at-last', 'default/from-before']));
        expect(reflected.lists()).toBe(1);
        expect(reflected.watches()).toBeGreaterThanOrEqual(2);
        expect(reflected.states.filter(({ kind }) => kind !== 'following')).toEqual([]);
      }
      expect(proxy.accepted()).toBe(3);
    },
    (minutes + 3) * 60_000,
  );
});
