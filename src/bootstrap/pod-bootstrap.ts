// The bootstrap of a Pod's proxy from the environment of its init container: what only the node knows, as the Pod's name
// and addresses, is known here and not before.
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
import type { NodeInfo } from '../model/envoy/resource.ts';
import type { ControlPlane } from './message.ts';
import type { ScrapeTarget } from './pod-services.ts';
import type { AppAddress, AppProbe, AppProbes } from './probes.ts';

import { parseDuration } from '../model/duration.ts';
import { labelVariables, ownLabels, selfVariables } from '../model/proxy/self-labels.ts';
import { caSecretFile, tokenSecretFile } from './credential-files.ts';
import { bootstrapMessage } from './message.ts';
import { metadataPrefix, ownVariables, podFiles, servicePorts } from './pod-environment.ts';
import { podServices } from './pod-services.ts';
import { podAppAddress } from './probes.ts';
import { nodeAnnotations } from './stats-annotations.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface PodFacts {
  readonly type: 'sidecar' | 'router';
  readonly environment: Environment;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** What EnvoyFilters do to it. */
  readonly patch?: (bootstrap: object) => object;
  /** Laid over the bootstrap as Envoy's --config-yaml would be. */
  readonly override?: Json;
}

type Json = { readonly [field: string]: unknown };

/** An environment that an injected Pod does not have; the message goes to who looks at the init container's log. */
export class EnvironmentFault extends Error {
  override readonly name = 'EnvironmentFault';
}

/** Messages by file name. Throws EnvironmentFault. */
export function podBootstrap({
  type,
  environment,
  labels,
  annotations,
  patch,
  override,
}: PodFacts): Readonly<Record<string, object>> {
  const config = jsonVariable(environment, 'PROXY_CONFIG') ?? {};
  const controlPlane = discovery(config['discoveryAddress']);
  const adminPort = numberOf(config['proxyAdminPort']) ?? servicePorts.admin;
  const address = required(environment, 'INSTANCE_IP');
  const statusPort = Number(environment[ownVariables.statusPort] ?? servicePorts.status);
  const token = environment[ownVariables.drainToken];
  const services = podServices({
    addresses: (environment[ownVariables.addresses] || address).split(','),
    app: appAddress(environment, address),
    adminPort,
    readinessPort: servicePorts.readiness,
    metricsPort: servicePorts.metrics,
    ...(statusPort > 0 && { statusPort }),
    probes: probes(environment),
    scrape: scrapeTargets(environment),
    compressed: config['statsCompression'] !== false,
    ...(token !== undefined && {
      drain: { token, seconds: drainSeconds(config), listeners: type === 'router' ? 'all' : 'inbound' },
    }),
  });
  const node = podNode({ type, environment, labels, annotations }, config);
  const message = bootstrapMessage({ node, controlPlane, adminPort, services, directory: podFiles.directory });
  const patched = patch?.(message) ?? message;
  return {
    [podFiles.bootstrap]: override === undefined ? patched : overlaid({ ...patched }, override),
    'xds-ca.yaml': caSecretFile(podFiles.rootCertificates, controlPlane.serverName),
    'xds-token.yaml': tokenSecretFile(podFiles.token),
  };
}

function podNode({ type, environment, labels, annotations }: PodFacts, config: Json): NodeInfo {
  const [address, name, namespace] = ['INSTANCE_IP', 'POD_NAME', 'POD_NAMESPACE'].map((variable) =>
    required(environment, variable),
  );
  const metadata = Object.entries(environment).flatMap(([variable, value]) =>
    variable.startsWith(metadataPrefix) && value !== undefined
      ? [[variable.slice(metadataPrefix.length), value] as const]
      : [],
  );
  const app = labels['app'] ?? labels['service.istio.io/canonical-name'] ?? environment['ISTIO_META_WORKLOAD_NAME'];
  return {
    id: `${type}~${address}~${name}.${namespace}~${namespace}.svc.${environment[ownVariables.clusterDomain] ?? 'cluster.local'}`,
    cluster: `${app ?? name}.${namespace}`,
    metadata: {
      ...(type === 'sidecar' && sayItself(environment, labels) && ownLabels),
      ...Object.fromEntries(metadata),
      NAME: name,
      NAMESPACE: namespace,
      LABELS: labels,
      ...nodeAnnotations(annotations),
      SERVICE_ACCOUNT: environment['SERVICE_ACCOUNT'] || 'default',
      INSTANCE_IPS: environment[ownVariables.addresses] || address,
      PROXY_CONFIG: config,
      // Envoy may not open /dev/stdout as a file when it is a pipe or a socket of somebody else's: it has a logger for it.
      STDOUT_STREAM: 'true',
    },
  };
}

