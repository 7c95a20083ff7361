// A Docker daemon of our own in a network namespace of its own: what a cluster does to interfaces, routes and packet filters
// stays in there, and since nothing leads out of it, no packet of a cluster ever leaves the machine.
// https://docs.docker.com/reference/cli/dockerd/#run-multiple-daemons
import type { CommandOptions } from './command.ts';

import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { cacheDirectory, exists } from './cache.ts';
import { output, result, succeeds } from './command.ts';
import { pathWith } from './debian.ts';
import { goProgram } from './go-programs.ts';

/** With KEELSON_CLUSTER there is a cluster beside the usual one: `KEELSON_CLUSTER=-2`. */
export const clusterSuffix = process.env['KEELSON_CLUSTER'] ?? '';
const name = `keelson-cluster${clusterSuffix}`;
const namespace = `/run/netns/${name}`;
const runtime = `/run/${name}`;
const state = join(cacheDirectory, `docker${clusterSuffix}`);
const pidFile = join(runtime, 'docker.pid');
const startAttempts = 300;

/** Runs a command where the cluster's addresses are, with the daemon for `docker` and `kind`. */
export const inside = async (command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> =>
  output('nsenter', [`--net=${namespace}`, command, ...args], await withDocker(options));

/** Like `inside`, for commands that may fail. */
export const insideResult = async (command: string, args: readonly string[], options: CommandOptions = {}) =>
  result('nsenter', [`--net=${namespace}`, command, ...args], await withDocker(options));

export const docker = (...args: readonly string[]): Promise<string> => inside('docker', args);

export const imageExists = async (image: string): Promise<boolean> =>
  succeeds('docker', ['image', 'inspect', image], await withDocker({}));

/** A PATH with the programs of Docker. */
export const dockerPath = (): Promise<string> => pathWith(['docker.io', 'containerd', 'runc']);

const withDocker = async (options: CommandOptions): Promise<CommandOptions> => ({
  ...options,
  env: { PATH: await dockerPath(), DOCKER_HOST: `unix://${runtime}/docker.sock`, ...options.env },
});

/** Starts the daemon unless it runs. */
export async function startDocker(): Promise<void> {
  if (await isDockerRunning()) return;
  await makeNamespace();
  for (const directory of [runtime, state]) await mkdir(directory, { recursive: true });
  const configuration = join(state, 'daemon.json');
  await writeFile(configuration, JSON.stringify(await daemonConfiguration()));
  const log = await open(join(state, 'dockerd.log'), 'a');
  const args = [`--net=${namespace}`, 'dockerd', '--config-file', configuration];
  const env = { ...process.env, PATH: await dockerPath() };
  spawn('nsenter', args, { env, detached: true, stdio: ['ignore', log.fd, log.fd] }).unref();
  await log.close();
  for (let attempt = 0; attempt < startAttempts; attempt++) {
    if (await isDockerRunning()) return;
    await delay(100);
  }
  throw new Error(`dockerd did not start, see ${state}/dockerd.log`);
}

export const isDockerRunning = async (): Promise<boolean> => succeeds('docker', ['version'], await withDocker({}));

async function makeNamespace(): Promise<void> {
  if (!(await succeeds('ip', ['netns', 'exec', name, 'true']))) await output('ip', ['netns', 'add', name]);
  await output('nsenter', [`--net=${namespace}`, 'ip', 'link', 'set', 'lo', 'up']);
}

async function daemonConfiguration(): Promise<object> {
  return {
    'data-root': join(state, 'data'),
    'exec-root': join(runtime, 'exec'),
    pidfile: pidFile,
    hosts: [`unix://${runtime}/docker.sock`],
    bridge: 'none',
    'storage-driver': 'overlay2',
    'cgroup-parent': `/${name}`,
    'default-address-pools': [{ base: '172.30.0.0/16', size: 24 }],
    runtimes: { bounded: { path: await goProgram('bounded-runc') } },
    'default-runtime': 'bounded',
  };
}

/** Ends the daemon with all its containers, and removes the namespace. Images stay in the cache. */
export async function stopDocker(): Promise<void> {
  if (await isDockerRunning()) {
    const containers = (await docker('ps', '--quiet')).split('\n').filter((id) => id !== '');
    if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
    const pid = Number(await readFile(pidFile, 'utf8'));
    process.kill(pid, 'SIGTERM');
    for (let attempt = 0; attempt < startAttempts && (await exists(`/proc/${pid}`)); attempt++) await delay(100);
  }
  await result('ip', ['netns', 'delete', name]);
  await rm(runtime, { recursive: true, force: true });
}
