// What the control planes are measured in: an API server with a mesh, and the load generator that knows nothing of them.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { RunningProcess } from '../../scripts/process.ts';
import { failure, startProcess } from '../../scripts/process.ts';
import type { TestKubernetes } from '../../test/support/kubernetes/kubernetes.ts';
import { startKubernetes } from '../../test/support/kubernetes/kubernetes.ts';
import { root } from './planes.ts';

export interface World {
  /** Reports, and what is kept of a failure. */
  readonly reports: string;
  /** Gone in the end. */
  readonly secrets: string;
  readonly xdsload: string;
  readonly kubernetes: TestKubernetes;
  /** Flags that describe the mesh. */
  readonly mesh: readonly string[];
}

const run = promisify(execFile);
const maxBuffer = 64 << 20;

/** Calls `use` with the load generator, built, and a directory for what is found; both are gone afterwards but for reports. */
export async function withLoadGenerator(
  use: (xdsload: string, directories: Pick<World, 'reports' | 'secrets'>) => Promise<void>,
): Promise<void> {
  const reports = await mkdtemp(join(tmpdir(), 'keelson-bench-'));
  const secrets = await mkdtemp(join(tmpdir(), 'keelson-bench-'));
  try {
    const xdsload = join(secrets, 'xdsload');
    await run('go', ['build', '-o', xdsload, '.'], { cwd: join(root, 'bench', 'xdsload') });
    await use(xdsload, { reports, secrets });
  } finally {
    await rm(secrets, { recursive: true, force: true });
    console.error(`Reports are in ${reports}`);
  }
}

/** Flags of a mesh in ten namespaces where everybody sees everything. */
export const meshOf = (services: number, pods = 2): readonly string[] => [
  `--services=${services}`,
  `--pods=${pods}`,
  '--namespaces=10',
];

/** Calls `use` with an API server that has this mesh. */
export async function withMesh(
  tools: Omit<World, 'kubernetes' | 'mesh'>,
  mesh: readonly string[],
  use: (world: World) => Promise<void>,
): Promise<void> {
  const kubernetes = await startKubernetes();
  try {
    const world: World = { ...tools, kubernetes, mesh };
    const bulk = join(tools.secrets, 'bulk');
    await ask(world, ['seed', ...mesh, '--crds', join(root, 'manifests', 'crds.yaml'), '--bulk', bulk]);
    for (const [path, objects] of Map.groupBy(await linesOf(bulk), ([path]) => path))
      await kubernetes.store(
        path,
        objects.map(([, key, json]) => [key, json] as const),
      );
    await use(world);
  } finally {
    await kubernetes.stop();
  }
}

/** Objects by where the server keeps them: `path TAB namespace/name TAB json` in each line. */
async function linesOf(file: string): Promise<readonly (readonly [path: string, key: string, json: string])[]> {
  const text = await readFile(file, 'utf8');
  return text.split('\n').flatMap((line) => {
    const [path = '', key = '', json = ''] = line.split('\t');
    return json === '' ? [] : [[path, key, json] as const];
  });
}

/** What the load generator prints. */
export async function ask({ xdsload, kubernetes }: World, command: readonly string[]): Promise<string> {
  const env = { ...process.env, KUBECONFIG: kubernetes.kubeconfig };
  const { stdout } = await run(xdsload, [...command], { env, maxBuffer });
  return stdout;
}

/** Starts the load generator; its report goes into a file. */
export function load(world: World, command: readonly string[], onLine: (line: string) => void): RunningProcess {
  const environment = [`KUBECONFIG=${world.kubernetes.kubeconfig}`];
  return startProcess(`xdsload ${command[0]}`, 'env', [...environment, world.xdsload, ...command], onLine);
}

/** Throws with its last words when it has failed. */
export async function succeeded(process: RunningProcess): Promise<void> {
  const end = await process.ended;
  if (end !== 'ended with code 0') throw new Error(failure(process, end));
}
