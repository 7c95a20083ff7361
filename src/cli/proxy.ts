// `keelson proxy status` and `keelson proxy config`: what the proxies of a running daemon were sent and have accepted.
import { parseArgs } from 'node:util';

import type { Problem } from '../model/problem.ts';
import { describeProblem } from '../model/problem.ts';
import { listResources } from './explain/resource.ts';
import type { Io } from './io.ts';
import { exit, table, UsageError } from './io.ts';
import type { Ask } from './mesh/mesh-reader.ts';
import { debugClient, meshOptions, openMesh, tokenOf } from './mesh/mesh-reader.ts';

const defaultServer = 'http://127.0.0.1:15014';

const help = `Shows the proxies of a running daemon.

Usage: keelson proxy status [NAMESPACE] [--server URL] [--json]
       keelson proxy config POD.NAMESPACE [KIND] [--server URL] [--json]

  --server URL       the daemon's monitoring port (${defaultServer})
  --token-file FILE  the token to show it; not needed on its own machine
  --json             machine-readable output

Exit code of status: 1 if a proxy rejects something, lags behind, or is gone though its Pod is there.
`;

interface Sync {
  readonly proxy: string;
  readonly resources?: Readonly<
    Record<string, { readonly sent?: string; readonly acked?: string; readonly lastError?: string }>
  >;
}

export async function proxy(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      server: meshOptions.server,
      'token-file': meshOptions['token-file'],
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const [command, name, kind] = positionals;
  const { server = defaultServer, json = false } = values;
  if (command === 'config') {
    if (name === undefined) throw new UsageError('which proxy: config POD.NAMESPACE');
    const mesh = await openMesh({ server, 'token-file': values['token-file'] });
    return listResources((await mesh.read(name)).resources, kind, json, io);
  }
  if (command !== 'status') throw new UsageError("say 'status' or 'config'");
  const ask = debugClient(server, await tokenOf(values['token-file']));
  const proxies = (await ask(`syncz?replicas=all&namespace=${encodeURIComponent(name ?? '')}`)) as readonly Sync[];
  const isRejecting = proxies.some(({ resources = {} }) =>
    Object.values(resources).some(({ lastError }) => lastError !== undefined),
  );
  return status(proxies, await problemsOf(ask, isRejecting, name), json, io);
}

const ofAbsent: ReadonlySet<string> = new Set(['expired-workload-certificate', 'proxy-not-connected']);

/**
 * The objects behind what is rejected, and proxies that cannot be reached. They are told to who may see the whole mesh; to
 * others Envoy's words have to do.
 */
async function problemsOf(ask: Ask, isRejecting: boolean, namespace: string | undefined): Promise<readonly Problem[]> {
  const problems = await ask('problems').catch((error: unknown) => {
    if (error instanceof UsageError) return [];
    throw error;
  });
  return (problems as readonly Problem[]).filter(
    ({ code, source }) =>
      (isRejecting && code === 'rejected-resource') ||
      (ofAbsent.has(code) && (namespace === undefined || source?.namespace === namespace)),
  );
}

function status(proxies: readonly Sync[], problems: readonly Problem[], json: boolean, io: Io): number {
  const rows = proxies.map(({ proxy: name, resources = {} }) => ({
    proxy: name,
    types: Object.entries(resources).map(([type, each]) => ({
      type: type.slice(type.lastIndexOf('.') + 1),
      ...each,
      state: stateOf(each),
    })),
  }));
  const absent = problems.filter(({ code }) => ofAbsent.has(code));
  if (json) io.stdout(`${JSON.stringify([...rows, ...absent.map(absentRow)], null, 2)}\n`);
  else {
    const cells = rows.map(({ proxy: name, types }) => [
      name,
      types.map(({ type, state }) => `${type} ${state}`).join(', '),
    ]);
    io.stdout(table([['PROXY', 'RESOURCES'], ...cells]));
    for (const { proxy: name, types } of rows)
      for (const { type, lastError } of types)
        if (lastError !== undefined) io.stdout(`${name} rejects ${type}: ${lastError}\n`);
    for (const problem of problems) io.stdout(`${describeProblem(problem)}\n`);
  }
  const isFine = rows.every(({ types }) => types.every(({ state }) => state === 'SYNCED' || state === 'NOT SENT'));
  return isFine && absent.length === 0 ? exit.fine : exit.bad;
}

const absentRow = ({ source, message }: Problem): object => ({
  proxy: `${source?.name}.${source?.namespace}`,
  types: [],
  problem: message,
});

function stateOf({
  sent,
  acked,
  lastError,
}: {
  readonly sent?: string;
  readonly acked?: string;
  readonly lastError?: string;
}): string {
  if (lastError !== undefined) return 'ERROR';
  if (sent === undefined) return 'NOT SENT';
  return sent === acked ? 'SYNCED' : 'STALE';
}
