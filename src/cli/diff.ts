// `keelson diff`: which proxies' configuration a manifest would change, and how: what becomes of hosts and ports first, the
// fields of Envoy's resources second. Of files, of a running daemon, or from one version of Keelson to this one.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import type { Difference } from '../admin/console/api.ts';
import { installation } from '../daemon/mesh/installation.ts';
import { behavior } from '../inspect/behavior.ts';
import type { FieldChange, ResourceChange } from '../inspect/differences.ts';
import { applied, resourceChanges } from '../inspect/differences.ts';
import type { MeshReader } from '../inspect/mesh-reader.ts';
import { meshProblems } from '../inspect/proxy-problems.ts';
import { decodedKinds } from '../model/envoy/decoded.ts';
import type { Problem } from '../model/problem.ts';
import { describeProblem } from '../model/problem.ts';
import type { NodeInfo } from '../model/envoy/resource.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { emptySnapshot } from '../model/snapshot.ts';
import { translate } from '../translate/translate.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import { filesReader, meshOptions, openMesh, postToConsole, tokenOf } from './mesh/mesh-reader.ts';
import { nodeOfPod } from './mesh/node-of-pod.ts';
import { loadFiles } from './mesh/offline.ts';

const help = `Shows which proxies' configuration a change would change, and how. Nothing is applied.

Usage: keelson diff (--config PATH... | --server URL) [--file PATH...] [--delete PATH...] [--proxy POD.NAMESPACE]... [--json]
       keelson diff --server URL --config PATH...

  --config PATH     the mesh as it is, in files; may be repeated
  --server URL      the mesh as it is, at a running daemon's monitoring port
  --token-file FILE the token to show it; not needed on its own machine
  -f, --file PATH   what would be applied to it; may be repeated
  --delete PATH     manifests of what would be deleted from it; may be repeated
  --proxy NAME      only this proxy; may be repeated
  --json            machine-readable output

With --server and --config and no change: from what the daemon wants its proxies to have to what this version of Keelson makes of
the files. With the objects of a cluster in them that shows what an upgrade would change.

Exit code: 0 if nothing changes, 1 if something does, 2 for wrong use.
`;

/** Of one resource; more are counted only. */
const mostFields = 20;

interface Asked {
  readonly config?: readonly string[] | undefined;
  readonly server?: string | undefined;
  readonly 'token-file'?: string | undefined;
  readonly file?: readonly string[] | undefined;
  readonly delete?: readonly string[] | undefined;
  readonly proxy?: readonly string[] | undefined;
}

interface Changed {
  readonly proxies: readonly string[];
  readonly resources: readonly ResourceChange[];
}

interface Found {
  readonly looked: number;
  readonly changed: readonly Changed[];
  /** What would be wrong and is not yet. */
  readonly problems: readonly Problem[];
}

export async function diff(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...meshOptions,
      file: { type: 'string', short: 'f', multiple: true },
      delete: { type: 'string', multiple: true },
      proxy: { type: 'string', multiple: true },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const { looked, changed, problems } = await found(values);
  if (values.json === true)
    io.stdout(
      `${JSON.stringify(
        changed.flatMap(({ proxies, resources }) => proxies.map((proxy) => ({ proxy, resources }))),
        null,
        2,
      )}\n`,
    );
  else {
    const count = changed.reduce((sum, { proxies }) => sum + proxies.length, 0);
    const wrong = problems.map((problem) => `  ${describeProblem(problem)}`);
    const rows = [`${count} of ${looked} proxies change`, ...changed.flatMap(lines)];
    io.stdout([...rows, ...(wrong.length === 0 ? [] : ['', 'What would be wrong:', ...wrong])].join('\n') + '\n');
  }
  return changed.length > 0 ? exit.bad : exit.fine;
}

function found(asked: Asked): Promise<Found> {
  const { config, server, file, delete: gone } = asked;
  const isChange = file !== undefined || gone !== undefined;
  if (server !== undefined && isChange && config === undefined) return ofDaemon(server, asked);
  if (server !== undefined && config !== undefined && !isChange) return ofVersions(server, config, asked);
  if (config !== undefined && server === undefined && isChange) return ofFiles(config, asked);
  throw new UsageError('give --config or --server, and --file or --delete; or --config and --server');
}

