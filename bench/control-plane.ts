// `node bench/control-plane.ts [SERVICES CLIENTS]...`: the daemon over a real API server under a load generator that knows
// nothing of it (bench/xdsload): how long until all proxies have a change, what it costs the daemon, how much is sent.
// Once with whole route configurations and once host by host, in one mesh of 10 namespaces where everybody sees everything.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { freePort } from '../scripts/ports.ts';
import { startProcess, waitUntil } from '../scripts/process.ts';
import type { TestKubernetes } from '../test/support/kubernetes.ts';
import { startKubernetes } from '../test/support/kubernetes.ts';

const root = resolve(import.meta.dirname, '..');
const run = promisify(execFile);
const maxBuffer = 64 << 20;

interface World {
  readonly directory: string;
  readonly xdsload: string;
  readonly kubernetes: TestKubernetes;
  readonly mesh: readonly string[];
  readonly clients: number;
}

const given = process.argv.slice(2).map(Number);
const [short, sizes] = given.length > 0 ? [true, given] : [false, [200, 100, 1000, 200]];
const directory = await mkdtemp(join(tmpdir(), 'keelson-bench-'));
try {
  const xdsload = join(directory, 'xdsload');
  await run('go', ['build', '-o', xdsload, '.'], { cwd: join(root, 'bench', 'xdsload') });
  for (let i = 0; i + 1 < sizes.length; i += 2) await measure(xdsload, sizes[i] ?? 0, sizes[i + 1] ?? 0);
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function measure(xdsload: string, services: number, clients: number): Promise<void> {
  const kubernetes = await startKubernetes();
  try {
    const mesh = ['--services', String(services), '--namespaces', '10', '--pods', '2'];
    const environment = { ...process.env, KUBECONFIG: kubernetes.kubeconfig };
    const crds = join(root, 'manifests', 'crds.yaml');
    await run(xdsload, ['seed', ...mesh, '--crds', crds], { env: environment, maxBuffer });
    const world = { directory, xdsload, kubernetes, mesh, clients };
    const whole = await measured(world, 'whole', []);
    const hosts = await measured(world, 'host-by-host', ['--vhds']);
    const columns = [`whole=${whole}`, `host-by-host=${hosts}`];
    const { stdout } = await run(xdsload, ['table', ...columns], { maxBuffer });
    console.log(`\n${services} services, ${clients} sidecars\n\n${stdout}`);
  } finally {
    await kubernetes.stop();
  }
}

/** The file of the report. A fresh daemon each time. */
async function measured(world: World, name: string, flags: readonly string[]): Promise<string> {
  const { kubernetes, mesh, clients, xdsload } = world;
  const state = await mkdtemp(join(world.directory, 'state-'));
  const address = `127.0.0.1:${await freePort()}`;
  const off = ['--monitoring-address', 'off', '--http-address', 'off', '--webhook-address', 'off'];
  const where = ['--kubeconfig', kubernetes.kubeconfig, '--state', state, '--xds-address', address];
  const command = [join(root, 'src', 'cli', 'keelson.ts'), 'serve', ...where, ...off];
  const daemon = startProcess('keelson serve', process.execPath, command);
  try {
    await waitUntil(daemon, 'ready', () => daemon.lines().some((line) => line.includes('ready')), 180);
    const ca = join(world.directory, 'ca.pem');
    await writeFile(ca, await certificateOf(state));
    const report = join(world.directory, `${name}-${clients}.json`);
    const target = ['--addr', address, '--ca', ca, '--token-kubeconfig', kubernetes.kubeconfig];
    const pace = short
      ? ['--changes', '6', '--rate', '10', '--duration', '10s']
      : ['--changes', '20', '--rate', '10', '--duration', '30s'];
    const watched = ['--server-pid', String(daemon.pid), '--out', report, '--clients', String(clients)];
    await run(xdsload, ['converge', ...mesh, ...target, ...watched, ...pace, ...flags], {
      env: { ...process.env, KUBECONFIG: kubernetes.kubeconfig },
      maxBuffer,
    });
    return report;
  } finally {
    await daemon.stop();
  }
}

/** Of the file with the authority's root, which has its key as well. */
async function certificateOf(state: string): Promise<string> {
  const text = await readFile(join(state, 'root.pem'), 'utf8');
  return /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(text)?.[0] ?? '';
}
