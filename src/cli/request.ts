// `keelson request GET debug/syncz`: a page of the daemon on this machine, as it stands. In the image it goes by the name of
// `pilot-discovery`, too, which is what `istioctl bug-report` and many a runbook run in the control plane's Pod.
// https://istio.io/latest/docs/reference/commands/pilot-discovery/#pilot-discovery-request
import { parseArgs } from 'node:util';

import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import { tokenOf } from './mesh/mesh-reader.ts';

const defaultServer = 'http://127.0.0.1:15014';
const patience = 30_000;

const help = `Prints a page of a running daemon.

Usage: keelson request [GET|POST] PATH [--server URL]

  PATH               debug/syncz, debug/config_dump?proxyID=web-1.shop, metrics, version, ...; debug/list names more
  --server URL       the daemon's monitoring port (${defaultServer})
  --token-file FILE  the token to show it; not needed on its own machine
`;

export async function request(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      server: { type: 'string' },
      'token-file': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const [method, path] = positionals.length === 1 ? ['GET', positionals[0]] : positionals;
  if (path === undefined || positionals.length > 2) throw new UsageError('say one page: [GET|POST] PATH');
  if (method !== 'GET' && method !== 'POST') throw new UsageError(`'${method}' is neither GET nor POST`);
  const token = await tokenOf(values['token-file']);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const url = `${(values.server ?? defaultServer).replace(/\/$/, '')}/${path.replace(/^\/+/, '')}`;
  const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(patience) }).catch((error: Error) => {
    throw new UsageError(
      `${url} does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`,
    );
  });
  const text = await answer.text();
  if (answer.ok) return (io.stdout(text), exit.fine);
  io.stderr(`${url}: ${answer.status} ${text.trim()}\n`);
  return exit.bad;
}
