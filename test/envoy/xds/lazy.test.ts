// A stock Envoy with lazy configuration, its application's traffic redirected to it as in a Pod: it holds what was used,
// and nothing that was asked for the first time is answered otherwise than with the full configuration.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, test } from 'vitest';

import { envoyBinary } from '../../../scripts/envoy.ts';
import type { Lab } from '../../support/mesh/lab.ts';
import { startLab } from '../../support/mesh/lab.ts';
import { versions, virtualService } from '../../support/objects/rules.ts';
import { whoOf } from '../../support/mesh/traffic.ts';
import { inOwnNetwork } from '../../../bench/envoy-side/intercepted.ts';

const [command = '', ...before] = inOwnNetwork ?? [];

interface Held {
  readonly clusters: readonly string[];
  readonly virtualHosts: readonly string[];
  readonly listeners: readonly string[];
}
interface Answer {
  readonly status: number;
  readonly instance: string;
}
interface Facts {
  readonly switchedOff: Held;
  readonly withoutLazy: readonly (string | number)[];
  readonly withLazyAgain: readonly (string | number)[];
  readonly atFirst: Held;
  readonly afterUse: Held;
  readonly first: readonly Answer[];
  readonly burst: readonly number[];
  readonly otherNames: readonly number[];
  readonly tcp: readonly string[];
  readonly tcpUnknown: string;
  readonly unknown: Answer;
  readonly odd: readonly number[];
  readonly before: Answer;
  readonly appeared: Answer;
  readonly sentAgain: number;
  readonly afterRestart: readonly Answer[];
  readonly gone: Answer;
  readonly unseenAfterRestart: number;
  readonly refused: readonly number[];
  readonly tcpRefused: string;
  readonly stillKnown: number;
  readonly complaints: readonly string[];
  readonly rejections: readonly string[];
}

let facts: Facts;
beforeAll(async () => {
  if (inOwnNetwork === undefined) return;
  const scenario = fileURLToPath(new URL('../../../bench/envoy-side/lazy-scenario.ts', import.meta.url));
  const env = { ...process.env, ENVOY: await envoyBinary() };
  const { stdout } = await promisify(execFile)(command, [...before, process.execPath, scenario], { env });
  facts = JSON.parse(stdout) as Facts;
}, 120_000);

const fine = (count: number) => Array.from({ length: count }, () => 200);

describe.skipIf(inOwnNetwork === undefined)('in a mesh of 100 HTTP services and 20 TCP services', () => {
  test('nothing of them is there at first', () => {
    expect(facts.atFirst).toMatchObject({ clusters: [], virtualHosts: [] });
    expect(facts.atFirst.listeners).toEqual(['0.0.0.0_80', 'virtualInbound', 'virtualOutbound']);
  });

  test('the first requests succeed', () => {
    expect(facts.first.map(({ status }) => status)).toEqual(fine(5));
    expect(new Set(facts.first.map(({ instance }) => instance)).size).toBe(5);
  });

  test('the five services that were used are there, and no other', () => {
    const host = /svc-\d{4}\.mesh-\d/;
    const hosts = (names: readonly string[]) => new Set(names.map((name) => host.exec(name)?.[0]));
    const used = new Set([
      'svc-0003.mesh-3',
      'svc-0014.mesh-4',
      'svc-0015.mesh-5',
      'svc-0040.mesh-0',
      'svc-0099.mesh-9',
    ]);
    expect(facts.afterUse.virtualHosts).toHaveLength(5);
    expect(hosts(facts.afterUse.virtualHosts)).toEqual(used);
    expect(hosts(facts.afterUse.clusters)).toEqual(used);
  });

  test('fifty requests at once for a host that was not used before are answered', () => {
    expect(facts.burst).toEqual(fine(50));
  });

  test('a service answers to all its names', () => {
    expect(facts.otherNames).toEqual(fine(6));
  });

  test('a TCP connection reaches its service by the address, without a listener for it', () => {
    expect(facts.tcp).toEqual(['10.103.0.3', '10.103.0.6']);
  });

  test('what nobody knows is let through', () => {
    expect([facts.unknown.status, facts.unknown.instance]).toEqual([200, '10.200.0.1']);
    expect(facts.tcpUnknown).toBe('10.97.9.9');
  });

  test('what is no host takes nothing from others', () => {
    expect(facts.odd.slice(0, 2)).toEqual([404, 404]);
    expect(facts.odd[2]).toBeGreaterThanOrEqual(400);
  });

  test('a service that appears is known where it was asked for before, and unknown again when it is gone', () => {
    expect(facts.before.instance).toBe('10.96.200.1');
    expect(facts.appeared.instance).toBe('10.104.0.1');
    expect(facts.gone.instance).toBe('10.96.200.1');
  });

  test('a new control plane sends nothing again', () => {
    expect(facts.sentAgain).toBe(0);
    expect(facts.afterRestart.map(({ status }) => status)).toEqual(fine(6));
    expect(facts.unseenAfterRestart).toBe(200);
  });

  test('what nobody knows is refused once the mesh says so', () => {
    expect(facts.refused).toEqual([502, 502]);
    expect(facts.tcpRefused).toBe('');
    expect(facts.stillKnown).toBe(200);
  });

  test('it can be switched off and on while the proxy runs', () => {
    expect(facts.switchedOff.virtualHosts).toHaveLength(101);
    expect(facts.switchedOff.listeners).toHaveLength(23);
    expect(facts.withoutLazy).toEqual(['10.103.0.3', '10.103.0.10', 200, 200]);
    expect(facts.withLazyAgain).toEqual(facts.withoutLazy);
  });

  test('nothing was rejected', () => {
    expect(facts.complaints).toEqual([]);
    expect(facts.rejections).toEqual([]);
  });
});

describe('behind listeners that a Sidecar object opens', () => {
  const lazyLab = `
apiVersion: v1
kind: Namespace
metadata: { name: lab, labels: { keelson.io/lazy: 'true' } }
`;

  test('routes are fetched and follow their rules, over mutual TLS', async () => {
    const lab = await startLab({
      workloads: [{ name: 'store-v1', sidecar: true }, 'store-v2', 'audit-v1'],
      files: { 'lazy.yaml': lazyLab, 'subsets.yaml': versions('store') },
    });
    try {
      const rule = (subset: string) =>
        virtualService('store', `http: [{ route: [{ destination: { host: store, subset: ${subset} } }] }]`);
      await lab.mesh.change('rule.yaml', rule('v1'));
      expect(whoOf(await lab.call('store'))).toBe('store-v1');
      await lab.mesh.change('rule.yaml', rule('v2'));
      expect(whoOf(await lab.call('store'))).toBe('store-v2');
      expect(await virtualHosts(lab)).toEqual(['18080/store.lab.svc.cluster.local:18080']);
      expect(whoOf(await lab.call('audit.lab'))).toBe('audit-v1');
      expect(lab.mesh.daemon.rejections()).toEqual([]);
      expect(lab.mesh.complaints).toEqual([]);
    } finally {
      await lab.stop();
    }
  });

  async function virtualHosts({ mesh }: Lab): Promise<readonly string[]> {
    const dump = (await mesh.envoys.get('caller')?.admin('/config_dump?resource=dynamic_route_configs')) ?? '';
    return [...dump.matchAll(/"name": "(18080\/[^"]+)"/g)].map(([, name = '']) => name);
  }
});
