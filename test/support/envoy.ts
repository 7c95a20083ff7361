// A real Envoy as a test sees it: started from a bootstrap on a loopback admin port, asked through its admin
// interface, ended by its own process id.
// https://www.envoyproxy.io/docs/envoy/latest/operations/admin
import type { NodeInfo } from '../../src/model/resource.ts';

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { envoyBinary } from '../../scripts/envoy.ts';
import { freePort } from '../../scripts/ports.ts';
import { failure, startProcess, waitUntil } from '../../scripts/process.ts';

export interface EnvoyOptions {
  /**
   * envoy.config.bootstrap.v3.Bootstrap as proto JSON, for example read from what `keelson bootstrap` wrote; its `admin`
   * and, when given, `node` are replaced.
   */
  readonly bootstrap: object;
  readonly node?: NodeInfo;
  readonly name?: string;
  /** Until when to wait: the admin interface answers, or also the first configuration is in force. Default: live. */
  readonly until?: 'admin' | 'live';
}

export interface Envoy {
  readonly adminPort: number;
  /** The body of GET `path`, or of another method. */
  readonly admin: (path: string, method?: string) => Promise<string>;
  /** Counters and gauges by name, those that match the regular expression `filter`. */
  readonly stats: (filter?: string) => Promise<ReadonlyMap<string, number>>;
  /** What this Envoy refused, in its own words. */
  readonly nacks: () => readonly string[];
  /** The last lines it logged. */
  readonly log: () => string;
  /** Waits until `probe` says yes; fails with the last lines it logged. */
  readonly eventually: (what: string, probe: () => Promise<boolean> | boolean) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Envoy warns of every deprecated field that Istio's configuration model needs. */
const quiet = ['--component-log-level', 'misc:error'];

export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const name = options.name ?? 'envoy';
  const directory = await mkdtemp(join(tmpdir(), 'keelson-envoy-'));
  const adminPort = await freePort();
  const file = join(directory, 'envoy.json');
  await writeFile(file, JSON.stringify(completed(options, adminPort)));
  const args = ['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning', ...quiet];
  const process = startProcess(name, await envoyBinary(), args);
  const admin = adminClient(adminPort);
  const stop = async () => {
    await process.stop();
    await rm(directory, { recursive: true, force: true });
  };
  const probe = options.until === 'admin' ? () => admin('/server_info') : () => admin('/ready');
  await waitUntil(process, 'ready', () => probe().then(() => true)).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    adminPort,
    admin,
    stats: async (filter) =>
      readStats(await admin(filter === undefined ? '/stats' : `/stats?filter=${encodeURIComponent(filter)}`)),
    nacks: () => process.lines().filter((line) => / rejected: /.test(line)),
    log: () => failure(process, 'last lines'),
    eventually: (what, probe) => waitUntil(process, what, probe),
    stop,
  };
}

/** What `envoy --mode validate` says of a bootstrap that it refuses; '' when it accepts it. */
export async function validateBootstrap(file: string, flags: readonly string[] = []): Promise<string> {
  const process = startProcess('envoy --mode validate', await envoyBinary(), [
    '--mode',
    'validate',
    '-c',
    file,
    ...flags,
  ]);
  const end = await process.ended;
  return end === 'ended with code 0' ? '' : failure(process, end);
}

const completed = ({ bootstrap, node }: EnvoyOptions, adminPort: number): object => ({
  ...bootstrap,
  ...(node === undefined ? {} : { node }),
  admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
});

function adminClient(port: number): Envoy['admin'] {
  return async (path, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    const body = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${body.slice(0, 200)}`);
    return body;
  };
}

function readStats(text: string): ReadonlyMap<string, number> {
  const rows = text.split('\n').map((line) => line.split(': ') as [string, string | undefined]);
  return new Map(rows.flatMap(([key, value]) => (/^\d+$/.test(value ?? '') ? [[key, Number(value)] as const] : [])));
}
