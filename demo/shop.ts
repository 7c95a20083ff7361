// The running book shop: the daemon, eight apps, and a stock Envoy beside each of them.
import type { RunningProcess } from '../scripts/process.ts';
import type { App, Handler } from './apps/app.ts';
import type { Pod, ServiceName } from './pods.ts';
import type { TraceCollector } from './tracing.ts';

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, reserve } from '../scripts/ports.ts';
import { startProcess, waitUntil } from '../scripts/process.ts';
import { bootstrap } from '../src/cli/bootstrap.ts';
import { startApp } from './apps/app.ts';
import { details } from './apps/details.ts';
import { frontPage } from './apps/front-page.ts';
import { ratings } from './apps/ratings.ts';
import { reviews } from './apps/reviews.ts';
import { store } from './apps/store.ts';
import { send } from './http.ts';
import { bookshopPods, namespace, podsFile } from './pods.ts';
import { collectorHost, collectorPort, tracingFile } from './tracing.ts';

const handlers: Readonly<Record<ServiceName, Handler>> = { front: frontPage, details, ratings, reviews, store };
/** Envoy warns of every deprecated field that Istio's configuration model needs. */
const quiet = ['--component-log-level', 'misc:error'];
const usualMeshPort = 9080;

export interface Shop {
  readonly pods: readonly Pod[];
  readonly apps: readonly App[];
  /** The port that every service has. */
  readonly meshPort: number;
  /** The working copy of demo/config. */
  readonly config: string;
  readonly frontPageUrl: string;
  /** The daemon and the proxies. */
  readonly processes: readonly RunningProcess[];
}

/** What has to be ended, last started first. */
export type Cleanup = (() => Promise<unknown>)[];

/** Where the demo tells what happens. */
export interface Report {
  readonly progress: (line: string) => void;
  /** What the daemon logs. */
  readonly daemon: (line: string) => void;
}

/**
 * Starts all of it; `cleanup` is filled as things start, so that a failure half-way leaves nothing behind. Spans go to
 * `collector`, if there is one.
 */
export async function startShop(
  envoy: string,
  cleanup: Cleanup,
  report: Report,
  collector?: TraceCollector,
): Promise<Shop> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-demo-'));
  cleanup.push(() => rm(directory, { recursive: true, force: true }));
  const meshPort = await reserveMeshPort(cleanup);
  const pods = await bookshopPods(distinctPorts());
  const config = await writeConfig(join(directory, 'config'), pods, meshPort, collector);
  const apps = await startApps(pods, meshPort, cleanup);
  report.progress(`${apps.length} apps listen on loopback.`);
  const state = join(directory, 'state');
  const daemon = await startDaemon(config, state, cleanup, report.daemon);
  report.progress(`keelson serve --config ${config} runs.`);
  const proxies = await startProxies({ envoy, pods, config, state, directory, port: daemon.port }, cleanup);
  report.progress(`${proxies.length} Envoys run and have their configuration and certificates.`);
  const front = pods.find(({ service }) => service === 'front');
  return {
    pods,
    apps,
    meshPort,
    config,
    frontPageUrl: `http://127.0.0.1:${front?.appPort}/`,
    processes: [daemon.process, ...proxies],
  };
}

/**
 * Envoys share a port with whoever listens there already, without a word. So one address that no proxy uses is kept
 * occupied as long as the shop is open: two shops never have the same port.
 */
async function reserveMeshPort(cleanup: Cleanup): Promise<number> {
  const reservation = (await reserve(usualMeshPort, '127.0.3.1')) ?? (await reserve(0, '127.0.3.1'));
  if (reservation === undefined)
    throw new Error('no port can be had on 127.0.3.1: the demo needs the whole of 127.0.0.0/8');
  cleanup.push(reservation.release);
  return reservation.port;
}

/** Ports that are free now and never the same one twice. */
function distinctPorts(): () => Promise<number> {
  const given = new Set<number>();
  return async () => {
    let port = await freePort();
    while (given.has(port)) port = await freePort();
    given.add(port);
    return port;
  };
}

async function writeConfig(
  config: string,
  pods: readonly Pod[],
  meshPort: number,
  collector: TraceCollector | undefined,
): Promise<string> {
  await cp(fileURLToPath(new URL('config', import.meta.url)), config, { recursive: true });
  const services = join(config, 'services.yaml');
  const text = await readFile(services, 'utf8');
  await writeFile(services, text.replaceAll(`port: ${usualMeshPort}`, `port: ${meshPort}`));
  const outer = collector === undefined ? [] : [{ host: collectorHost, port: collectorPort }];
  await writeFile(join(config, 'pods.yaml'), podsFile(pods, meshPort, outer));
  if (collector !== undefined) await writeFile(join(config, 'tracing.yaml'), tracingFile(collector));
  return config;
}

async function startApps(pods: readonly Pod[], meshPort: number, cleanup: Cleanup): Promise<readonly App[]> {
  const apps: App[] = [];
  for (const pod of pods) {
    const app = await startApp(pod, meshPort, handlers[pod.service]);
    cleanup.push(app.close);
    apps.push(app);
  }
  return apps;
}

interface Daemon {
  readonly process: RunningProcess;
  readonly port: number;
}

async function startDaemon(
  config: string,
  state: string,
  cleanup: Cleanup,
  onLine: (line: string) => void,
): Promise<Daemon> {
  const port = await freePort();
  const keelson = fileURLToPath(new URL('../src/cli/keelson.ts', import.meta.url));
  const args = ['serve', '--config', config, '--state', state, '--xds-address', `127.0.0.1:${port}`];
  const daemon = startProcess('keelson serve', process.execPath, [keelson, ...args], onLine);
  cleanup.push(daemon.stop);
  await waitUntil(daemon, 'listening', () => accepts(port));
  return { process: daemon, port };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

interface ProxyOptions {
  readonly envoy: string;
  readonly pods: readonly Pod[];
  readonly config: string;
  readonly state: string;
  readonly directory: string;
  /** The daemon's. */
  readonly port: number;
}

async function startProxies(options: ProxyOptions, cleanup: Cleanup): Promise<readonly RunningProcess[]> {
  const proxies: RunningProcess[] = [];
  for (const pod of options.pods) {
    const proxy = await startProxy(options, pod);
    cleanup.push(proxy.stop);
    proxies.push(proxy);
  }
  for (const [index, proxy] of proxies.entries()) {
    const port = options.pods[index]?.adminPort ?? 0;
    const ready = async () => (await send({ host: '127.0.0.1', port, path: '/ready' })).status === 200;
    await waitUntil(proxy, 'configuration', ready);
  }
  return proxies;
}

async function startProxy(options: ProxyOptions, pod: Pod): Promise<RunningProcess> {
  const out = join(options.directory, pod.name);
  const said: string[] = [];
  const where = ['--config', options.config, '--state', options.state, '--server', `127.0.0.1:${options.port}`];
  const args = ['--proxy', `${pod.name}.${namespace}`, ...where, '--admin-port', String(pod.adminPort), '--out', out];
  const code = await bootstrap(args, { stdout: () => {}, stderr: (text) => said.push(text) });
  if (code !== 0) throw new Error(`keelson bootstrap ${args.join(' ')}: ${said.join('')}`);
  const flags = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning', ...quiet];
  return startProcess(`envoy of ${pod.name}`, options.envoy, ['-c', join(out, 'envoy.yaml'), ...flags]);
}
