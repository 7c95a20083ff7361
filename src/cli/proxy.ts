// `keelson proxy status` and `keelson proxy config`: what the proxies of a running daemon were sent and have accepted.
import { parseArgs } from 'node:util';

import type { Problem } from '../model/problem.ts';
import { describeProblem } from '../model/problem.ts';
import { listResources } from './explain/resource.ts';
import type { Io } from './io.ts';
import { exit, table, UsageError } from './io.ts';
import type { Ask } from './mesh-reader.ts';
import { debugClient, meshOptions, openMesh, tokenOf } from './mesh-reader.ts';

const defaultServer = 'http://127.0.0.1:15014';

const help = `Shows the proxies of a running daemon.

Usage: keelson proxy status [NAMESPACE] [--server URL] [--json]
       keelson proxy config POD.NAMESPACE [KIND] [--server URL] [--json]

  --server URL       the daemon's monitoring port (${defaultServer})
  --token-file FILE  the token to show it; not needed on its own machine
  --json             machine-readable output

Exit code of status: 1 if a proxy rejects something or lags behind.
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
  const proxies = (await ask(`syncz?namespace=${encodeURIComponent(name ?? '')}`)) as readonly Sync[];
  const isRejecting = proxies.some(({ resources = {} }) =>
    Object.values(resources).some(({ lastError }) => lastError !== undefined),
  );
  return status(proxies, isRejecting ? await rejections(ask) : [], json, io);
}

/** The objects behind what is rejected. They are told to who may see the whole mesh; to others Envoy's words have to do. */
async function rejections(ask: Ask): Promise<readonly Problem[]> {
  const problems = await ask('problems').catch((error: unknown) => {
    if (error instanceof UsageError) return [];
    throw error;
  });
  return (problems as readonly Problem[]).filter(({ code }) => code === 'rejected-resource');
}

function status(proxies: readonly Sync[], rejected: readonly Problem[], json: boolean, io: Io): number {
  const rows = proxies.map(({ proxy: name, resources = {} }) => ({
    proxy: name,
    types: Object.entries(resources).map(([type, each]) => ({
      type: type.slice(type.lastIndexOf('.') + 1),
      ...each,
      state: stateOf(each),
    })),
  }));
  if (json) io.stdout(`${JSON.stringify(rows, null, 2)}\n`);
  else {
    const cells = rows.map(({ proxy: name, types }) => [
      name,
      types.map(({ type, state }) => `${type} ${state}`).join(', '),
    ]);
    io.stdout(table([['PROXY', 'RESOURCES'], ...cells]));
    for (const { proxy: name, types } of rows)
      for (const { type, lastError } of types)
        if (lastError !== undefined) io.stdout(`${name} rejects ${type}: ${lastError}\n`);
    for (const problem of rejected) io.stdout(`${describeProblem(problem)}\n`);
  }
  return rows.every(({ types }) => types.every(({ state }) => state === 'SYNCED' || state === 'NOT SENT'))
    ? exit.fine
    : exit.bad;
}

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
