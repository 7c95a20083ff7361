// `keelson serve`: the daemon. It runs until it is told to stop.
import { once } from 'node:events';
import { parseArgs } from 'node:util';

import type { KeyAlgorithm } from '../ca/certificate/keys.ts';
import { keyAlgorithms } from '../ca/certificate/keys.ts';
import { defaultDnsNames } from '../ca/server-identity.ts';
import { defaultStateDirectory } from '../config.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { openKubernetesClient } from '../kubernetes/client.ts';
import type { CredentialsOptions } from '../kubernetes/credentials.ts';
import type { DaemonOptions } from '../main.ts';
import { startDaemon } from '../main.ts';
import type { Problem } from '../model/problem.ts';
import { describeProblem } from '../model/problem.ts';
import type { Log } from '../xds/log.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import { lineLog } from './log.ts';

const help = `Runs the control plane until it is interrupted.

Usage: keelson serve [OPTIONS]

  --config DIR            every *.yaml below it is the mesh; changes are live within a second
  --kubeconfig FILE       without --config: the cluster that is the mesh (as kubectl, else the cluster this runs in)
  --context NAME          of the kubeconfig, other than its current one
  --state DIR             where the authority's root is kept (${defaultStateDirectory()})
  --xds-address HOST:PORT where proxies connect, over TLS (0.0.0.0:15012)
  --monitoring-address HOST:PORT  metrics, version and debug pages, over HTTP (0.0.0.0:15014); none: 'off'
  --http-address HOST:PORT        readiness and debug pages, over HTTP (off)
  --dns-name NAME         a further DNS name for the server's certificate; may be repeated
  --certificate-ttl SECS  how long workload certificates are good for (86400)
  --ca-key TYPE           key of a root that is made: ${keyAlgorithms.join(', ')}
  --workload-key TYPE     keys of workload certificates, likewise (${keyAlgorithms[0]})
  --allow-local-jwks      fetch keys of token issuers from local addresses, too
  --json                  log as JSON

Proxies authenticate with the token that 'keelson bootstrap' writes from the same state directory.
`;

const options = {
  config: { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  state: { type: 'string' },
  'xds-address': { type: 'string', default: '0.0.0.0:15012' },
  'monitoring-address': { type: 'string', default: '0.0.0.0:15014' },
  'http-address': { type: 'string', default: 'off' },
  'dns-name': { type: 'string', multiple: true },
  'certificate-ttl': { type: 'string' },
  'ca-key': { type: 'string' },
  'workload-key': { type: 'string' },
  'allow-local-jwks': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function serve(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const log = lineLog(io, values.json === true);
  const config = values.config ?? (await clusterOf(values, io));
  if (config === undefined) return exit.bad;
  const daemon = await startDaemon({
    config,
    state: values.state ?? defaultStateDirectory(),
    xdsAddress: values['xds-address'],
    ...(values['monitoring-address'] !== 'off' && { monitoringAddress: values['monitoring-address'] }),
    ...(values['http-address'] !== 'off' && { httpAddress: values['http-address'] }),
    dnsNames: [...defaultDnsNames, ...(values['dns-name'] ?? [])],
    ...certificateTtl(values['certificate-ttl']),
    authority: {
      ...keyOption('rootKeys', '--ca-key', values['ca-key']),
      ...keyOption('workloadKeys', '--workload-key', values['workload-key']),
    },
    ...(values['allow-local-jwks'] === true && { keys: { isAllowed: () => true } }),
    log,
    onProblems: problemReporter(log),
  }).catch((error: unknown) => {
    if (!isFault(error)) throw error;
    io.stderr(`keelson serve: ${reason(error)}\n`);
    return undefined;
  });
  if (daemon === undefined) return exit.bad;
  const source = typeof config === 'string' ? { config } : { cluster: config.server };
  log.info('ready', { xds: values['xds-address'].replace(/:\d+$/, `:${daemon.port}`), ...source });
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  log.info('stopping');
  await daemon.close();
  if (typeof config !== 'string') await config.close();
  return exit.fine;
}

/** Without a directory. Nothing is asked of the cluster yet. */
async function clusterOf(values: CredentialsOptions, io: Io): Promise<KubernetesClient | undefined> {
  const { kubeconfig, context } = values;
  return openKubernetesClient({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) }).catch(
    (error: unknown) => {
      io.stderr(`keelson serve: no cluster to read, and no --config: ${(error as Error).message}\n`);
      return undefined;
    },
  );
}

function certificateTtl(text: string | undefined): Pick<DaemonOptions, 'certificateTtl'> {
  if (text === undefined) return {};
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (seconds < 1) throw new UsageError(`--certificate-ttl: '${text}' is not a number of seconds`);
  return { certificateTtl: seconds * 1000 };
}

function keyOption<Name extends string>(name: Name, option: string, text: string | undefined) {
  if (text === undefined) return {};
  const algorithm = keyAlgorithms.find((each) => each === text);
  if (algorithm === undefined) throw new UsageError(`${option}: '${text}' is none of ${keyAlgorithms.join(', ')}`);
  return { [name]: algorithm } as { [K in Name]: KeyAlgorithm };
}

/** Tells of problems that are new, and of those that are gone. */
function problemReporter(log: Log): (problems: readonly Problem[]) => void {
  let known = new Set<string>();
  return (problems) => {
    const lines = new Map(problems.map((problem) => [describeProblem(problem), problem]));
    for (const [line, { severity, code }] of lines) {
      if (!known.has(line)) log[severity === 'error' ? 'error' : 'warn'](line, { code });
    }
    for (const line of known) if (!lines.has(line)) log.info(`solved: ${line}`);
    known = new Set(lines.keys());
  };
}

/** Something about the machine rather than about us: a directory, a file or an address. */
const isFault = (error: unknown): error is Error =>
  error instanceof Error && ('code' in error || error.cause !== undefined || error.name === 'StorageError');

const reason = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
