// `keelson serve`: the daemon. It runs until it is told to stop.
import { once } from 'node:events';
import { parseArgs } from 'node:util';

import type { KeyAlgorithm } from '../ca/certificate/keys.ts';
import { keyAlgorithms } from '../ca/certificate/keys.ts';
import { dnsNamesIn } from '../ca/server-identity.ts';
import {
  customHosts,
  defaultStateDirectory,
  ownNamespace,
  revisionName,
  spanExport,
  unheededVariables,
  podApiServer,
} from '../config.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { openKubernetesClient } from '../kubernetes/client.ts';
import type { CredentialsOptions } from '../kubernetes/credentials.ts';
import type { DaemonOptions } from '../daemon/options.ts';
import { startDaemon } from '../main.ts';
import { parseDuration } from '../model/duration.ts';
import type { Problem } from '../model/problem.ts';
import { describeProblem } from '../model/problem.ts';
import { defaultInstallation } from '../translate/resolve/settings/mesh-settings.ts';
import type { Log } from '../xds/log.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import { readIstiodFlags } from './serve/istiod-flags.ts';
import type { LogLevel } from './serve/log.ts';
import type { LogSwitch } from './serve/log.ts';
import { levelSwitch, lineLog, logLevels } from './serve/log.ts';

const help = `Runs the control plane until it is interrupted.

Usage: keelson serve [OPTIONS]     (or 'keelson discovery', as istiod is called)

  --config DIR            every *.yaml below it is the mesh; changes are live within a second
  --kubeconfig FILE       without --config: the cluster that is the mesh (as kubectl, else the cluster this runs in)
  --context NAME          of the kubeconfig, other than its current one
  --state DIR             where the authority is kept (${defaultStateDirectory()}; reading a cluster: there)
  --xds-address HOST:PORT where proxies connect, over TLS (0.0.0.0:15012)
  --plaintext-address HOST:PORT   the same without TLS and without secrets (off; reading a cluster: 0.0.0.0:15010)
  --monitoring-address HOST:PORT  metrics, version and debug pages, over HTTP (0.0.0.0:15014); none: 'off'
  --prometheus URL        the Prometheus that reads the proxies, for traffic in the console's graph
  --http-address HOST:PORT        readiness and debug pages, over HTTP (off; reading a cluster: 0.0.0.0:8080)
  --controlz-address HOST:PORT    the log's level, for istioctl (off; reading a cluster: 127.0.0.1:9876)
  --webhook-address HOST:PORT     admission webhooks, over TLS (off; reading a cluster: 0.0.0.0:15017)
  --connection-age TIME   after which a proxy's connection is closed, so that it may find another replica (30m)
  --namespace NAME        reading a cluster: the one with the mesh's own objects (POD_NAMESPACE, else istio-system)
  --revision NAME         of this control plane, among several (REVISION, else default)
  --log-level LEVEL       the most that is told: ${logLevels.join(', ')} (info)
  --dns-name NAME         a further DNS name for the server's certificate; may be repeated
  --certificate-ttl SECS  how long workload certificates are good for (86400)
  --ca-key TYPE           key of a root that is made: ${keyAlgorithms.join(', ')}
  --workload-key TYPE     keys of workload certificates, likewise (${keyAlgorithms[0]})
  --allow-local-jwks      fetch keys of token issuers from local addresses, too
  --json                  log as JSON

Proxies authenticate with the token that 'keelson bootstrap' writes from the same state directory.
The flags of istiod are understood; those that mean nothing here are told and left out.
`;

const istioSystem = defaultInstallation.systemNamespace;

