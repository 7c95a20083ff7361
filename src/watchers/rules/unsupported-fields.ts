// Fields that are understood and have no effect here, or another one than Istio documents: their authors have to know. One
// table; what stands in none of its rows is translated (docs/fields.md).
// https://istio.io/latest/docs/reference/config/networking/
import type { AnyObject, Kind, KindMap } from '../../model/schema/index.ts';
import type { Draft } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { formatPath } from '../field-path.ts';

interface Row {
  /** `spec.http[].match[].x`: `[]` stands for every element of a list, `*` for every key of a map. */
  readonly path: string;
  /** Only these values; absent: any value but false, 0 and the empty ones. */
  readonly values?: readonly unknown[];
  /** What happens instead, and why. */
  readonly instead: string;
}

const agent = 'it belongs to the agent beside the proxy, and there is none';
const bootstrap = 'proxies take it from their bootstrap, where it is not set yet';

const trafficPolicy = (path: string): Row => ({
  path: `${path}.outlierDetection.outlierDetectionHttpErrorCodes`,
  instead: 'hosts are ejected for what Envoy itself counts as an error: every 5xx',
});

const mesh: readonly Row[] = [
  {
    path: 'outboundTrafficPolicy.mode',
    values: ['ALLOW_ANY_DYNAMIC_DNS'],
    instead: 'unknown hosts are passed through as with ALLOW_ANY: to the address that the caller chose',
  },
  { path: 'outboundTrafficPolicy.tls', instead: 'connections to unknown hosts are passed on as they come' },
  {
    path: 'verifyCertificateAtClient',
    instead: "a DestinationRule without caCertificates trusts the system's authorities",
  },
  { path: 'configSources', instead: 'configuration is read from the one place that the command line names' },
  { path: 'certificates', instead: 'DNS certificates are not issued' },
  { path: 'serviceSettings', instead: 'there is one cluster, so that every service is local to it' },
  { path: 'serviceScopeConfigs', instead: 'there is one cluster, so that scopes make no difference' },
  { path: 'meshMTLS.ecdhCurves', instead: "Envoy's own curves hold for mutual TLS of the mesh" },
  { path: 'hboneIdleTimeout', instead: 'HBONE is not spoken' },
  {
    path: 'defaultConfig.connectionSettings.clusterPerConnectionBufferLimitBytes',
    instead: "Envoy's own limit of what is held back for a connection to a service holds",
  },
  {
    path: 'defaultConfig.connectionSettings.listenerConnectionLimit',
    instead: 'a listener takes any number of connections',
  },
  {
    path: 'defaultConfig.connectionSettings.globalDownstreamConnectionLimit',
    instead: 'a proxy takes any number of connections',
  },
  { path: 'defaultConfig.availabilityZone', instead: 'localities come from Nodes and labels' },
  { path: 'defaultConfig.customConfigFile', instead: bootstrap },
  { path: 'defaultConfig.proxyBootstrapTemplatePath', instead: bootstrap },
  { path: 'defaultConfig.runtimeValues', instead: bootstrap },
  { path: 'defaultConfig.statNameLength', instead: 'names are never cut' },
  { path: 'defaultConfig.privateKeyProvider', instead: 'keys are used by Envoy itself' },
  { path: 'defaultConfig.binaryPath', instead: agent },
  { path: 'defaultConfig.configPath', instead: agent },
  { path: 'defaultConfig.terminationDrainDuration', instead: agent },
  { path: 'defaultConfig.readinessProbe', instead: agent },
  { path: 'defaultConfig.caCertificatesPem', instead: 'proxies trust the authority of this control plane alone' },
];

const meshNetworks: readonly Row[] = [
  { path: 'networks.*.gateways[].locality', instead: 'a gateway stands where the endpoints are that it leads to' },
];

