// Shows what a stock Envoy refuses of recorded scenarios: folders with an input.yaml and the nodes that were asked for
// in expected/<proxy>/node.json. Exit code 1 if it refuses anything, or if something sent never comes into force; what an
// EnvoyFilter of the scenario has patched is told and not counted: a patch may be one that no stock Envoy takes.
//
//   node test/parity/nacks.ts DIRECTORY [--only SUBSTRING]
import type { Configuration, NodeInfo } from '../../src/model/envoy/resource.ts';

import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { nodeFromFile } from '../../src/cli/mesh/offline.ts';
import { installation } from '../../src/daemon/mesh/installation.ts';
import { noKeySets } from '../../src/model/external/key-source.ts';
import { causingObjects, resourceOrigins } from '../../src/translate/origins.ts';
import { translate } from '../../src/translate/translate.ts';
import { loadConfig } from '../../src/watchers/files/load-config.ts';
import { acceptance } from '../support/mesh/acceptance.ts';
import { ownNetwork, whyNoNetwork } from '../support/mesh/network-namespace.ts';
import { ownModules } from '../support/servers/own-modules.ts';

const parallel = 2;

interface Count {
  proxies: number;
  nacks: number;
  patched: number;
  stuck: number;
  skipped: number;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { only: { type: 'string', default: '' } },
    allowPositionals: true,
  });
  const [root] = positionals;
  if (root === undefined) fail('usage: nacks.ts DIRECTORY [--only SUBSTRING]');
  else if (ownNetwork === undefined) fail(whyNoNetwork);
  else process.exitCode = await run(root, values.only);
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}

/** Returns the exit code. */
async function run(root: string, only: string): Promise<number> {
  const inputs = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('input.yaml')).toSorted();
  const queue = inputs.map((file) => join(root, dirname(file))).filter((folder) => folder.includes(only));
  const count: Count = { proxies: 0, nacks: 0, patched: 0, stuck: 0, skipped: 0 };
  const worker = async (): Promise<void> => {
    for (let folder = queue.shift(); folder !== undefined; folder = queue.shift())
      await scenario(folder, relative(root, folder), count);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  print(`skipped: ${count.skipped} proxies of other kinds`);
  print(`refused as an EnvoyFilter has it: ${count.patched}`);
  print(`not in force: ${count.stuck} proxies`);
  print(`nacks: ${count.nacks} in ${count.proxies} proxies`);
  return count.nacks + count.stuck > 0 || count.proxies === 0 ? 1 : 0;
}

async function scenario(folder: string, name: string, count: Count): Promise<void> {
  const { snapshot } = await loadConfig([join(folder, 'input.yaml')]);
  const translation = translate(snapshot, installation(), noKeySets, ownModules);
  for (const node of await nodes(folder)) {
    const configuration = translation.configuration(node);
    if (configuration === undefined) {
      count.skipped++;
      continue;
    }
    count.proxies++;
    const { nacks, inactive, state } = await acceptance(node, configuration);
    const proxy = node.id.split('~')[2] ?? node.id;
    for (const nack of nacks) print(`NACK ${name} ${proxy} ${nack.type} ${nack.resources.join(', ')}\n  ${nack.error}`);
    const patched = nacks.filter(({ resources }) => resources.every((each) => isPatched(configuration, each))).length;
    count.patched += patched;
    count.nacks += nacks.length - patched;
    if (state === 'LIVE' && (inactive.length === 0 || nacks.length > 0)) continue;
    count.stuck++;
    print(`STUCK ${name} ${proxy} ${state}, listeners not in force: ${inactive.join(', ')}`);
  }
}

function isPatched(configuration: Configuration, name: string): boolean {
  const named = Object.values(configuration)
    .flat()
    .flatMap(({ resources }) => resources.get(name) ?? []);
  return named.some((resource) => causingObjects(resourceOrigins(resource)).some(({ kind }) => kind === 'EnvoyFilter'));
}

async function nodes(folder: string): Promise<readonly NodeInfo[]> {
  const proxies = await readdir(join(folder, 'expected'), { withFileTypes: true }).catch(() => []);
  const names = proxies.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(names.toSorted().map((name) => nodeFromFile(join(folder, 'expected', name, 'node.json'))));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
