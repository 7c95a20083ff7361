// Whether a cluster can be made on this machine, and what it lacks if not: a kubelet needs root, namespaces, cgroups and a
// container runtime, which come with the machine, from Debian's archive and from Go modules.
// https://kind.sigs.k8s.io/docs/user/known-issues/
import { mkdtemp, readFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { exists } from './cache.ts';
import { succeeds } from './command.ts';
import { docker, dockerPath, startDocker, stopDocker } from './docker.ts';
import { goProgram } from './go-programs.ts';
import { importImage, writeProgramRoot } from './images.ts';

const probeImage = 'keelson-probe:latest';
const commands = ['go', 'ip', 'nsenter', 'unshare', 'apt-get', 'dpkg-deb', 'ldd'];

/** Why no cluster can be made on this machine, as far as looking tells; undefined if nothing is seen to be missing. */
export async function missingForCluster(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root';
  for (const command of commands)
    if (!(await succeeds('sh', ['-c', `command -v ${command}`]))) return `it needs ${command}`;
  // The node's packages are of this release, and come from the machine's own sources.
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  if (!release.includes('VERSION_CODENAME=bookworm')) return 'it needs the packages of Debian 12';
  if (!(await succeeds('unshare', ['--net', '--mount', 'true']))) return 'it needs the right to make namespaces';
  if (!(await canMakeGroups())) return 'it needs cgroups that can be written';
  return undefined;
}

/** Likewise, as far as trying tells: what has to be downloaded, and a privileged container. Leaves a daemon running. */
export async function missingForContainers(): Promise<string | undefined> {
  const attempts: readonly (readonly [what: string, attempt: () => Promise<unknown>])[] = [
    ["docker.io of Debian's archive", dockerPath],
    ["kind's Go modules", () => goProgram('kind')],
    ['a Docker daemon of its own', startDocker],
    ['privileged containers', runContainer],
  ];
  for (const [what, attempt] of attempts) {
    const reason = await attempt().then(() => undefined, lastLine);
    if (reason === undefined) continue;
    await stopDocker().catch(() => undefined);
    return `it needs ${what} (${reason})`;
  }
  return undefined;
}

/** Under either version of cgroups. */
async function canMakeGroups(): Promise<boolean> {
  const root = '/sys/fs/cgroup';
  const parent = (await exists(join(root, 'cgroup.controllers'))) ? root : join(root, 'memory');
  const made = await mkdtemp(join(parent, 'keelson-probe-')).catch(() => undefined);
  if (made !== undefined) await rmdir(made);
  return made !== undefined;
}

/** Mounts, as systemd does when it starts in a node. */
async function runContainer(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-probe-'));
  try {
    const root = join(directory, 'root');
    await writeProgramRoot(root, { 'usr/bin/mount': '/usr/bin/mount' });
    await importImage(probeImage, root, ['ENTRYPOINT ["/usr/bin/mount"]']);
    await docker('run', '--rm', '--privileged', '--net=none', probeImage, '-t', 'tmpfs', 'tmpfs', '/tmp');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const lastLine = (error: Error): string => error.message.trim().split('\n').at(-1)?.trim() ?? '';
