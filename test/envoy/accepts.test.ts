// A stock Envoy takes everything that is made: no rejection, every listener in force, for all golden cases and for the
// configuration of the demo.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { describe, expect, test } from 'vitest';

import { bookshopPods, podsFile } from '../../demo/pods.ts';
import { nodeOfProxy } from '../../src/cli/offline.ts';
import { translate } from '../../src/translate/translate.ts';
import { loadConfig } from '../../src/watchers/load-config.ts';
import { acceptance } from '../support/acceptance.ts';
import { goldenCases } from '../support/golden-cases.ts';
import { ownNetwork, whyNoNetwork } from '../support/network-namespace.ts';

if (ownNetwork === undefined) process.stderr.write(`skipped: ${whyNoNetwork}\n`);

const taken = { nacks: [], inactive: [], state: 'LIVE' };

async function answerTo(config: readonly string[], proxy: string) {
  const { snapshot } = await loadConfig(config);
  const node = nodeOfProxy(proxy, snapshot);
  const configuration = translate(snapshot).configuration(node);
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
    const config = resolve(import.meta.dirname, '../../demo/config');
    await writeFile(join(directory, 'pods.yaml'), podsFile(pods, meshPort(config)));
    for (const name of ['front-v1', 'store-v2'])
      expect(await answerTo([config, directory], `${name}.bookshop`), name).toEqual(taken);
    await rm(directory, { recursive: true });
  });
});

const meshPort = (config: string): number =>
  Number(/port: (\d+)/.exec(readFileSync(join(config, 'services.yaml'), 'utf8'))?.[1]);
