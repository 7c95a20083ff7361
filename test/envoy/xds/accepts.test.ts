// A stock Envoy takes everything that is made: no rejection, every listener in force, for all golden cases and for the
// configuration of the demo.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { describe, expect, test } from 'vitest';

import { bookshopPods, podsFile } from '../../../demo/pods.ts';
import { nodeOfProxy } from '../../../src/cli/mesh/offline.ts';
import { installation } from '../../../src/daemon/mesh/installation.ts';
import { noKeySets } from '../../../src/model/external/key-source.ts';
import { translate } from '../../../src/translate/translate.ts';
import { loadConfig } from '../../../src/watchers/files/load-config.ts';
import { acceptance } from '../../support/mesh/acceptance.ts';
import { goldenCases } from '../../support/objects/golden-cases.ts';
import { ownNetwork, whyNoNetwork } from '../../support/mesh/network-namespace.ts';
import { ownModules } from '../../support/servers/own-modules.ts';
import { configuration } from '../../xds/mesh.ts';
import { adsSource, answering, cluster, endpoints, listener } from './messages.ts';

if (ownNetwork === undefined) process.stderr.write(`skipped: ${whyNoNetwork}\n`);

const taken = { nacks: [], inactive: [], state: 'LIVE' };

async function answerTo(config: readonly string[], proxy: string) {
  const { snapshot } = await loadConfig(config);
  const node = nodeOfProxy(proxy, snapshot);
  const configuration = translate(snapshot, installation(), noKeySets, ownModules).configuration(node);
  if (configuration === undefined) throw new Error(`there is nothing for ${proxy}`);
  return acceptance(node, configuration);
}

describe.skipIf(ownNetwork === undefined)('a stock Envoy takes all of', { timeout: 60_000 }, () => {
  test.each(goldenCases.map((each) => [each.name, each] as const))('golden/%s', async (_name, { input, proxy }) => {
    expect(await answerTo([input], proxy)).toEqual(taken);
  });

  test('the demo', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'keelson-accepts-'));
    const pods = await bookshopPods(() => Promise.resolve(8080));
    const config = resolve(import.meta.dirname, '../../../demo/config');
    await writeFile(join(directory, 'pods.yaml'), podsFile(pods, meshPort(config)));
    try {
      for (const name of ['front-v1', 'store-v2'])
        expect(await answerTo([config, directory], `${name}.bookshop`), name).toEqual(taken);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe.skipIf(ownNetwork === undefined)('and it is noticed', { timeout: 60_000 }, () => {
  const node = { id: 'sidecar~127.0.0.1~web.shop~shop.svc', cluster: 'web', metadata: { NAMESPACE: 'shop' } };

  test('when it does not', async () => {
    const bad = cluster('bad', { connect_timeout: '-1s' });
    const parts = { cluster: [cluster('good'), bad], endpoint: [endpoints('good', 1), endpoints('bad', 1)] };
    const { nacks } = await acceptance(node, configuration(parts));
    expect(nacks).toMatchObject([{ type: 'Cluster', resources: ['bad'] }]);
    expect(nacks[0]?.error).toContain('Expected positive duration');
  });

  test('when an address cannot be bound', async () => {
    const two = { listener: [listener('one', 8080, answer), listener('two', 8080, answer)] };
    const { nacks } = await acceptance(node, configuration(two));
    expect(nacks).toMatchObject([{ type: 'Listener', resources: ['two'] }]);
  });

  test('when something is missing', async () => {
    const rds = { rds: { config_source: adsSource, route_config_name: 'nowhere' } };
    const { state } = await acceptance(node, configuration({ listener: [listener('web', 8080, rds)] }), 2);
    expect(state).not.toBe('LIVE');
  });
});

const answer = { route_config: { name: 'answer', virtual_hosts: [answering('yes')] } };

const meshPort = (config: string): number =>
  Number(/port: (\d+)/.exec(readFileSync(join(config, 'services.yaml'), 'utf8'))?.[1]);