/**
 * Whether the variables, which the proxy has as well, say what the control plane would: somebody else may have changed the
 * labels after injection.
 */
function sayItself(environment: Environment, labels: Readonly<Record<string, string>>): boolean {
  const named = Object.entries(labelVariables(labels));
  return (
    named.length > 0 &&
    named.every(([variable, value]) => environment[variable] === value) &&
    Object.values(selfVariables).every((variable) => (environment[variable] ?? '') !== '')
  );
}

function required(environment: Environment, variable: string): string {
  const value = environment[variable];
  if (value === undefined || value === '') throw new EnvironmentFault(`the variable ${variable} is not set`);
  return value;
}

const defaultDiscovery = 'istiod.istio-system.svc:15012';

function discovery(configured: unknown): ControlPlane {
  const text = typeof configured === 'string' && configured !== '' ? configured : defaultDiscovery;
  const match = /^\[?([\w.:-]+?)\]?:(\d{1,5})$/.exec(text);
  if (match === null) throw new EnvironmentFault(`discoveryAddress '${text}' is not HOST:PORT`);
  const [, host = '', port] = match;
  return { host, port: Number(port), serverName: host };
}

/** `REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION`: inbound traffic goes to loopback, and so do probes. */
const appAddress = (environment: Environment, address: string): AppAddress =>
  environment['REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION'] === 'true' ? { host: '127.0.0.1' } : podAppAddress(address);

const defaultDrain = '5s';

function drainSeconds(config: Json): number {
  const text = config['terminationDrainDuration'];
  return (parseDuration(typeof text === 'string' ? text : defaultDrain) ?? 5000) / 1000;
}

const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && value > 0 && value <= 65_535 ? value : undefined;

function probes(environment: Environment): AppProbes {
  const listed = Object.entries(jsonVariable(environment, 'ISTIO_KUBE_APP_PROBERS') ?? {});
  return Object.fromEntries(listed.filter((entry): entry is [string, AppProbe] => isObject(entry[1])));
}

/** `{"scrape":"true","path":"/m","port":"9102"}`, or several `targets`. */
function scrapeTargets(environment: Environment): readonly ScrapeTarget[] {
  const asked = jsonVariable(environment, 'ISTIO_PROMETHEUS_ANNOTATIONS');
  if (asked === undefined) return [];
  const { targets } = asked;
  const listed = Array.isArray(targets) ? targets.filter(isObject) : [asked];
  return listed.flatMap(({ port, path }) => {
    const number = numberOf(Number(port || 80));
    return number === undefined
      ? []
      : [{ port: number, path: typeof path === 'string' && path !== '' ? path : '/metrics' }];
  });
}

function jsonVariable(environment: Environment, variable: string): Json | undefined {
  const text = environment[variable];
  if (text === undefined || text.trim() === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Told below: it may not be repeated here, as it may have anything in it.
  }
  throw new EnvironmentFault(`the variable ${variable} is no JSON object`);
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** As protobuf merges: messages field by field, lists one after the other, everything else replaced. */
function overlaid(lower: Json, upper: Json): Json {
  const merged: Record<string, unknown> = { ...lower };
  for (const [field, value] of Object.entries(upper)) {
    const below = merged[field];
    if (isObject(below) && isObject(value)) merged[field] = overlaid(below, value);
    else if (Array.isArray(below) && Array.isArray(value))
      merged[field] = [...(below as unknown[]), ...(value as unknown[])];
    else merged[field] = value;
  }
  return merged;
}
