// What the environment says: the only file that reads it.
// https://specifications.freedesktop.org/basedir-spec/latest/
// https://istio.io/latest/docs/reference/commands/pilot-discovery/#envvars
import { existsSync } from 'node:fs';
import { homedir, hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';

import type { Features } from './model/mesh/mesh.ts';
import { stockImage } from './model/envoy/stock-image.ts';

/** What Istio's own environment variables switch on. */
export const features = (): Features => ({
  persistentSessions: isTrue(process.env['PILOT_ENABLE_PERSISTENT_SESSION_FILTER']),
  tlsOnSidecarIngress: isTrue(process.env['ENABLE_TLS_ON_SIDECAR_INGRESS']),
  multipleAuthorizers: isTrue(process.env['PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS']),
  traceSampling: percent(process.env['PILOT_TRACE_SAMPLING'], 1),
  http10: isTrue(process.env['PILOT_HTTP10']),
  internalNetworks: isTrue(process.env['ENABLE_HCM_INTERNAL_NETWORKS']),
  strictGatewayMerging: isTrue(process.env['PILOT_ENABLE_STRICT_GATEWAY_MERGING'] || 'true'),
  gatewaysOfOwnNamespace: isTrue(process.env['PILOT_SCOPE_GATEWAY_TO_NAMESPACE']),
  hostOwnership: hostOwnership(process.env['KEELSON_HOST_OWNERSHIP']),
  routedClustersOnly: isTrue(process.env['PILOT_FILTER_GATEWAY_CLUSTER_CONFIG']),
  http3: isTrue(process.env['PILOT_ENABLE_QUIC_LISTENERS']),
  dualStack: isTrue(process.env['ISTIO_DUAL_STACK']),
  strictGateways: isTrue(process.env['KEELSON_STRICT_GATEWAYS']),
  routeByAddress: isTrue(process.env['KEELSON_ROUTE_BY_ADDRESS']),
  ambient: isTrue(process.env['PILOT_ENABLE_AMBIENT']),
  remoteKeys: remoteKeys(process.env['PILOT_JWT_ENABLE_REMOTE_JWKS']),
});

/** Throws for a word that means nothing: whoever wants it enforced must not get less by a slip. */
function hostOwnership(text = 'off'): Features['hostOwnership'] {
  if (text === 'off' || text === 'warn' || text === 'enforce') return text;
  throw new Error(`KEELSON_HOST_OWNERSHIP is '${text}': off, warn and enforce are possible`);
}

function remoteKeys(text: string | undefined): Features['remoteKeys'] {
  if (text === 'hybrid' || isTrue(text)) return 'known-hosts';
  return text === 'envoy' ? 'always' : 'never';
}

const percent = (text: string | undefined, fallback: number): number => {
  const number = Number(text ?? '');
  return text !== undefined && text !== '' && number >= 0 && number <= 100 ? number : fallback;
};

/** As Go reads a boolean. */
const isTrue = (text: string | undefined): boolean => ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text ?? '');

/**
 * Where a daemon in directory mode keeps what must outlive it: the root of its CA, which its tokens depend on as well.
 * `serve` and `bootstrap` share it, so that what one issues the other accepts.
 */
export const defaultStateDirectory = (): string =>
  join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'keelson');

/** What this process is called among several control planes. */
export const replicaName = (): string => process.env['POD_NAME'] || hostname();

/** Which of several control planes of a cluster this is. */
export const revisionName = (): string => process.env['REVISION'] || 'default';

/** Where other machines reach this one: in a Pod its only address. */
export const ownAddress = (): string => {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outer = all.filter(({ internal, scopeid }) => !internal && !scopeid);
  return (outer.find(({ family }) => family === 'IPv4') ?? outer[0])?.address ?? '127.0.0.1';
};

/** The namespace of our own Pod; undefined outside a cluster. */
export const ownNamespace = (): string | undefined => process.env['POD_NAMESPACE'] || undefined;

/** The API server, as Kubernetes tells every Pod; undefined where there is none, or a kubeconfig file to go by. */
export function podApiServer(): string | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443', KUBECONFIG: file } = process.env;
  if (!host || file || existsSync(join(homedir(), '.kube', 'config'))) return undefined;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** ENABLE_NATIVE_SIDECARS: sidecars are containers of Kubernetes' own kind; by default where the nodes know these. */
export const nativeSidecars = (): 'auto' | 'always' | 'never' => {
  const asked = process.env['ENABLE_NATIVE_SIDECARS'] ?? '';
  return asked === '' || asked === 'auto' ? 'auto' : isTrue(asked) ? 'always' : 'never';
};

/** Further DNS names for the server's certificate: ISTIOD_CUSTOM_HOST, separated by commas. */
export const customHosts = (): readonly string[] =>
  (process.env['ISTIOD_CUSTOM_HOST'] ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));

