// Objects at the edges of what the rules between fields allow: one field too many, one too few, and both sides of a limit.
import type { Applied } from '../support/kubernetes/install.ts';

const of =
  (group: string, version: string, kind: string) =>
  (spec: object): Applied => ({
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: 'edge', namespace: 'default' },
    spec,
  });

const serviceEntry = of('networking.istio.io', 'v1', 'ServiceEntry');
const workloadEntry = of('networking.istio.io', 'v1', 'WorkloadEntry');
const workloadGroup = of('networking.istio.io', 'v1', 'WorkloadGroup');
const virtualService = of('networking.istio.io', 'v1', 'VirtualService');
const envoyFilter = of('networking.istio.io', 'v1alpha3', 'EnvoyFilter');
const peer = of('security.istio.io', 'v1', 'PeerAuthentication');
const jwt = of('security.istio.io', 'v1', 'RequestAuthentication');
const policy = of('security.istio.io', 'v1', 'AuthorizationPolicy');
const telemetry = of('telemetry.istio.io', 'v1', 'Telemetry');
const wasm = of('extensions.istio.io', 'v1alpha1', 'WasmPlugin');
const extension = of('extensions.istio.io', 'v1alpha1', 'TrafficExtension');
const limit = of('policy.keelson.io', 'v1alpha1', 'RateLimitPolicy');
const processor = of('policy.keelson.io', 'v1alpha1', 'ExternalProcessor');

const selector = { matchLabels: { app: 'web' } };
const service = { kind: 'Service', name: 'web' };
const http = { number: 80, name: 'http', protocol: 'HTTP' };
const hosts = ['a.example.com'];
const endpoints = [{ address: '10.0.0.1' }];
const jwtRule = { issuer: 'me' };
const url = 'oci://images.example.com/filter';
const redirect = (fields: object): object => ({ hosts, http: [{ redirect: fields }] });
const metrics = (override: object): object => ({ metrics: [{ overrides: [override] }] });
const tag = (fields: object): object => metrics({ tagOverrides: { own: fields } });

