// Container images made of files of this machine, without a registry and without a Dockerfile's base images: Keelson's own,
// and those that stand in for what a user's cluster pulls. Each has the libraries that its programs are linked with.
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

import { envoyBinary, envoyVersion } from '../envoy.ts';
import { exists, fingerprint } from './cache.ts';
import { output, result } from './command.ts';
import { docker, imageExists } from './docker.ts';
import { goProgram } from './go-programs.ts';

const repository = resolve(import.meta.dirname, '..', '..');
const users =
  'root:x:0:0:root:/:/none\nenvoy:x:101:101::/:/none\nistio-proxy:x:1337:1337::/:/none\nnobody:x:65534:65534::/:/none\n';

/** The names under which the cluster has them. */
export const images = {
  keelson: 'keelson:0.1.0',
  envoy: `envoyproxy/envoy:v${envoyVersion}`,
  shop: 'keelson-shop:latest',
  idle: 'keelson-idle:latest',
} as const;

const apps = join('test', 'cluster', 'apps');
const within = (...parts: readonly string[]): readonly string[] => parts.map((part) => join(repository, part));
const buildFiles = ['scripts/image-root.sh', 'tsconfig.json', 'tsconfig.build.json'] as const;
const madeOf = {
  keelson: within('src', 'protos', 'package.json', 'package-lock.json', 'LICENSE', 'Dockerfile', ...buildFiles),
  shop: within('demo', apps, 'package-lock.json'),
} as const;
/** What an image is made of, by whose content it is known whether it is to be made again. */
const sourcesOf = async (name: keyof typeof images, report: (line: string) => void): Promise<readonly string[]> =>
  name === 'envoy' ? [await envoyPath(report)] : name === 'idle' ? [await goProgram('pause', report)] : madeOf[name];

/** Each lays out a root file system, and returns what a Dockerfile would say of the image besides. */
const makers = { keelson: makeKeelson, envoy: makeEnvoy, shop: makeShop, idle: makeIdle } as const;

/** Makes a root file system with these programs, by their places in it, and what they need to run. */
export async function writeProgramRoot(root: string, programs: Readonly<Record<string, string>>): Promise<void> {
  for (const directory of ['etc', 'tmp', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64'])
    await mkdir(join(root, directory), { recursive: true });
  await output('chmod', ['1777', join(root, 'tmp')]);
  for (const link of ['bin', 'sbin', 'lib', 'lib64']) await symlink(join('usr', link), join(root, link));
  await writeFile(join(root, 'etc', 'passwd'), users);
  await writeFile(join(root, 'etc', 'nsswitch.conf'), 'hosts: files dns\n');
  for (const [place, file] of Object.entries(programs)) {
    await copyFile(file, join(root, place));
    for (const library of await librariesOf(file)) await copyFile(library, join(root, library));
  }
}

async function copyFile(from: string, to: string): Promise<void> {
  if (await exists(to)) return;
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { dereference: true });
}

/** None for a program that is linked statically. */
async function librariesOf(file: string): Promise<readonly string[]> {
  const { status, stdout } = await result('ldd', [file]);
  return status === 0 ? [...stdout.matchAll(/(?:=> |^\s+)(\/\S+)/gm)].map((match) => match[1] ?? '') : [];
}

/** `changes` are instructions of a Dockerfile. */
export async function importImage(name: string, root: string, changes: readonly string[]): Promise<void> {
  const archive = `${root}.image.tar`;
  await output('tar', ['--owner=0', '--group=0', '-C', root, '-cf', archive, '.']);
  await docker('import', ...changes.flatMap((change) => ['--change', change]), archive, name);
  await rm(archive);
}

/** Makes those of `images` that are not as the sources are now. */
export async function makeImages(
  report: (line: string) => void,
  wanted = Object.keys(images) as readonly (keyof typeof images)[],
): Promise<void> {
  for (const name of wanted) {
    const content = await fingerprint([process.version], [...(await sourcesOf(name, report)), import.meta.filename]);
    await imageByContent(images[name], content, async (image, root) => {
      report(`Making the image ${images[name]} ...`);
      await importImage(image, root, await makers[name](root));
    });
  }
}

/** How many states of an image are kept, for clones of the repository that take turns. */
const keptStates = 3;

/**
 * Gives the name to the image with this content, which `make` makes, in a directory to work in, unless it was made before:
 * whatever has had the name meanwhile.
 */
export async function imageByContent(
  name: string,
  content: string,
  make: (image: string, root: string) => Promise<void>,
): Promise<void> {
  const states = `keelson-made/${name.replace(/.*\//, '').replace(/:.*/, '')}`;
  const image = `${states}:${content}`;
  if (!(await imageExists(image))) {
    const directory = await mkdtemp(join(tmpdir(), 'keelson-images-'));
    try {
      await make(image, join(directory, 'root'));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
    const made = (await docker('images', '--format', '{{ .Repository }}:{{ .Tag }}', states)).trim().split('\n');
    // The newest is the first.
    for (const old of made.slice(keptStates)) await docker('rmi', old);
  }
  await docker('tag', image, name);
}

/** By the steps of the Dockerfile, in a copy of the repository. */
async function makeKeelson(root: string): Promise<readonly string[]> {
  const build = `${root}.build`;
  for (const part of ['package.json', 'LICENSE', 'protos', 'scripts', 'src', 'tsconfig.json', 'tsconfig.build.json'])
    await cp(join(repository, part), join(build, part), { recursive: true });
  await output('npx', ['tsc', '-p', 'tsconfig.build.json', '--outDir', join(build, 'dist')], { cwd: repository });
  await copyPackages(build);
  // It takes the Node that it finds, which has to be this one.
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  await output('sh', [join(build, 'scripts', 'image-root.sh'), root], { env: { PATH: path } });
  return lastStage();
}

/** What a running program needs, as `npm prune --omit=dev` leaves it. */
async function copyPackages(build: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(repository, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  const needed = Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path]) => path);
  for (const path of needed)
    if ((await exists(join(repository, path))) && !(await exists(join(build, path))))
      await cp(join(repository, path), join(build, path), { recursive: true });
}

