// `node bench/control-plane.ts [SERVICES CLIENTS]...`: the daemon over a real API server under a load generator that knows
// nothing of it (bench/xdsload): how long until all proxies have a change, what it costs the daemon, how much is sent.
// In one mesh of 10 namespaces where everybody sees everything: without TLS with whole route configurations and host by
// host, and over TLS with a token for each proxy. Where PILOT_DISCOVERY names istiod's binary, it and the daemon take turns
// instead (A B B A), without TLS, and the last column has the ratios.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { freePort } from '../scripts/ports.ts';
import type { RunningProcess } from '../scripts/process.ts';
import { startProcess, waitUntil } from '../scripts/process.ts';
import type { TestKubernetes } from '../test/support/kubernetes/kubernetes.ts';
import { startKubernetes } from '../test/support/kubernetes/kubernetes.ts';

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

/** Istio's own binary, where there is one. */
const istiod = process.env['PILOT_DISCOVERY'];
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
    const columns = await (istiod === undefined ? own(world) : beside(world, istiod));
    const { stdout } = await run(xdsload, ['table', ...columns], { maxBuffer });
    console.log(`\n${services} services, ${clients} sidecars\n\n${stdout}`);
  } finally {
    await kubernetes.stop();
  }
}

/** Columns of the table: their names and the reports that each is the mean of. */
async function own(world: World): Promise<readonly string[]> {
  const whole = await measured(world, keelson, 'whole', []);
  const hosts = await measured(world, keelson, 'host-by-host', ['--vhds']);
  const secure = await measured(world, keelsonOverTls, 'tls', ['--vhds']);
  return [`whole=${whole}`, `host-by-host=${hosts}`, `tls=${secure}`];
}

async function beside(world: World, other: string): Promise<readonly string[]> {
  const reports: string[] = [];
  for (const [server, name, flags] of [
    [istiodOf(other), 'istiod-1', []],
    [keelson, 'keelson-1', ['--vhds']],
    [keelson, 'keelson-2', ['--vhds']],
    [istiodOf(other), 'istiod-2', []],
  ] as const)
    reports.push(await measured(world, server, name, flags));
  const [a, b, c, d] = reports;
  return [`istiod=${a},${d}`, `keelson=${b},${c}`];
}

/** A control plane under test: how it is started, and how the load generator reaches it. */
type ControlPlane = (world: World, address: string, state: string) => Started;

interface Started {
  readonly daemon: RunningProcess;
  /** Flags of xdsload; asked when the daemon is ready. */
  readonly target: () => Promise<readonly string[]>;
}

function serve(world: World, state: string, addresses: readonly string[]): RunningProcess {
  const off = ['--monitoring-address', 'off', '--http-address', 'off', '--webhook-address', 'off'];
  const where = ['--kubeconfig', world.kubernetes.kubeconfig, '--state', state, ...addresses];
  const command = [join(root, 'src', 'cli', 'keelson.ts'), 'serve', ...where, ...off];
  return startProcess('keelson serve', process.execPath, command);
}

function keelson(world: World, address: string, state: string): Started {
  return {
    daemon: serve(world, state, ['--plaintext-address', address, '--xds-address', '127.0.0.1:0']),
    target: () => Promise.resolve(['--addr', address]),
  };
}

function keelsonOverTls(world: World, address: string, state: string): Started {
  const daemon = serve(world, state, ['--xds-address', address, '--plaintext-address', 'off']);
  return {
    daemon,
    target: async () => {
      await waitUntil(daemon, 'ready', () => daemon.lines().some((line) => line.includes('ready')), 180);
      const ca = join(state, 'ca.pem');
      await writeFile(ca, await certificateOf(state));
      return ['--addr', address, '--ca', ca, '--token-kubeconfig', world.kubernetes.kubeconfig];
    },
  };
}

/** https://istio.io/latest/docs/reference/commands/pilot-discovery/ */
function istiodOf(binary: string): ControlPlane {
  return (world, address) => {
    const others = ['--secureGRPCAddr=', '--httpsAddr=', '--httpAddr=127.0.0.1:0', '--monitoringAddr=127.0.0.1:0'];
    const where = [`--kubeconfig=${world.kubernetes.kubeconfig}`, `--grpcAddr=${address}`, '--ctrlz_port=0'];
    const daemon = startProcess('pilot-discovery', binary, ['discovery', ...where, ...others]);
    return { daemon, target: () => Promise.resolve(['--addr', address]) };
  };
}

/** The file of the report. A fresh daemon each time, which has served one proxy before the others come. */
async function measured(world: World, start: ControlPlane, name: string, flags: readonly string[]): Promise<string> {
  const { kubernetes, mesh, clients, xdsload } = world;
  const state = await mkdtemp(join(world.directory, 'state-'));
  const { daemon, target } = start(world, `127.0.0.1:${await freePort()}`, state);
  const options = { env: { ...process.env, KUBECONFIG: kubernetes.kubeconfig }, maxBuffer };
  try {
    const reached = [...mesh, ...(await target()), '--server-pid', String(daemon.pid)];
    const warmed = await run(xdsload, ['wait', ...reached], options);
    const report = join(world.directory, `${name}-${clients}.json`);
    const pace = short
      ? ['--changes', '6', '--rate', '10', '--duration', '10s']
      : ['--changes', '20', '--rate', '10', '--duration', '30s'];
    const watched = ['--out', report, '--clients', String(clients)];
    console.error(`${name}: ${warmed.stdout.replaceAll(/\s+/g, ' ')}`);
    await run(xdsload, ['converge', ...reached, ...watched, ...pace, ...flags], options);
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
