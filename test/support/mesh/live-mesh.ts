// A mesh for one test file: YAML in a directory of its own, a daemon over it in this process, and stock Envoys that got
// everything from `keelson bootstrap`. Nothing is intercepted: proxies listen on loopback addresses that Sidecar objects
// name. No sleeps: a change is over when every proxy has acknowledged it.
import type { Daemon, DaemonOptions } from '../../../src/daemon/options.ts';
import type { Problem } from '../../../src/model/problem.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import type { Envoy } from './envoy.ts';

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { startDaemon } from '../../../src/main.ts';
import { ownLabels } from '../../../src/model/proxy/self-labels.ts';
import { startEnvoy } from './envoy.ts';
import { writeBootstrap } from './keelson.ts';

export interface LiveMesh {
  readonly daemon: Daemon;
  /** The directory of its YAML. */
  readonly config: string;
  /** The daemon's state directory, which has its root. */
  readonly state: string;
  /** By the name of the Pod. */
  readonly envoys: ReadonlyMap<string, Envoy>;
  /** Writes a file (undefined: removes it) and waits until what it means is in force in every proxy. */
  readonly change: (file: string, yaml: string | undefined) => Promise<void>;
  /** Waits until every proxy has all that the mesh wants it to have. */
  readonly settled: () => Promise<void>;
  /** What the daemon logged as an error or a warning. */
  readonly complaints: readonly string[];
  readonly stop: () => Promise<void>;
}

export interface LiveMeshOptions {
  /** YAML by file name. */
  readonly files: Readonly<Record<string, string>>;
  /** `pod.namespace` of those that have an Envoy. */
  readonly proxies: readonly string[];
  /**
   * For Envoys in networks of their own: the beginning of the command line that runs the rest of it there. They reach the
   * daemon by a socket file.
   */
  readonly within?: (proxy: string) => readonly string[];
  /** Which port a proxy is told that xDS has, given its own; the same if left out. */
  readonly through?: (proxy: string, port: number) => Promise<number>;
  /** Of a proxy's environment; its node then says that its names are in them. */
  readonly variables?: (proxy: string) => Readonly<Record<string, string>> | undefined;
  /** Beside what every mesh of the tests has. */
  readonly daemon?: Partial<DaemonOptions>;
}

type Bootstrap = MessageOf['envoy.config.bootstrap.v3.Bootstrap'];
type Stop = () => Promise<unknown>;

/** Resolves once all Envoys are live. A problem in the first files is an error. */
export async function startLiveMesh(options: LiveMeshOptions): Promise<LiveMesh> {
  const stops: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).toReversed()) await each();
  };
  try {
    return { ...(await start(options, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(options: LiveMeshOptions, stops: Stop[]): Promise<Omit<LiveMesh, 'stop'>> {
  const { files, proxies, within, through = (_proxy, port) => Promise.resolve(port) } = options;
  const { variables = () => undefined } = options;
  const directory = await mkdtemp(join(tmpdir(), 'keelson-mesh-'));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const config = join(directory, 'config');
  const state = join(directory, 'state');
  const socket = join(directory, 'xds');
  await mkdir(config);
  for (const [file, text] of Object.entries(files)) await writeFile(join(config, file), text);
  const complaints: string[] = [];
  const complain = (message: string, fields?: object): number =>
    complaints.push(`${message} ${JSON.stringify(fields ?? {})}`);
  let reports = 0;
  const daemon = await startDaemon({
    config,
    state,
    xdsAddress: within === undefined ? '127.0.0.1:0' : `unix:${socket}`,
    log: { info: () => {}, warn: complain, error: complain },
    onProblems: () => void reports++,
    ...options.daemon,
  });
  stops.push(() => daemon.close());
  const wrong = daemon.problems().filter(({ severity }) => severity === 'error');
  if (wrong.length > 0) throw new Error(wrong.map(describe).join('\n'));
  const envoys = new Map<string, Envoy>();
  for (const proxy of proxies) {
    const written = await writeBootstrap(
      { config, state, port: within === undefined ? await through(proxy, daemon.port) : 15012 },
      proxy,
      join(directory, proxy),
    );
    const own = variables(proxy);
    const bootstrap = own === undefined ? written : withOwnLabels(written);
    const started = { name: proxy, ...(own !== undefined && { variables: own }) };
    const envoy = await startEnvoy(
      within === undefined
        ? { ...started, bootstrap }
        : { ...started, bootstrap: overSocket(bootstrap, socket), within: within(proxy) },
    );
    stops.push(envoy.stop);
    envoys.set(proxy.slice(0, proxy.indexOf('.')), envoy);
  }
  const settled = (): Promise<void> => waitUntilSettled(daemon, [...envoys.values()]);
  await settled();
  const change = async (file: string, text: string | undefined): Promise<void> => {
    const before = reports;
    await replace(directory, join(config, file), text);
    await waitFor(`the daemon to read ${file}`, () => reports > before);
    await settled();
  };
  return { daemon, config, state, envoys, change, settled, complaints };
}

const withOwnLabels = ({ node, ...rest }: Bootstrap): Bootstrap => ({
  ...rest,
  node: { ...node, metadata: { ...node?.metadata, ...ownLabels } },
});

/** The same, but for the address of the control plane. */
function overSocket(bootstrap: Bootstrap, path: string): Bootstrap {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }];
  const clusters = bootstrap.static_resources?.clusters?.map((cluster) =>
    cluster.name === 'xds-grpc' ? { ...cluster, load_assignment: { cluster_name: cluster.name, endpoints } } : cluster,
  );
  return { ...bootstrap, static_resources: { ...bootstrap.static_resources, ...(clusters && { clusters }) } };
}

const describe = ({ source, message }: Problem): string => `${source?.kind} ${source?.name}: ${message}`;

async function replace(directory: string, file: string, text: string | undefined): Promise<void> {
  if (text === undefined) return rm(file);
  const scratch = join(directory, 'scratch');
  await writeFile(scratch, text);
  await rename(scratch, file);
}

/** In three looks one after the other nothing is on its way: a new listener asks for its routes a moment later. */
async function waitUntilSettled(daemon: Daemon, envoys: readonly Envoy[]): Promise<void> {
  let quiet = 0;
  await waitFor('all proxies to have everything', async () => {
    const proxies = daemon.status();
    const synced = proxies.length === envoys.length && proxies.every((proxy) => proxy.synced);
    quiet = synced && (await Promise.all(envoys.map(isWarm))).every(Boolean) ? quiet + 1 : 0;
    return quiet >= 3;
  }).catch((error: Error) => {
    throw new Error([error.message, JSON.stringify(daemon.status()), ...envoys.map((envoy) => envoy.log())].join('\n'));
  });
}

async function isWarm(envoy: Envoy): Promise<boolean> {
  const stats = await envoy.stats('warming');
  return (
    stats.get('cluster_manager.warming_clusters') === 0 && stats.get('listener_manager.total_listeners_warming') === 0
  );
}

/** Asks every 10 ms, for at most 30 seconds. */
export async function waitFor(what: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 3000; attempt++) {
    if (await probe()) return;
    await delay(10);
  }
  throw new Error(`waited in vain for ${what}`);
}