const serverTls = (path: string): readonly Row[] => [
  { path: `${path}.httpsRedirect`, instead: 'plain requests are not redirected' },
  { path: `${path}.caCrl`, instead: 'revoked certificates are not told' },
  { path: `${path}.credentialNames`, instead: 'there is one certificate for each port: use credentialName' },
  { path: `${path}.tlsCertificates`, instead: 'there is one certificate for each port: use serverCertificate' },
  { path: `${path}.caCertCredentialName`, instead: 'the authorities are those of credentialName' },
  { path: `${path}.insecureSkipVerify`, instead: "callers' certificates are verified" },
];

export const unsupported: { readonly [K in Kind]?: readonly Row[] } = {
  VirtualService: [
    {
      path: 'spec.tcp[].match[].sourceSubnet',
      instead: 'the match takes connections from every address, as Istio does it too',
    },
  ],
  DestinationRule: ['spec.trafficPolicy', 'spec.subsets[].trafficPolicy']
    .flatMap((path) => [path, `${path}.portLevelSettings[]`])
    .map(trafficPolicy),
  ProxyConfig: [
    { path: 'spec.concurrency', instead: 'Envoy is started with the number of threads on its command line' },
    { path: 'spec.image', instead: "the Pod's own image is run" },
  ],
  Sidecar: serverTls('spec.ingress[].tls'),
  WorkloadGroup: [
    { path: 'spec.metadata', instead: 'labels and annotations stand in each WorkloadEntry itself' },
    {
      path: 'spec.template',
      instead: 'workloads are not registered when they connect; write a WorkloadEntry for each',
    },
    { path: 'spec.probe', instead: `${agent}; the condition Healthy of a WorkloadEntry's status is followed` },
  ],
  Service: [
    {
      path: 'spec.sessionAffinity',
      values: ['ClientIP'],
      instead: 'proxies do not follow it; use a DestinationRule with consistentHash.useSourceIp',
    },
  ],
};

/** Of the text in the ConfigMap of the mesh, by its key. */
export const unsupportedInMesh = { mesh, meshNetworks } as const;

/** A warning for each such field that the object has set. */
export function* unsupportedFields(object: AnyObject): Generator<Draft, void> {
  for (const row of unsupported[object.kind as Kind] ?? []) {
    for (const path of setFields(object, row)) yield draft(path, row, formatPath(path));
  }
  if (object.kind !== 'ConfigMap') return;
  const read = object as KindMap['ConfigMap'];
  yield* inText('mesh', read.meshConfig);
  yield* inText('meshNetworks', read.meshNetworks);
}

/** A text has no positions inside, so that the whole of it is pointed at. */
function* inText(key: keyof typeof unsupportedInMesh, value: object | undefined): Generator<Draft, void> {
  for (const row of unsupportedInMesh[key]) {
    for (const path of setFields(value, row)) yield draft(['data', key], row, formatPath(path));
  }
}

const draft = (path: FieldPath, { instead }: Row, name: string): Draft => ({
  code: 'unsupported-field',
  severity: 'warning',
  path,
  message: `${name} is not supported: ${instead}`,
});

function setFields(object: unknown, { path, values }: Row): readonly FieldPath[] {
  const steps = path.split('.').flatMap((step) => (step.endsWith('[]') ? [step.slice(0, -2), '[]'] : [step]));
  let found: readonly (readonly [FieldPath, unknown])[] = [[[], object]];
  for (const step of steps) {
    found = found.flatMap(([at, value]) => inside(value, step).map(([key, child]) => [[...at, key], child] as const));
  }
  return found.filter(([, value]) => (values === undefined ? isSet(value) : values.includes(value))).map(([at]) => at);
}

function inside(value: unknown, step: string): readonly (readonly [string | number, unknown])[] {
  if (step === '[]') return Array.isArray(value) ? value.map((item: unknown, i) => [i, item] as const) : [];
  if (typeof value !== 'object' || value === null) return [];
  if (step === '*') return Object.entries(value);
  if (!Object.hasOwn(value, step)) return [];
  return [[step, (value as Readonly<Record<string, unknown>>)[step]]];
}

function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}