/** What the Dockerfile says of the image itself, after the files are in place. */
async function lastStage(): Promise<readonly string[]> {
  const text = await readFile(join(repository, 'Dockerfile'), 'utf8');
  const stage = text.slice(text.lastIndexOf('FROM scratch'));
  return stage.split('\n').filter((line) => /^(USER|WORKDIR|ENV|EXPOSE|ENTRYPOINT|CMD) /.test(line));
}

async function makeEnvoy(root: string): Promise<readonly string[]> {
  await writeProgramRoot(root, { 'usr/local/bin/envoy': await envoyPath() });
  return ['USER 101:101', 'ENTRYPOINT ["/usr/local/bin/envoy"]'];
}

const envoyPath = async (report?: (line: string) => void): Promise<string> =>
  (await output('which', [await envoyBinary(process.env, report)])).trim();

async function makeShop(root: string): Promise<readonly string[]> {
  await writeProgramRoot(root, { 'usr/bin/node': process.execPath });
  for (const part of ['demo', apps, 'package.json'])
    await cp(join(repository, part), join(root, 'shop', part), { recursive: true });
  return ['WORKDIR /shop', 'USER 65534:65534', 'ENTRYPOINT ["/usr/bin/node"]'];
}

/** A program that does nothing, and takes no room. */
async function makeIdle(root: string): Promise<readonly string[]> {
  await writeProgramRoot(root, { 'usr/bin/pause': await goProgram('pause') });
  return ['USER 65534:65534', 'ENTRYPOINT ["/usr/bin/pause"]'];
}

/** By the name that containerd knows an image by: Docker's name of it, and its id. */
export async function imageIds(): Promise<ReadonlyMap<string, { readonly name: string; readonly id: string }>> {
  const ids = new Map<string, { readonly name: string; readonly id: string }>();
  for (const name of Object.values(images)) {
    const id = (await docker('image', 'inspect', '--format', '{{ .Id }}', name)).trim();
    ids.set(name.includes('/') ? `docker.io/${name}` : `docker.io/library/${name}`, { name, id });
  }
  return ids;
}
