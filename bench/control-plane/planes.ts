// The control planes under test: how each is started, and how the load generator reaches it.
// https://istio.io/latest/docs/reference/commands/pilot-discovery/
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { freePort } from '../../scripts/ports.ts';
import type { RunningProcess } from '../../scripts/process.ts';
import { startProcess, waitUntil } from '../../scripts/process.ts';
import type { World } from './world.ts';

/** Told by the name of its column. */
export interface Plane {
  readonly name: string;
  /** Further flags of the load generator's clients. */
  readonly flags: readonly string[];
  readonly start: (world: World) => Promise<Started>;
}

export interface Started {
  readonly daemon: RunningProcess;
  /** Flags of the load generator; asked when the daemon is ready. */
  readonly target: () => Promise<readonly string[]>;
  /** `http://host:port` of metrics and debug pages, where it has them. */
  readonly monitoring: string | undefined;
  /** The same of readiness. */
  readonly readiness: string | undefined;
}

export const root = resolve(import.meta.dirname, '..', '..');
const hostByHost = ['--vhds'];

/** The daemon without TLS, with route configurations whole or host by host. */
export const keelson = (name: string, delivery: 'whole' | 'host-by-host'): Plane => ({
  name,
  flags: delivery === 'whole' ? [] : hostByHost,
  start: async (world) => {
    const address = await freeAddress();
    const addresses = ['--plaintext-address', address, '--xds-address', '127.0.0.1:0'];
    return { ...(await serve(world, addresses)), target: () => Promise.resolve(['--addr', address]) };
  },
});

/** As Pods' proxies reach it: over TLS, each with the token of its account. */
export const keelsonOverTls = (name: string): Plane => ({
  name,
  flags: hostByHost,
  start: async (world) => {
    const address = await freeAddress();
    const started = await serve(world, ['--xds-address', address, '--plaintext-address', 'off']);
    return { ...started, target: () => overTls(world, started, address) };
  },
});

/** istiod without TLS. Tuned: it waits for further changes no longer than it must, and limits nothing. */
export const istiod = (name: string, binary: string, settings: 'default' | 'tuned'): Plane => ({
  name,
  flags: [],
  start: async ({ kubernetes }) => {
    const address = await freeAddress();
    const others = ['--secureGRPCAddr=', '--httpsAddr=', '--httpAddr=127.0.0.1:0', '--monitoringAddr=127.0.0.1:0'];
    const where = [`--kubeconfig=${kubernetes.kubeconfig}`, `--grpcAddr=${address}`, '--ctrlz_port=0'];
    const environment = settings === 'default' ? [] : tuned;
    const command = [...environment, binary, 'discovery', ...where, ...others];
    return {
      daemon: startProcess(name, 'env', command),
      target: () => Promise.resolve(['--addr', address]),
      monitoring: undefined,
      readiness: undefined,
    };
  },
});

const tuned = [
  'PILOT_DEBOUNCE_AFTER=10ms',
  'PILOT_DEBOUNCE_MAX=100ms',
  'PILOT_PUSH_THROTTLE=10000',
  'PILOT_MAX_REQUESTS_PER_SECOND=1000000',
];

const freeAddress = async (): Promise<string> => `127.0.0.1:${await freePort()}`;

async function serve(
  { secrets, kubernetes }: World,
  addresses: readonly string[],
): Promise<Omit<Started, 'target'> & { readonly state: string }> {
  const state = await mkdtemp(join(secrets, 'state-'));
  const [monitoring, readiness] = [await freeAddress(), await freeAddress()];
  const own = ['--monitoring-address', monitoring, '--http-address', readiness];
  const off = ['--webhook-address', 'off', '--controlz-address', 'off'];
  const where = ['--kubeconfig', kubernetes.kubeconfig, '--state', state, ...addresses];
  const daemon = startProcess('keelson serve', join(root, 'bin', 'keelson'), ['serve', ...where, ...own, ...off]);
  return { daemon, state, monitoring: `http://${monitoring}`, readiness: `http://${readiness}` };
}

async function overTls(
  { kubernetes }: World,
  { daemon, state }: { readonly daemon: RunningProcess; readonly state: string },
  address: string,
): Promise<readonly string[]> {
  await waitUntil(daemon, 'ready', () => daemon.lines().some((line) => line.includes('ready')), 180);
  const ca = join(state, 'ca.pem');
  await writeFile(ca, await certificateOf(state));
  return ['--addr', address, '--ca', ca, '--token-kubeconfig', kubernetes.kubeconfig];
}

/** Of the file with the authority's root, which has its key as well. */
async function certificateOf(state: string): Promise<string> {
  const text = await readFile(join(state, 'root.pem'), 'utf8');
  return /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(text)?.[0] ?? '';
}