export const edgeObjects: readonly Applied[] = [
  ...[{}, { selector }, { targetRefs: [service] }, { targetRef: service }, { selector, targetRefs: [service] }].flatMap(
    (targets) => [policy(targets), jwt(targets), telemetry(targets), wasm({ url, ...targets })],
  ),
  ...[{ '': 'web' }, { 'a*': 'web' }, { app: 'w*' }, { app: '' }].flatMap((labels) => [
    peer({ selector: { matchLabels: labels } }),
    envoyFilter({ workloadSelector: { labels } }),
  ]),
  ...[
    { kind: 'Service', name: 'web', group: 'core' },
    { kind: 'Service', name: 'web', group: 'apps' },
    { kind: 'Pod', name: 'web' },
    { kind: 'Gateway', name: 'web', group: 'gateway.networking.k8s.io' },
    { kind: 'ServiceEntry', name: 'web', group: 'networking.istio.io' },
    { kind: 'Service', name: 'web', namespace: '' },
    { kind: 'Service', name: 'web', namespace: 'default' },
  ].map((ref) => policy({ targetRefs: [ref] })),
  ...[
    { kind: 'Service', name: 'web' },
    { kind: 'Service', name: 'web', group: 'core' },
    { kind: 'ServiceEntry', name: 'web', group: 'networking.istio.io' },
    { kind: 'VirtualService', name: 'web', group: 'networking.istio.io' },
    { kind: 'HTTPRoute', name: 'web', group: 'gateway.networking.k8s.io' },
    { kind: 'Gateway', name: 'web', group: 'networking.istio.io' },
    { kind: 'Service', name: 'web', namespace: 'default' },
  ].map((ref) => limit({ targetRefs: [ref], local: [{ requests: 1 }] })),
  limit({ selector, targetRefs: [service], local: [{ requests: 1 }] }),
  limit({ targetRefs: [service], circuitBreaker: { maxRequests: 0 } }),
  limit({ targetRefs: [service], retryBudget: { percent: 101 } }),
  ...[{}, { selector }, { targetRefs: [service] }, { selector, targetRefs: [service] }].map((targets) =>
    processor({ service: 'web', port: 80, ...targets }),
  ),
  processor({ service: 'web' }),
  ...['0', '1', '65535', '65536', 'http', '-1', ''].map((port) =>
    peer({ selector, portLevelMtls: { [port]: { mode: 'STRICT' } } }),
  ),
  peer({ portLevelMtls: { 80: {} } }),
  peer({ selector: {}, portLevelMtls: { 80: {} } }),
  ...[
    { jwksUri: 'https://a.example.com/keys' },
    { jwksUri: 'ftp://a.example.com/keys' },
    { jwksUri: 'keys' },
    { jwks: '{"keys":[]}' },
    { jwks: '{"keys":[]}', jwksUri: 'https://a.example.com/keys' },
  ].map((keys) => jwt({ jwtRules: [{ ...jwtRule, ...keys }] })),
  ...[
    { serviceAccounts: ['web'] },
    { serviceAccounts: ['web'], principals: ['*'] },
    { notServiceAccounts: ['web'], notNamespaces: ['a'] },
    { serviceAccounts: ['web'], ipBlocks: ['10.0.0.1'] },
  ].map((source) => policy({ rules: [{ from: [{ source }] }] })),
  ...[
    {},
    { address: '10.0.0.1' },
    { network: 'n' },
    { address: 'unix:///a/b' },
    { address: 'unix://a/b' },
    { address: 'unix://@abstract' },
    { address: 'unix:///a/' },
    { address: 'unix:///a/b', ports: { http: 80 } },
  ].map(workloadEntry),
  workloadGroup({ template: {} }),
  workloadGroup({ template: {}, probe: { httpGet: { port: 80 }, tcpSocket: { port: 80 } } }),
  workloadGroup({ template: {}, probe: { tcpSocket: { port: 80 } } }),
  ...['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN'].flatMap((resolution) =>
    [{}, { endpoints }, { endpoints: [...endpoints, { address: '10.0.0.2' }] }, { workloadSelector: { labels: { a: 'b' } } }].map(
      (more) => serviceEntry({ hosts, ports: [http], resolution, ...more }),
    ),
  ),
  serviceEntry({ hosts, ports: [http], endpoints }),
  serviceEntry({ hosts: ['*'], ports: [http] }),
  serviceEntry({ hosts, ports: [http, { ...http, name: 'other' }] }),
  serviceEntry({ hosts, ports: [http], resolution: 'STATIC', endpoints: [{}] }),
  serviceEntry({ hosts, ports: [http], resolution: 'STATIC', endpoints, workloadSelector: { labels: { a: 'b' } } }),
  virtualService(redirect({ port: 80 })),
  virtualService(redirect({ port: 80, derivePort: 'FROM_REQUEST_PORT' })),
  virtualService({ hosts, http: [{ directResponse: { status: 200, body: { string: 'a', bytes: 'YQ==' } } }] }),
  ...[
    { name: 'A', valueFrom: 'HOST' },
    { name: 'A', valueFrom: 'HOST', value: 'x' },
    { name: 'A', valueFrom: 'INLINE', value: 'x' },
    { name: 'A' },
  ].map((variable) => wasm({ url, vmConfig: { env: [variable] } })),
  ...[{}, { wasm: { url } }, { lua: { inlineCode: 'x' } }, { wasm: { url }, lua: { inlineCode: 'x' } }].map(extension),
  ...[{}, { value: 'x' }, { operation: 'REMOVE' }, { operation: 'REMOVE', value: 'x' }, { operation: 'UPSERT' }].map((fields) =>
    telemetry(tag(fields)),
  ),
  telemetry(metrics({ match: { metric: 'REQUEST_COUNT' } })),
  telemetry(metrics({ match: { metric: 'REQUEST_COUNT', customMetric: 'x' } })),
  telemetry({ tracing: [{ customTags: { a: { literal: { value: 'x' }, header: { name: 'y' } } } }] }),
  telemetry({ tracing: [{ customTags: { a: { literal: { value: 'x' } } } }] }),
];