const options = {
  config: { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  state: { type: 'string' },
  'xds-address': { type: 'string', default: '0.0.0.0:15012' },
  'plaintext-address': { type: 'string' },
  'monitoring-address': { type: 'string', default: '0.0.0.0:15014' },
  prometheus: { type: 'string' },
  'http-address': { type: 'string' },
  'controlz-address': { type: 'string' },
  'webhook-address': { type: 'string' },
  'connection-age': { type: 'string' },
  namespace: { type: 'string' },
  revision: { type: 'string' },
  'log-level': { type: 'string', default: 'info' },
  'dns-name': { type: 'string', multiple: true },
  'certificate-ttl': { type: 'string' },
  'ca-key': { type: 'string' },
  'workload-key': { type: 'string' },
  'allow-local-jwks': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const serve = (argv: readonly string[], io: Io): Promise<number> => run(argv, io, false);

/** Under the name that istiod's own manifests call: nothing on its command line is an error. */
export const discovery = (argv: readonly string[], io: Io): Promise<number> => run(argv, io, true);

async function run(given: readonly string[], io: Io, lenient: boolean): Promise<number> {
  const { argv, warnings } = readIstiodFlags(given, new Set(['h', ...Object.keys(options)]), lenient);
  const { values } = parseArgs({ args: [...argv], options });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const told: LogSwitch = { most: logLevel(values['log-level']) };
  const log = lineLog(io, values.json === true, told);
  for (const warning of [...warnings, ...unheededVariables().map((name) => `${name} has no effect`)]) log.warn(warning);
  const config = values.config ?? (await clusterOf(values, io));
  if (config === undefined) return exit.bad;
  const revision = values.revision ?? revisionName();
  const systemNamespace = values.namespace ?? (typeof config === 'string' ? undefined : ownNamespace()) ?? istioSystem;
  const traced = spanExport();
  const daemon = await startDaemon({
    config,
    ...stateOption(values.state, config),
    xdsAddress: values['xds-address'],
    ...(values['monitoring-address'] !== 'off' && { monitoringAddress: values['monitoring-address'] }),
    ...prometheusOption(values.prometheus),
    ...portOption('plaintextAddress', values['plaintext-address'], config, '0.0.0.0:15010'),
    ...portOption('httpAddress', values['http-address'], config, '0.0.0.0:8080'),
    ...portOption('controlzAddress', values['controlz-address'], config, '127.0.0.1:9876'),
    modules: {},
    ...portOption('webhookAddress', values['webhook-address'], config, '0.0.0.0:15017'),
    ...connectionAge(values['connection-age']),
    revision,
    systemNamespace,
    dnsNames: [
      ...dnsNamesIn(systemNamespace),
      ...serviceNames(revision, systemNamespace),
      ...(values['dns-name'] ?? []),
    ],
    ...certificateTtl(values['certificate-ttl']),
    authority: {
      ...keyOption('rootKeys', '--ca-key', values['ca-key']),
      ...keyOption('workloadKeys', '--workload-key', values['workload-key']),
    },
    ...(values['allow-local-jwks'] === true && { keys: { isAllowed: () => true } }),
    log,
    logLevel: levelSwitch(told),
    ...(traced !== undefined && { spans: traced }),
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
  const place = { ...(kubeconfig && { kubeconfig }), ...(context && { context }), pod: podApiServer() };
  return openKubernetesClient(place).catch((error: unknown) => {
    io.stderr(`keelson serve: no cluster to read, and no --config: ${(error as Error).message}\n`);
    return undefined;
  });
}

/** What a cluster expects, an experiment in a directory does not have to open. */
function portOption<Name extends string>(
  name: Name,
  address: string | undefined,
  config: DaemonOptions['config'],
  inCluster: string,
) {
  const wanted = address ?? (typeof config === 'string' ? 'off' : inCluster);
  return wanted === 'off' ? {} : ({ [name]: wanted } as { [K in Name]: string });
}

function prometheusOption(url: string | undefined): Pick<DaemonOptions, 'prometheus'> {
  if (url === undefined) return {};
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new UsageError(`--prometheus: '${url}' is no URL`);
  return { prometheus: url };
}

function connectionAge(text: string | undefined): Pick<DaemonOptions, 'connectionAge'> {
  if (text === undefined) return {};
  const age = parseDuration(text);
  if (age === undefined || age < 1000)
    throw new UsageError(`--connection-age: '${text}' is no time of a second or more`);
  return { connectionAge: age };
}

function logLevel(text: string): LogLevel {
  // Nothing is told beyond info.
  const level = text === 'debug' ? 'info' : logLevels.find((each) => each === text);
  if (level === undefined) throw new UsageError(`--log-level: '${text}' is none of ${logLevels.join(', ')}`);
  return level;
}

/** Under which the Service of this revision, and whoever else was promised, find the server. */
function serviceNames(revision: string, namespace: string): readonly string[] {
  const services = ['istiod-remote', 'istio-pilot', ...(revision === 'default' ? [] : [`istiod-${revision}`])];
  return [...services.map((service) => `${service}.${namespace}.svc`), ...customHosts()];
}

/** A directory of configuration has no other place for its authority. */
function stateOption(given: string | undefined, config: DaemonOptions['config']): Pick<DaemonOptions, 'state'> {
  const state = given ?? (typeof config === 'string' ? defaultStateDirectory() : undefined);
  return state === undefined ? {} : { state };
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
  error instanceof Error &&
  ('code' in error || error.cause !== undefined || ['StorageError', 'ApiError'].includes(error.name));

const reason = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
