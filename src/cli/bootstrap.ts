// `keelson bootstrap`: what a stock Envoy needs to join the mesh. Printed, it is the bootstrap of a Pod in Kubernetes,
// whose credentials the kubelet mounts; with --out, a directory with everything in it for an Envoy started by hand.
// https://www.envoyproxy.io/docs/envoy/latest/operations/cli
import { objectKey } from '../model/object.ts';
import type { NodeInfo } from '../model/envoy/resource.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { ControlPlane } from '../bootstrap/message.ts';
import type { StaticServices } from '../bootstrap/static-services.ts';
import type { Io } from './io.ts';

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { stringify } from 'yaml';

import { defaultStateDirectory } from '../config.ts';
import { caSecretFile, tokenSecretFile } from '../bootstrap/credential-files.ts';
import { bootstrapMessage } from '../bootstrap/message.ts';
import { statusServices } from '../bootstrap/static-services.ts';
import { bootstrapPatchesOf, patchedBootstrap } from '../daemon/mesh/bootstrap-patching.ts';
import { issueCredentials } from '../daemon/authority/credentials.ts';
import { installation } from '../daemon/mesh/installation.ts';
import { translate } from '../translate/translate.ts';
import { exit, UsageError } from './io.ts';
import { nodeOfMachine } from './mesh/node-of-machine.ts';
import { loadFiles, nodeOfProxy } from './mesh/offline.ts';

const inPod = { directory: '/etc/keelson', server: 'istiod.istio-system.svc:15012', statusPort: '15021' };

const help = `Prints or writes the bootstrap of an Envoy: stock Envoy, nothing else needed.

Usage: keelson bootstrap [OPTIONS]                        print it for a Pod in Kubernetes
       keelson bootstrap --proxy POD.NAMESPACE --config DIR --out DIR [OPTIONS]
       keelson bootstrap --group GROUP.NAMESPACE --address IP --config DIR [OPTIONS]

  --proxy POD.NAMESPACE  which proxy; without it, Envoy is told by --service-node and --service-cluster
  --group GROUP.NAMESPACE  of which WorkloadGroup the machine is; it registers itself
  --address IP           where others reach the machine
  --network NAME         the network that the machine is in (that of the group's template)
  --config PATH          a YAML file or a directory of them that has the Pod or the WorkloadGroup; may be repeated
  --server HOST:PORT     the control plane (${inPod.server})
  --server-name NAME     the DNS name in its certificate (HOST, or istiod.istio-system.svc for an IP address)
  --admin-port PORT      Envoy's admin interface, on loopback (15000)
  --status-port PORT     readiness and metrics for the outside (in a Pod: ${inPod.statusPort}; with --out: none)
  --out DIR              write envoy.yaml, xds-ca.yaml, xds-token.yaml, root-cert.pem and token
  --state DIR            the state of the daemon that the Envoy will talk to (${defaultStateDirectory()})
  --concurrency N        worker threads in the command that is printed (2)
  --token-ttl HOURS      how long the token is good for (24); write it again before it ends
`;

