// What is compared of a Pod that Istio injected and of one that Keelson did: everything that is not about the agent.
import { isDeepStrictEqual } from 'node:util';

import type { Container, EnvVar, Json, Pod } from '../../../src/webhooks/inject/pod/pod.ts';

const ours = new Set(['istio-init', 'istio-validation', 'istio-bootstrap', 'istio-proxy']);

/** Variables that only an agent reads. */
const ofAgent = new Set(['PILOT_CERT_PROVIDER', 'CA_ADDR', 'GOMEMLIMIT']);

/** Variables by which our configuration names the workload. */
const isOurs = (name: string): boolean => name.startsWith('KEELSON_');

/** Volumes through which an agent hands out keys, or keeps its data. */
const agentVolumes = new Set(['workload-socket', 'credential-socket', 'workload-certs', 'istio-data', 'istio-ca-crl']);

/** By name of the point. `before` is the Pod without a sidecar. */
export function podPoints(pod: Pod, before: Pod): Json {
  const { containers, initContainers = [], volumes = [], ...rest } = pod.spec;
  const all = [...initContainers, ...containers];
  const proxy = all.find(({ name }) => name === 'istio-proxy');
  const init = all.find(({ name }) => name === 'istio-init' || name === 'istio-validation');
  const classic = containers.some(({ name }) => name === 'istio-proxy');
  return {
    labels: pod.metadata.labels,
    annotations: annotationsOf(pod),
    status: statusOf(pod),
    spec: rest,
    applications: all
      .filter(({ name }) => !ours.has(name))
      .map(({ resources, ...rest }) => ({ ...rest, ...(!isDeepStrictEqual(resources, {}) && { resources }) })),
    native: initContainers.some(({ name }) => name === 'istio-proxy'),
    initOrder: initContainers.map(({ name }) => name).filter((name) => name !== 'istio-bootstrap'),
    // Ordinary proxies come first here unless told otherwise, so that the application does not start before them.
    order: containers.map(({ name }) => name).filter((name) => !(classic && name === 'istio-proxy')),
    volumes: volumes.filter(({ name }) => !agentVolumes.has(name)).map((volume) => normalVolume(volume)),
    interception: init && interceptionOf(init),
    proxy: proxy && proxyOf(proxy, before),
  };
}

function annotationsOf({ metadata }: Pod): Json {
  const {
    'sidecar.istio.io/status': _status,
    'proxy.istio.io/overrides': overrides,
    ...rest
  } = metadata.annotations ?? {};
  // Where probes are led and metrics are fetched is one port: with Istio only the probes follow the annotation.
  const moved = rest['status.sidecar.istio.io/port'] === undefined ? {} : { 'prometheus.io/port': 'the status port' };
  const none = rest['status.sidecar.istio.io/port'] === '0';
  const scrape = none ? { 'prometheus.io/port': '', 'prometheus.io/path': '', 'prometheus.io/scrape': '' } : moved;
  return { ...rest, ...scrape, overrides: overrides === undefined ? undefined : (JSON.parse(overrides) as Json) };
}

function statusOf({ metadata }: Pod): Json {
  const status = JSON.parse(metadata.annotations?.['sidecar.istio.io/status'] ?? '{}') as Record<
    string,
    readonly string[] | null
  >;
  const without = (list: readonly string[] | null | undefined, unwanted: (name: string) => boolean) => {
    const kept = (list ?? []).filter((name) => !unwanted(name));
    return kept.length === 0 ? null : kept;
  };
  return {
    ...status,
    initContainers: without(status['initContainers'], (name) => name === 'istio-bootstrap'),
    volumes: without(status['volumes'], (name) => agentVolumes.has(name)),
  };
}

const normalVolume = (volume: Json): Json =>
  isDeepStrictEqual(volume['emptyDir'], null) ? { ...volume, emptyDir: {} } : volume;

function interceptionOf(init: Container): Json {
  const { args = [], securityContext, resources, imagePullPolicy } = init;
  // The first word is the program; what follows --log_output_level is about the agent's log.
  const words = args.slice(1).filter((word) => !/^--(log|redirect-dns)/.test(word));
  const group = words.indexOf('-g');
  const { readOnlyRootFilesystem: _readOnly, ...security } = withoutSeccomp(securityContext);
  return {
    args: group < 0 ? words : words.toSpliced(group, 2),
    security,
    resources,
    imagePullPolicy,
  };
}

function withoutSeccomp(securityContext: Json | undefined): Json {
  const { seccompProfile: _profile, ...rest } = securityContext ?? {};
  return rest;
}

function proxyOf(proxy: Container, before: Pod): Json {
  const { env = [], lifecycle, volumeMounts = [], ports, readinessProbe, startupProbe, resources } = proxy;
  const isGateway = before.metadata.annotations?.['inject.istio.io/templates'] === 'gateway';
  const user = [...before.spec.containers, ...(before.spec.initContainers ?? [])].find(
    ({ name }) => name === 'istio-proxy',
  );
  return {
    variables: Object.fromEntries(
      env.filter(({ name }) => !ofAgent.has(name) && !isOurs(name)).map((each) => [each.name, valueOf(each)]),
    ),
    // Ours ask the status port, theirs their agent; the user's own are the same.
    userHooks: Object.keys(user?.lifecycle ?? {}).map((hook) => lifecycle?.[hook]),
    // Read by the init container, as there is no agent.
    mounts: volumeMounts
      .filter(({ name }) => !agentVolumes.has(String(name)) && name !== 'custom-bootstrap-volume')
      .map(({ name, mountPath }) => `${String(name)} ${String(mountPath)}`)
      .toSorted(),
    ports,
    readinessProbe,
    startupProbe: isGateway ? undefined : startupProbe,
    resources,
    restartPolicy: proxy.restartPolicy,
    security: isGateway ? proxy.securityContext?.['runAsUser'] : withoutSeccomp(proxy.securityContext),
    imagePullPolicy: proxy['imagePullPolicy'],
    level: levelOf(proxy),
  };
}

/** JSON by what it says. */
function valueOf({ value, valueFrom }: EnvVar): unknown {
  if (value === undefined) return valueFrom;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function levelOf({ args = [] }: Container): readonly (string | undefined)[] {
  const after = (flag: string): string | undefined => {
    const at = args.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
    return at < 0 ? undefined : args[at] === flag ? args[at + 1] : args[at]?.slice(flag.length + 1);
  };
  return [
    after('--log-level') ?? after('--proxyLogLevel'),
    after('--component-log-level') ?? after('--proxyComponentLogLevel'),
  ];
}
