// Gateway API's own conformance suite against Keelson in a cluster of this machine: definitions and suite come from the
// project's Go modules. A whole run writes docs/conformance.md and the suite's report beside it; with arguments, which are
// the suite's own flags (`--run-test NAME`), what it said is in .cache/conformance alone.
// https://gateway-api.sigs.k8s.io/concepts/conformance/
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { output } from './cluster/command.ts';
import { images } from './cluster/images.ts';
import { kubectl, startCluster } from './cluster/kind.ts';
import { missingForCluster } from './cluster/platform.ts';
import { giveAddresses } from './conformance/addresses.ts';
import { moduleDirectory } from './conformance/go-module.ts';
import { writePage } from './conformance/page.ts';
import { loadStandIns } from './conformance/stand-ins.ts';
import { runSuite } from './conformance/suite.ts';

const repository = resolve(import.meta.dirname, '..');
const directory = join(repository, '.cache', 'conformance');
const report = (line: string): void => void process.stderr.write(`${line}\n`);

const missing = await missingForCluster();
if (missing !== undefined) {
  report(`The conformance suite needs a cluster, and none can be made here: ${missing}.`);
  process.exitCode = 1;
} else await run(process.argv.slice(2));

async function run(flags: readonly string[]): Promise<void> {
  const fresh = await startCluster(report);
  // What an earlier run left behind would be taken for this one's.
  await kubectl(['delete', 'namespaces', '--selector', 'gateway-conformance', '--ignore-not-found']);
  await loadStandIns(report);
  report("Installing Gateway API's definitions and Keelson ...");
  await installDefinitions();
  await installKeelson();
  // The image may be another one under the same name.
  if (!fresh) await restartKeelson();
  const ended = new AbortController();
  const addresses = giveAddresses(ended.signal);
  try {
    const results = await runSuite(directory, await version(), flags, report);
    for (const { name, outcome, seconds } of results)
      if (outcome === 'FAIL' || flags.length > 0) report(`${outcome} ${name} (${seconds} s)`);
    const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
    report(`${count('PASS')} passed, ${count('FAIL')} failed, ${count('SKIP')} skipped.`);
    if (results.length === 0) report('The suite did not get as far as its tests; the end of its log says why.');
    if (flags.length === 0) await writePage(repository, directory, results);
    process.exitCode = count('PASS') === 0 || count('FAIL') > 0 ? 1 : 0;
  } finally {
    ended.abort();
    await addresses;
  }
}

async function version(): Promise<string> {
  const text = await readFile(join(repository, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

async function installDefinitions(): Promise<void> {
  const definitions = join(await moduleDirectory('sigs.k8s.io/gateway-api'), 'config', 'crd', 'experimental');
  for (const file of (await readdir(definitions)).filter((name) => name.startsWith('gateway.')))
    await kubectl(['apply', '--server-side', '--force-conflicts', '--filename', join(definitions, file)]);
}

async function installKeelson(): Promise<void> {
  const values = [
    `image=${images.keelson}`,
    'env.KEELSON_STRICT_GATEWAYS=true',
    'env.KEELSON_ROUTE_BY_ADDRESS=true',
    'global.proxy.resources.requests.cpu=5m',
    'global.proxy.resources.requests.memory=32Mi',
  ];
  const keelson = join(repository, 'src', 'cli', 'keelson.ts');
  const input = await output(process.execPath, [keelson, 'manifests', ...values.flatMap((value) => ['--set', value])]);
  await kubectl(['apply', '--server-side', '--force-conflicts', '--filename', '-'], { input });
  await rollOut('status', '--timeout=300s');
}

async function restartKeelson(): Promise<void> {
  await rollOut('restart');
  await rollOut('status', '--timeout=300s');
}

async function rollOut(verb: string, ...flags: readonly string[]): Promise<void> {
  await kubectl(['--namespace', 'istio-system', 'rollout', verb, 'deployment/istiod', ...flags]);
}