const options = {
  proxy: { type: 'string' },
  group: { type: 'string' },
  address: { type: 'string' },
  network: { type: 'string' },
  config: { type: 'string', multiple: true },
  server: { type: 'string', default: inPod.server },
  'server-name': { type: 'string' },
  'admin-port': { type: 'string', default: '15000' },
  'status-port': { type: 'string' },
  out: { type: 'string' },
  state: { type: 'string' },
  concurrency: { type: 'string', default: '2' },
  'token-ttl': { type: 'string', default: '24' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Throws UsageError for wrong use; an unusable state directory is told with exit code 1. */
export async function bootstrap(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const proxy = await asked(values, io);
  const settings = {
    controlPlane: controlPlane(values.server, values['server-name']),
    adminPort: port('--admin-port', values['admin-port']),
    concurrency: number('--concurrency', values.concurrency, 1, 1024),
  };
  if (values.out === undefined) {
    const statusPort = port('--status-port', values['status-port'] ?? inPod.statusPort);
    const node = proxy === undefined ? {} : { node: proxy.node };
    const services = statusServices(statusPort, settings.adminPort);
    const message = bootstrapMessage({ ...node, ...settings, services, directory: inPod.directory });
    io.stdout(yaml(proxy === undefined ? message : patched(message, proxy, io)));
    return exit.fine;
  }
  if (proxy === undefined) throw new UsageError('--out needs --proxy or --group: a token is for one workload');
  const statusPort = values['status-port'];
  return writeDirectory(
    {
      ...settings,
      ...proxy,
      ...(statusPort === undefined
        ? {}
        : { services: statusServices(port('--status-port', statusPort), settings.adminPort) }),
      directory: resolve(values.out),
      state: values.state ?? defaultStateDirectory(),
      hours: number('--token-ttl', values['token-ttl'], 1, 24 * 365),
    },
    io,
  );
}

interface Proxy {
  readonly node: NodeInfo;
  readonly snapshot: Snapshot;
}

interface Asked {
  readonly proxy?: string;
  readonly group?: string;
  readonly address?: string;
  readonly network?: string;
  readonly config?: readonly string[];
}

/** Undefined where nothing says which proxy. */
async function asked({ proxy, group, address, network, config }: Asked, io: Io): Promise<Proxy | undefined> {
  if (proxy === undefined && group === undefined) return undefined;
  if (proxy !== undefined && group !== undefined) throw new UsageError('either --proxy or --group');
  if (config === undefined) throw new UsageError(`--${proxy === undefined ? 'group' : 'proxy'} needs --config: where it is described`); // prettier-ignore
  const { snapshot, problems } = await loadFiles(config);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) io.stderr(`${errors} problems in the configuration: see 'keelson validate ${config.join(' ')}'\n`);
  if (group === undefined) return { node: nodeOfProxy(proxy ?? '', snapshot), snapshot };
  if (address === undefined || isIP(address) === 0) throw new UsageError('--group needs --address: an IP address');
  const dot = group.lastIndexOf('.');
  const found = snapshot.objects.WorkloadGroup.get(objectKey(group.slice(dot + 1), group.slice(0, Math.max(dot, 0))));
  if (found === undefined) throw new UsageError(`there is no WorkloadGroup '${group}' in the configuration`);
  return { node: nodeOfMachine(found, address, network), snapshot };
}

/** An address in brackets may be IPv6. No certificate is for an address, so these get the usual name. */
function controlPlane(server: string, serverName: string | undefined): ControlPlane {
  const colon = server.lastIndexOf(':');
  const host = server.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw new UsageError(`--server ${server}: write HOST:PORT`);
  const name = serverName ?? (isIP(host) === 0 ? host : 'istiod.istio-system.svc');
  return { host, port: port('--server', server.slice(colon + 1)), serverName: name };
}

const port = (option: string, text: string): number => number(option, text, 1, 65_535);

function number(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${option}: '${text}' is not a number from ${least} to ${most}`);
}

interface DirectoryOptions extends Proxy {
  readonly controlPlane: ControlPlane;
  readonly adminPort: number;
  readonly services?: StaticServices;
  readonly concurrency: number;
  readonly directory: string;
  readonly state: string;
  readonly hours: number;
}

async function writeDirectory(settings: DirectoryOptions, io: Io): Promise<number> {
  const { directory, node, snapshot, concurrency, controlPlane: server } = settings;
  const credentials = await issueCredentials(settings.state, node, snapshot, settings.hours * 3_600_000);
  if ('failure' in credentials) {
    io.stderr(`keelson bootstrap: ${credentials.failure}\n`);
    return exit.bad;
  }
  const path = (name: string) => join(directory, name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await replace(path('root-cert.pem'), credentials.rootCertificates);
  await replace(path('token'), credentials.token);
  await replace(path('xds-ca.yaml'), yaml(caSecretFile(path('root-cert.pem'), server.serverName)));
  await replace(path('xds-token.yaml'), yaml(tokenSecretFile(path('token'))));
  await replace(path('envoy.yaml'), yaml(patched(bootstrapMessage(settings), settings, io)));
  const flags = `--disable-hot-restart --drain-time-s 5 --concurrency ${concurrency}`;
  io.stdout(`envoy -c ${path('envoy.yaml')} ${flags}\n`);
  return exit.fine;
}

function patched(message: object, { node, snapshot }: Proxy, io: Io): object {
  const seen = translate(snapshot, installation()).view(node);
  if (seen === undefined) return message;
  const { proxy, settings } = seen;
  const patches = bootstrapPatchesOf(snapshot.objects.EnvoyFilter, proxy, settings.rootNamespace);
  return patchedBootstrap(message, patches, io);
}

const yaml = (message: object): string => stringify(message, { aliasDuplicateObjects: false });

/** By renaming: an Envoy that watches the directory sees the old file or the new one, and notices the change. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
