// A real Envoy as a test sees it: started from a bootstrap on a loopback admin port, asked through its admin
// interface, ended by its own process id.
// https://www.envoyproxy.io/docs/envoy/latest/operations/admin
import type { IncomingMessage } from 'node:http';
import type { NodeInfo } from '../../../src/model/envoy/resource.ts';

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { envoyBinary } from '../../../scripts/envoy.ts';
import { freePort } from '../../../scripts/ports.ts';
import { failure, startProcess, waitUntil } from '../../../scripts/process.ts';

export interface EnvoyOptions {
  /**
   * envoy.config.bootstrap.v3.Bootstrap as proto JSON, for example read from what `keelson bootstrap` wrote; its `admin`
   * and, when given, `node` are replaced.
   */
  readonly bootstrap: object;
  readonly node?: NodeInfo;
  readonly name?: string;
  /**
   * The beginning of a command line that runs the rest of it in a network of its own; the admin interface then listens
   * on a socket file, and `adminPort` is 0.
   */
  readonly within?: readonly string[];
  /** Added to its environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Until when to wait: the admin interface answers, or also the first configuration is in force. Default: live. */
  readonly until?: 'admin' | 'live';
}

export interface Envoy {
  readonly pid: number;
  readonly adminPort: number;
  /** The body of GET `path`, or of another method. */
  readonly admin: (path: string, method?: string) => Promise<string>;
  /** Counters and gauges by name, those that match the regular expression `filter`. */
  readonly stats: (filter?: string) => Promise<ReadonlyMap<string, number>>;
  /** What this Envoy refused, in its own words. */
  readonly nacks: () => readonly string[];
  /** The last lines it logged. */
  readonly log: () => string;
  /** Waits until `probe` says yes, at most a minute unless told; fails with the last lines it logged. */
  readonly eventually: (what: string, probe: () => Promise<boolean> | boolean, seconds?: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Envoy warns of every deprecated field that Istio's configuration model needs. */
const quiet = ['--component-log-level', 'misc:error'];

export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const name = options.name ?? 'envoy';
  const directory = await mkdtemp(join(tmpdir(), 'keelson-envoy-'));
  const { within = [], variables = {} } = options;
  const adminPort = within.length > 0 ? 0 : await freePort();
  const at = within.length > 0 ? { socketPath: join(directory, 'admin') } : { host: '127.0.0.1', port: adminPort };
  const file = join(directory, 'envoy.json');
  await writeFile(file, JSON.stringify(completed(options, at)));
  const args = ['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning', ...quiet];
  const environment = Object.entries(variables).map(([variable, value]) => `${variable}=${value}`);
  const [command = '', ...rest] = [...within, 'env', ...environment, await envoyBinary(), ...args];
  const process = startProcess(name, command, rest);
  const admin = adminClient(at);
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
    pid: process.pid,
    adminPort,
    admin,
    stats: async (filter) =>
      readStats(await admin(filter === undefined ? '/stats' : `/stats?filter=${encodeURIComponent(filter)}`)),
    nacks: () => process.lines().filter((line) => / rejected: /.test(line)),
    log: () => failure(process, 'last lines'),
    eventually: (what, probe, seconds) => waitUntil(process, what, probe, seconds),
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

/** Where the admin interface is. */
type AdminAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

const completed = ({ bootstrap, node }: EnvoyOptions, at: AdminAddress): object => ({
  ...bootstrap,
  ...(node === undefined ? {} : { node }),
  admin: {
    address:
      'socketPath' in at
        ? { pipe: { path: at.socketPath } }
        : { socket_address: { address: at.host, port_value: at.port } },
  },
});

function adminClient(at: AdminAddress): Envoy['admin'] {
  return async (path, method = 'GET') => {
    const outgoing = request({ ...at, path, method, agent: false, timeout: 10_000 });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer`)));
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const body = await text(incoming);
    if (incoming.statusCode !== 200) throw new Error(`${method} ${path}: ${incoming.statusCode} ${body.slice(0, 200)}`);
    return body;
  };
}

function readStats(lines: string): ReadonlyMap<string, number> {
  const rows = lines.split('\n').map((line) => line.split(': ') as [string, string | undefined]);
  return new Map(rows.flatMap(([key, value]) => (/^\d+$/.test(value ?? '') ? [[key, Number(value)] as const] : [])));
}
