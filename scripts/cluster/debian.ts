// Programs and root file systems from the machine's own Debian archive. Programs are unpacked into the cache: nothing is
// installed on the machine.
// https://manpages.debian.org/bookworm/mmdebstrap/mmdebstrap.1.en.html
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { cached, exists, fingerprint } from './cache.ts';
import { output } from './command.ts';

const suite = 'bookworm';
const omitted = ['doc', 'man', 'locale', 'info'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);

/** A PATH on which the programs of these packages are found, behind those that the machine has. */
export async function pathWith(packages: readonly string[]): Promise<string> {
  const root = await cached(`debian-${await fingerprint(packages)}`, (path) => unpack(packages, path));
  const folders = ['usr/bin', 'usr/sbin'].map((folder) => join(root, folder));
  return [process.env['PATH'] ?? '', '/usr/sbin', '/sbin', ...folders].join(delimiter);
}

async function unpack(packages: readonly string[], root: string): Promise<void> {
  const downloads = await mkdtemp(join(tmpdir(), 'keelson-debian-'));
  try {
    await download(packages, downloads);
    await mkdir(root);
    for (const file of await readdir(downloads)) await output('dpkg-deb', ['--extract', join(downloads, file), root]);
  } finally {
    await rm(downloads, { recursive: true });
  }
}

/** apt checks the signatures. The user that it downloads as may not write here, which is all it would complain about. */
async function download(packages: readonly string[], directory: string): Promise<void> {
  const get = () => output('apt-get', ['download', '-o', 'APT::Sandbox::User=root', ...packages], { cwd: directory });
  await get().catch(async () => {
    await output('apt-get', ['update']);
    await get();
  });
}

/** A tar file with the root file system of a minimal Debian that has these packages. */
export async function rootFileSystem(packages: readonly string[]): Promise<string> {
  const wanted = packages.join(',');
  return cached(`rootfs-${await fingerprint([suite, wanted])}.tar`, async (path) => {
    const list = '/etc/apt/sources.list.d/debian.sources';
    const sources = (await exists(list)) ? list : '/etc/apt/sources.list';
    const options = ['--variant=minbase', '--format=tar', `--include=${wanted}`, ...omitted];
    const aptOptions = ['--aptopt=APT::Install-Recommends "0"'];
    const env = { PATH: await pathWith(['mmdebstrap']) };
    await output('nice', ['mmdebstrap', ...options, ...aptOptions, suite, path, sources], { env, timeoutMs: 1200_000 });
  });
}
