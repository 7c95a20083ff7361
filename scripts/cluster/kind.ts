// A kind cluster in the network namespace of our own Docker daemon, with our node image and our images in every node.
// https://kind.sigs.k8s.io/docs/user/configuration/
import type { CommandOptions, CommandResult } from './command.ts';

import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { cacheDirectory } from './cache.ts';
import {
  clusterSuffix,
  docker,
  dockerPath,
  inside,
  insideResult,
  isDockerRunning,
  startDocker,
  stopDocker,
} from './docker.ts';
import { goProgram } from './go-programs.ts';
import { imageIds, makeImages } from './images.ts';
import { raiseLimits } from './limits.ts';
import { nodeImage } from './node-image.ts';

type Report = (line: string) => void;

const name = `keelson-test${clusterSuffix}`;
export const kubeconfig = join(cacheDirectory, `${name}.kubeconfig`);

/**
 * Starts a cluster of one node, unless it runs, and puts images of the sources as they are now into it. Returns whether it
 * was started now.
 */
export async function startCluster(report: Report): Promise<boolean> {
  await raiseLimits(report);
  await startDocker();
  const image = await nodeImage(report);
  const ready = await isReady();
  if (!ready) await createCluster(image, report);
  await loadImages(report);
  return !ready;
}

async function isReady(): Promise<boolean> {
  const { status } = await kubectlResult(['--request-timeout=5s', 'get', '--raw', '/readyz']).catch(() => ({
    status: -1,
  }));
  return status === 0;
}

async function createCluster(image: string, report: Report): Promise<void> {
  report('Starting a cluster ...');
  await mkdir(cacheDirectory, { recursive: true });
  await deleteCluster();
  const configuration = join(cacheDirectory, `${name}.yaml`);
  await writeFile(
    configuration,
    'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{ role: control-plane }]\n',
  );
  const args = [
    '--name',
    name,
    '--image',
    image,
    '--config',
    configuration,
    '--kubeconfig',
    kubeconfig,
    '--wait',
    '180s',
  ];
  await inside(await goProgram('kind'), ['create', 'cluster', ...args]);
}

const deleteCluster = async (): Promise<string> =>
  inside(await goProgram('kind'), ['delete', 'cluster', '--name', name]);

/** Makes the images and gives the node those that it does not have. */
export async function loadImages(report: Report): Promise<void> {
  await makeImages(report);
  const known = (await inNode(['images', 'list', '--quiet'])).split('\n');
  const missing = [...(await imageIds())].filter(([, { id }]) => !known.includes(id));
  if (missing.length === 0) return;
  report('Loading images into the cluster ...');
  // The kubelet would not be told of another image under a name that it knows.
  for (const [reference] of missing) await inNode(['images', 'remove', '--sync', reference]);
  const archive = join(cacheDirectory, 'images.tar');
  try {
    await docker('save', '--output', archive, ...missing.map(([, image]) => image.name));
    await inNode(['images', 'import', '--all-platforms', '--snapshotter', 'overlayfs', '-'], { inputFile: archive });
  } finally {
    await rm(archive, { force: true });
  }
}

const inNode = (args: readonly string[], options: CommandOptions = {}): Promise<string> =>
  inside(
    'docker',
    ['exec', '--interactive', `${name}-control-plane`, 'ctr', '--namespace', 'k8s.io', ...args],
    options,
  );

/** Ends a container of a Pod as a crash of its machine would: at once, and without a word. */
export const crash = async (containerId: string): Promise<string> =>
  inNode(['tasks', 'kill', '--signal', 'SIGKILL', containerId.replace(/^\w+:\/\//, '')]);

/** What the kubelet complained of last. */
export const nodeJournal = async (): Promise<string> =>
  inside('docker', [
    'exec',
    `${name}-control-plane`,
    'journalctl',
    '--no-pager',
    '--lines=20',
    '--grep=^[EW]',
    '--unit=kubelet',
  ]);

/** Ends the cluster and the Docker daemon that it runs in. */
export async function stopCluster(): Promise<void> {
  if (await isDockerRunning()) await deleteCluster();
  await stopDocker();
}

/**
 * Runs a command as a user does who has Docker, kind and kubectl.
 */
export async function asUser(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const programs = join(cacheDirectory, 'programs');
  await mkdir(programs, { recursive: true });
  for (const program of ['kind', 'kubectl'] as const) {
    await rm(join(programs, program), { force: true });
    await symlink(await goProgram(program), join(programs, program));
  }
  const path = [programs, await dockerPath()].join(delimiter);
  const env = { PATH: path, KUBECONFIG: join(cacheDirectory, 'user.kubeconfig'), ...options.env };
  return inside(command, args, { ...options, env });
}

/** Runs kubectl as the cluster's administrator and returns what it prints. */
export const kubectl = async (args: readonly string[], options: CommandOptions = {}): Promise<string> =>
  inside(await goProgram('kubectl'), ['--kubeconfig', kubeconfig, ...args], options);

/** Likewise, where it may fail. */
export const kubectlResult = async (args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
  insideResult(await goProgram('kubectl'), ['--kubeconfig', kubeconfig, ...args], options);
