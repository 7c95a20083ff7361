// Where the API server is and how we prove who we are there, as kubeconfig files and Pods are told. Asked again for each
// request: tokens and certificates in files rotate, exec plugins' credentials expire.
// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
import type { Agent, RequestOptions } from 'node:https';
import type { KubeConfig, User } from '@kubernetes/client-node';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { connectionFault } from './api-error.ts';
import { plainCredentials } from './plain-credentials.ts';

export interface CredentialsOptions {
  /** A file; by default what kubectl would use, else the Pod that this runs in. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** The API server of the Pod that this runs in, if it is one and has been told of no other. */
  readonly pod?: string | undefined;
}

/** For one request. */
export interface Credential {
  readonly tls: TlsOptions;
  readonly headers: Readonly<Record<string, string>>;
  /** Where the connection has to go through a proxy. */
  readonly agent?: Agent;
}

/** As node:tls has them. */
export interface TlsOptions {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface Credentials {
  readonly server: URL;
  /** The namespace that the context names, or that our Pod runs in. */
  readonly namespace: string | undefined;
  readonly current: () => Promise<Credential>;
}

/** Throws an Error that says what is missing. */
export const loadCredentials = async (options: CredentialsOptions = {}): Promise<Credentials> =>
  plainCredentials(options) ?? libraryCredentials(options);

async function libraryCredentials(options: CredentialsOptions): Promise<Credentials> {
  const config = await loadKubeConfig(options);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const name = config.getCurrentContext();
    throw new Error(name ? `the kubeconfig has no cluster for the context "${name}"` : 'it has no current context');
  }
  return {
    server: new URL(cluster.server),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    current: () => credential(config, cluster.proxyUrl !== undefined),
  };
}

/** The library brings all of Kubernetes' types along: loaded only by those who talk to a cluster. */
async function loadKubeConfig({ kubeconfig, context }: CredentialsOptions): Promise<KubeConfig> {
  const library = await import('@kubernetes/client-node');
  const config = new library.KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else {
    config.loadFromFile(kubeconfig);
    await followTokenFiles(config, kubeconfig);
  }
  if (context !== undefined) config.setCurrentContext(context);
  // What the library falls back on when it has found nothing.
  else if (kubeconfig === undefined && config.getCurrentCluster()?.server === 'http://localhost:8080')
    throw new Error('there is no kubeconfig, and this is no Pod; give --kubeconfig FILE');
  return config;
}

/** The library knows `tokenFile` of Pods only, not that of kubeconfig files. */
async function followTokenFiles(config: KubeConfig, file: string): Promise<void> {
  const { users } = (parse(await readFile(file, 'utf8')) ?? {}) as { users?: readonly NamedUser[] };
  const files = new Map(users?.map(({ name, user }) => [name, user?.tokenFile]));
  config.users = config.users.map((user): User => {
    const tokenFile = files.get(user.name);
    if (tokenFile === undefined || user.token) return user;
    return {
      ...user,
      authProvider: { name: 'tokenFile', config: { tokenFile: resolve(dirname(file), tokenFile) } },
    };
  });
}

interface NamedUser {
  readonly name: string;
  readonly user?: { readonly tokenFile?: string };
}

async function credential(config: KubeConfig, proxied: boolean): Promise<Credential> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw connectionFault('Unreachable', `no credentials for the API server: ${(error as Error).message}`, error);
  }
  const { ca, cert, key, servername, rejectUnauthorized, headers, auth, agent } = options;
  const basic = auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  return {
    tls: {
      ...(ca && { ca: ca as Buffer }),
      ...(cert && { cert: cert as Buffer }),
      ...(key && { key: key as Buffer }),
      ...(servername && { servername }),
      ...(rejectUnauthorized === false && { rejectUnauthorized }),
    },
    headers: { ...basic, ...lowerCase(headers as Readonly<Record<string, unknown>> | undefined) },
    ...(proxied && agent && { agent: agent as Agent }),
  };
}

/** A token's file may end with a line feed, which no header may contain. */
const lowerCase = (headers: Readonly<Record<string, unknown>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()]));