async function ofFiles(config: readonly string[], { file = [], delete: gone = [], proxy }: Asked): Promise<Found> {
  const [base, change, removed] = await Promise.all([loadFiles(config), loadFiles(file), loadFiles(gone)]);
  const next = applied(base.snapshot, change.snapshot, gone.length === 0 ? emptySnapshot : removed.snapshot);
  const [before, after] = [filesReader(base.snapshot), filesReader(next)];
  const proxies = proxy ?? before.proxies.map(({ name }) => name);
  const known = new Set(problemsOf(base.snapshot).map(describeProblem));
  const problems = problemsOf(next).filter((problem) => !known.has(describeProblem(problem)));
  return {
    ...(await compared(before, (name) => after.read(name), proxies)),
    problems: [...change.problems, ...removed.problems, ...problems],
  };
}

function problemsOf(snapshot: Snapshot): readonly Problem[] {
  const nodes = [...snapshot.objects.Pod.values()].flatMap((pod) => nodeOfPod(pod, snapshot) ?? []);
  return meshProblems(translate(snapshot, installation()), nodes, Date.now());
}

/** From what a daemon makes of its objects to what this version makes of the same ones. */
async function ofVersions(server: string, config: readonly string[], asked: Asked): Promise<Found> {
  const { snapshot, problems } = await loadFiles(config);
  const [before, after] = [await openMesh({ server, 'token-file': asked['token-file'] }), filesReader(snapshot)];
  const proxies = asked.proxy ?? before.proxies.map(({ name }) => name);
  // As the proxies describe themselves to the daemon: what Pods look like from outside may be something else.
  return { ...(await compared(before, (_name, node) => after.readNode(node), proxies)), problems };
}

type ReadAfter = (proxy: string, node: NodeInfo) => ReturnType<MeshReader['read']>;

async function compared(before: MeshReader, after: ReadAfter, proxies: readonly string[]) {
  const changed: Changed[] = [];
  for (const proxy of proxies) {
    const { node, resources: old } = await before.read(proxy);
    const { resources: fresh } = await after(proxy, node);
    const resources = decodedKinds
      .flatMap((kind) => resourceChanges(kind, old[kind], fresh[kind]))
      .filter(({ change, fields }) => change !== 'changes' || fields.length > 0);
    if (resources.length > 0) changed.push({ proxies: [proxy], resources });
  }
  return { looked: proxies.length, changed };
}

/** The daemon compares by itself, for all proxies that are connected. */
async function ofDaemon(server: string, asked: Asked): Promise<Found> {
  const { file = [], delete: gone = [], proxy } = asked;
  const change = { apply: await textOf(file), remove: await textOf(gone) };
  const token = await tokenOf(asked['token-file']);
  const { looked, groups, problems } = (await postToConsole(server, token, 'diff', change)) as Difference;
  const isAsked = (name: string): boolean => proxy === undefined || proxy.includes(name);
  const changed = groups
    .map(({ proxies, resources }) => ({ proxies: proxies.filter(isAsked), resources }))
    .filter(({ proxies }) => proxies.length > 0);
  return { looked, changed, problems };
}

/** Of YAML files, and of those in directories. */
async function textOf(paths: readonly string[]): Promise<string> {
  const files = await Promise.all(paths.map(filesAt));
  const texts = await Promise.all(files.flat().map((file) => readFile(file, 'utf8')));
  return texts.join('\n---\n');
}

async function filesAt(path: string): Promise<readonly string[]> {
  const at = await stat(path).catch((error: Error) => {
    throw new UsageError(`cannot read ${path}: ${error.message}`);
  });
  if (!at.isDirectory()) return [path];
  const names = await readdir(path, { recursive: true });
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .toSorted()
    .map((name) => join(path, name));
}

/** Of proxies that change in the same way, a few by name. */
const mostNamed = 5;

function lines({ proxies, resources }: Changed): readonly string[] {
  const more = proxies.length > mostNamed ? ` and ${proxies.length - mostNamed} more` : '';
  return [
    '',
    `${proxies.slice(0, mostNamed).join(', ')}${more}`,
    ...resources.map((each) => `  ${behavior(each)}`),
    ...resources.flatMap(({ kind, name, fields }) => {
      const shown = fields.slice(0, mostFields).map(fieldLine);
      const more = fields.length > mostFields ? [`      and ${fields.length - mostFields} more`] : [];
      return fields.length === 0 ? [] : [`    ${kind} ${name}`, ...shown, ...more];
    }),
  ];
}

const fieldLine = ({ field, before, after, causes }: FieldChange): string =>
  `      ${field}: ${text(before)} -> ${text(after)}${causes.length === 0 ? '' : `, because of ${causes.join(', ')}`}`;

const text = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