/**
 * Whether and how spans of our own are sent, by the variables that OpenTelemetry defines for every program; where to, and
 * with which headers, its exporter reads from them.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export const spanExport = ():
  | {
      readonly protocol: 'grpc' | 'http/protobuf';
      readonly service: string;
      readonly instance: string;
      readonly attributes: string;
    }
  | undefined => {
  const set = (name: string): string => (process.env[name] ?? '').trim();
  const endpoint = set('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || set('OTEL_EXPORTER_OTLP_ENDPOINT');
  const off = set('OTEL_SDK_DISABLED').toLowerCase() === 'true' || set('OTEL_TRACES_EXPORTER') === 'none';
  if (endpoint === '' || off) return undefined;
  const protocol = set('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || set('OTEL_EXPORTER_OTLP_PROTOCOL') || 'http/protobuf';
  if (protocol !== 'grpc' && protocol !== 'http/protobuf')
    throw new Error(`OTEL_EXPORTER_OTLP_PROTOCOL is '${protocol}': grpc and http/protobuf are possible`);
  const service = set('OTEL_SERVICE_NAME') || 'keelson';
  return { protocol, service, instance: replicaName(), attributes: set('OTEL_RESOURCE_ATTRIBUTES') };
};

/** How routes go to proxies: host by host if they say that they take them so (undefined), or alike to all. */
export const routeDelivery = (): 'whole' | 'virtual-hosts' | undefined => {
  const text = process.env['KEELSON_ROUTE_DELIVERY'] ?? '';
  if (text === 'whole' || text === 'virtual-hosts') return text;
  if (text === '' || text === 'by-proxy') return undefined;
  throw new Error(`KEELSON_ROUTE_DELIVERY is '${text}': by-proxy, whole and virtual-hosts are possible`);
};

/** Who is told by the webhook what an object changes that is about to be stored: people, everybody or nobody. */
export const admissionEffects = (): 'people' | 'all' | 'off' => {
  const text = process.env['KEELSON_ADMISSION_EFFECTS'] || 'people';
  if (text === 'people' || text === 'all' || text === 'off') return text;
  throw new Error(`KEELSON_ADMISSION_EFFECTS is '${text}': people, all and off are possible`);
};

/**
 * CA_TRUSTED_NODE_ACCOUNTS: accounts (`namespace/name`, separated by commas) that may have certificates for the workloads on
 * their node. Throws for what is no account: a slip must not trust another one.
 */
export const trustedNodeAccounts = (): readonly string[] =>
  (process.env['CA_TRUSTED_NODE_ACCOUNTS'] ?? '').split(',').flatMap((text) => {
    const account = text.trim();
    if (account === '') return [];
    if (/^[a-z0-9-]+\/[a-z0-9.-]+$/.test(account)) return [account];
    throw new Error(`CA_TRUSTED_NODE_ACCOUNTS has '${account}': accounts are written NAMESPACE/NAME`);
  });

/** Those of Istio's variables that are read above. */
const heeded = new Set([
  'DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES',
  'ENABLE_DEBUG_ENDPOINT_AUTH',
  'ENABLE_HCM_INTERNAL_NETWORKS',
  'ENABLE_NATIVE_SIDECARS',
  'ENABLE_TLS_ON_SIDECAR_INGRESS',
  'ISTIOD_CUSTOM_HOST',
  'ISTIO_DUAL_STACK',
  'PILOT_ENABLE_AMBIENT',
  'PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS',
  'PILOT_ENABLE_PERSISTENT_SESSION_FILTER',
  'PILOT_ENABLE_QUIC_LISTENERS',
  'PILOT_ENABLE_STRICT_GATEWAY_MERGING',
  'PILOT_FILTER_GATEWAY_CLUSTER_CONFIG',
  'PILOT_HTTP10',
  'PILOT_JWT_ENABLE_REMOTE_JWKS',
  'PILOT_SCOPE_GATEWAY_TO_NAMESPACE',
  'PILOT_TRACE_SAMPLING',
]);
/** As every install sets them, in the one way that is supported. */
const asUsual: Readonly<Record<string, string>> = { PILOT_CERT_PROVIDER: 'istiod', PILOT_ENABLE_ANALYSIS: 'false' };
/** What Kubernetes says of Services that have such names. */
const ofService = /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP)(?:_\w+)?)?)$/;

/** Names of variables that are set for istiod, and mean nothing here. */
export const unheededVariables = (): readonly string[] =>
  Object.entries(process.env)
    .filter(([name, value]) => /^(?:PILOT|ISTIO|ISTIOD|CITADEL|UNSAFE)_/.test(name) && asUsual[name] !== value)
    .map(([name]) => name)
    .filter((name) => !heeded.has(name) && !ofService.test(name))
    .sort();

/** Who may look into the control plane. */
export interface DebugAccess {
  /** ENABLE_DEBUG_ENDPOINT_AUTH: callers from other machines have to prove who they are. */
  readonly guarded: boolean;
  /** DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES: whose callers see the whole mesh, beside those of the system's namespace. */
  readonly namespaces: readonly string[];
}

export const debugAccess = (): DebugAccess => {
  const guarded = process.env['ENABLE_DEBUG_ENDPOINT_AUTH'];
  const namespaces = (process.env['DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES'] ?? '').split(',');
  return {
    guarded: guarded === undefined || guarded === '' || isTrue(guarded),
    namespaces: namespaces.map((name) => name.trim()).filter((name) => name !== ''),
  };
};

/** The environment as a whole, for the program that hands it on: the Pod's proxy learns from it. */
export const environment = (): Readonly<Record<string, string | undefined>> => process.env;

/** What injected Pods run: a stock Envoy, and in the init container this program, in the image of the daemon itself. */
export const injectionImages = (): { readonly envoy: string; readonly keelson: string } => ({
  envoy: process.env['KEELSON_ENVOY_IMAGE'] || stockImage,
  keelson: process.env['KEELSON_IMAGE'] || 'keelson:0.1.0',
});
