// Credentials of the plain kinds: certificates and tokens, written out or in files, as most kubeconfig files and all Pods have
// them. The library knows the others, and brings all of Kubernetes' types along: some 25 MB, and most of a second.
// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
import type { Credential, Credentials, CredentialsOptions } from './credentials.ts';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { connectionFault } from './api-error.ts';

/** Undefined for whatever else there may be, mistakes included: the library has the words for them. */
export function plainCredentials({ kubeconfig, context, pod }: CredentialsOptions): Credentials | undefined {
  if (kubeconfig !== undefined) return ofKubeconfig(kubeconfig, context);
  return pod === undefined || context !== undefined ? undefined : ofPod(pod);
}

/** What may be another one each time it is asked for; the very same while it is not. */
type Content = () => Buffer;

interface Plain {
  readonly ca?: Content | undefined;
  readonly cert?: Content | undefined;
  readonly key?: Content | undefined;
  readonly token?: Content | undefined;
  readonly servername?: string | undefined;
  readonly isUnverified?: boolean;
}

const mounted = '/var/run/secrets/kubernetes.io/serviceaccount';

function ofPod(server: string): Credentials | undefined {
  const [token, ca, namespace] = ['token', 'ca.crt', 'namespace'].map((name) => resolve(mounted, name)) as [string, string, string]; // prettier-ignore
  if (!existsSync(token) || !existsSync(ca)) return undefined;
  const plain = { ca: inFile(ca), token: inFile(token) };
  return {
    server: new URL(server),
    namespace: existsSync(namespace) ? readFileSync(namespace, 'utf8') : undefined,
    current: () => credential(plain),
  };
}

type Fields = Readonly<Record<string, unknown>>;

interface Named {
  readonly name?: unknown;
  readonly cluster?: Fields | null;
  readonly user?: Fields | null;
  readonly context?: Fields | null;
}

function ofKubeconfig(file: string, context: string | undefined): Credentials | undefined {
  const config = read(file);
  const wanted = context ?? config?.['current-context'];
  const site = named(config?.['contexts'], wanted)?.context;
  const cluster = named(config?.['clusters'], site?.['cluster'])?.cluster;
  const entry = named(config?.['users'], site?.['user']);
  const user = entry?.user ?? {};
  if (entry === undefined || !isPlain(cluster, clusterFields) || !isPlain(user, userFields)) return undefined;
  const server = text(cluster['server']);
  if (server === undefined || !URL.canParse(server)) return undefined;
  const content = contentIn(dirname(file));
  const token = text(user['token']);
  const plain: Plain = {
    ca: content(cluster, 'certificate-authority'),
    cert: content(user, 'client-certificate'),
    key: content(user, 'client-key'),
    token: token === undefined ? content(user, 'tokenFile') : always(Buffer.from(token)),
    servername: text(cluster['tls-server-name']),
    isUnverified: cluster['insecure-skip-tls-verify'] === true,
  };
  return { server: new URL(server), namespace: text(site?.['namespace']), current: () => credential(plain) };
}

function read(file: string): Fields | undefined {
  try {
    return parse(readFileSync(file, 'utf8')) as Fields | undefined;
  } catch {
    return undefined;
  }
}

const named = (all: unknown, name: unknown): Named | undefined =>
  Array.isArray(all) && typeof name === 'string'
    ? (all as readonly (Named | null)[]).find((each): each is Named => each?.name === name)
    : undefined;

const clusterFields: ReadonlySet<string> = new Set([
  'server',
  'certificate-authority',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  'tls-server-name',
  'extensions',
]);
const userFields: ReadonlySet<string> = new Set([
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'token',
  'tokenFile',
  'extensions',
]);

/** Whether nothing is said that has to be heeded beyond these. */
const isPlain = (fields: Fields | null | undefined, known: ReadonlySet<string>): fields is Fields =>
  typeof fields === 'object' && fields !== null && Object.keys(fields).every((field) => known.has(field));

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** Of a field that names a file, or whose data are beside it. */
const contentIn =
  (directory: string) =>
  (fields: Fields, field: string): Content | undefined => {
    const [file, data] = [text(fields[field]), text(fields[`${field}-data`])];
    if (file !== undefined) return inFile(resolve(directory, file));
    return data === undefined ? undefined : always(Buffer.from(data, 'base64'));
  };

const always =
  (content: Buffer): Content =>
  () =>
    content;

/** Read again when the file is another one: what Pods have mounted is replaced as a whole. */
function inFile(file: string): Content {
  let known: { readonly state: string; readonly content: Buffer } | undefined;
  return () => {
    const { ino, mtimeMs, ctimeMs, size } = statSync(file);
    const state = [ino, mtimeMs, ctimeMs, size].join();
    if (known?.state !== state) known = { state, content: readFileSync(file) };
    return known.content;
  };
}

/** A token's file may end with a line feed, which no header may contain. */
async function credential({ ca, cert, key, token, servername, isUnverified }: Plain): Promise<Credential> {
  try {
    return {
      tls: {
        ...(ca && { ca: ca() }),
        ...(cert && { cert: cert() }),
        ...(key && { key: key() }),
        ...(servername !== undefined && { servername }),
        ...(isUnverified === true && { rejectUnauthorized: false }),
      },
      headers: token === undefined ? {} : { authorization: `Bearer ${token().toString('utf8').trim()}` },
    };
  } catch (error) {
    throw connectionFault('Unreachable', `no credentials for the API server: ${(error as Error).message}`, error);
  }
}
