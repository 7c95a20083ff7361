// Finds the programs of a Kubernetes control plane, or builds them: KUBEBUILDER_ASSETS in the environment, else a cache that
// is filled once by `go build` from the Go modules that test/tools/kubernetes/go.mod names and go.sum checks. Run as a program
// it builds what is missing and prints their directory.
// https://book.kubebuilder.io/reference/envtest
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const packages = {
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
} as const;
export type Program = keyof typeof packages;
const programs = Object.keys(packages) as readonly Program[];

const modules = resolve(import.meta.dirname, '..', 'test', 'tools', 'kubernetes');
const remedy =
  'Install Go (https://go.dev/dl/), or set KUBEBUILDER_ASSETS to a directory with kube-apiserver and etcd.';
const buildMs = 40 * 60_000;

/** The directory that holds `wanted`, or why there is none. Builds nothing. */
export async function findKubernetes(
  env: NodeJS.ProcessEnv = process.env,
  wanted: readonly Program[] = ['kube-apiserver', 'etcd'],
): Promise<{ readonly directory: string } | { readonly missing: string }> {
  const chosen = env['KUBEBUILDER_ASSETS'];
  const directory = chosen || (await cacheDirectory(env));
  for (const program of wanted)
    if (!(await isExecutable(join(directory, program))))
      return {
        missing: chosen
          ? `KUBEBUILDER_ASSETS=${chosen} has no ${program}`
          : `${program} is not built yet: run \`make kubernetes\``,
      };
  return { directory };
}

/** Builds what is not there. `report` is told what takes long. Throws an Error that says what to do about it. */
export async function buildKubernetes(
  env: NodeJS.ProcessEnv = process.env,
  report: (line: string) => void = () => {},
): Promise<string> {
  const found = await findKubernetes(env, env['KUBEBUILDER_ASSETS'] ? undefined : programs);
  if ('directory' in found) return found.directory;
  if (env['KUBEBUILDER_ASSETS']) throw new Error(`${found.missing}. Correct it, or unset it to have them built.`);
  const directory = await cacheDirectory(env);
  await mkdir(directory, { recursive: true });
  const scratch = await mkdtemp(join(directory, '.build-'));
  try {
    for (const program of programs) {
      if (await isExecutable(join(directory, program))) continue;
      report(`Building ${program} from its Go modules (once; all together take some minutes) ...`);
      await build(program, scratch, env);
      // Renaming is atomic: whoever builds the same at the same time makes the same.
      await rename(join(scratch, program), join(directory, program));
    }
  } catch (error) {
    throw new Error(`No Kubernetes could be built: ${reason(error)}\n${remedy}`, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return directory;
}

async function build(program: Program, directory: string, env: NodeJS.ProcessEnv): Promise<void> {
  const flags = ['-buildvcs=false', '-trimpath', '-ldflags', await linkerFlags(program)];
  await run('nice', ['go', 'build', ...flags, '-o', join(directory, program), packages[program]], {
    cwd: modules,
    env: { ...env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    timeout: buildMs,
    maxBuffer: 64 << 20,
  });
}

async function linkerFlags(program: Program): Promise<string> {
  return ['-s', '-w', ...(program === 'etcd' ? [] : linkerFlagsOf(await kubernetesVersion()))].join(' ');
}

/** Without its version a server calls itself a development build, and clients that read versions refuse it. */
export function linkerFlagsOf(version: string): readonly string[] {
  const values = {
    gitVersion: version,
    gitMajor: '1',
    gitMinor: version.split('.')[1] ?? '',
    gitTreeState: 'clean',
    gitCommit: 'unknown',
    buildDate: '1970-01-01T00:00:00Z',
  };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) =>
    Object.entries(values).map(([name, value]) => `-X ${path}.${name}=${value}`),
  );
}

/** Like `v1.36.3`. */
export async function kubernetesVersion(): Promise<string> {
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(await readFile(join(modules, 'go.mod'), 'utf8'))?.[1];
  if (version === undefined) throw new Error('test/tools/kubernetes/go.mod does not name k8s.io/kubernetes');
  return version;
}

/** One for each state of go.mod and go.sum. */
async function cacheDirectory(env: NodeJS.ProcessEnv): Promise<string> {
  const cache = join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keelson');
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(modules, file)));
  return join(cache, `kubernetes-${await kubernetesVersion()}-${hash.digest('hex').slice(0, 12)}`);
}

const isExecutable = async (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

function reason(error: unknown): string {
  const { code, path, stderr, message } = error as { code?: string; path?: string; stderr?: string; message?: string };
  if (code === 'ENOENT') return `${path ?? 'a program'} was not found.`;
  if (/nice: .*go.*: No such file/.test(stderr ?? '')) return 'Go was not found.';
  return (stderr?.trim() || message || String(error)).split('\n').slice(-5).join('\n');
}

if (import.meta.main) {
  try {
    process.stdout.write(`${await buildKubernetes(process.env, (line) => process.stderr.write(`${line}\n`))}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = process.argv.includes('--optional') ? 0 : 1;
  }
}
