// Small meshes for tests: each factory makes a plain, valid value, and a test names only what it is about.
import type { DestinationPolicy, MeshSettings, Protocol, Service, ServicePort } from '../../../src/model/mesh/mesh.ts';
import type { Proxy } from '../../../src/model/proxy/proxy.ts';
import type { Subset, TrafficPolicy, VirtualServiceSpec } from '../../../src/model/schema/index.ts';
import type { SourceRef } from '../../../src/model/source.ts';
import type { TrafficTelemetry, WorkloadTelemetry } from '../../../src/model/mesh/telemetry.ts';
import type {
  Consumer,
  EgressListener,
  InboundView,
  OutboundView,
  ProxyView,
  ServiceView,
  VirtualServiceView,
} from '../../../src/model/view.ts';
import type { VirtualService } from '../../../src/model/mesh/virtual-service.ts';
import { noPolicies } from '../../../src/model/mesh/workload-policies.ts';
import { invariant } from '../../../src/model/invariant.ts';
import { sharedList, sharedValue } from '../../../src/model/memo.ts';
import { defaultInstallation } from '../../../src/translate/resolve/settings/mesh-settings.ts';
import {
  destinationHosts,
  resolveVirtualServices,
  type VirtualServiceObject,
} from '../../../src/translate/resolve/routing/virtual-service.ts';

export const makeSource = (kind: string, namespace: string, name: string): SourceRef => ({ kind, namespace, name });

export const makeSettings = (overrides: Partial<MeshSettings> = {}): MeshSettings => ({
  source: makeSource('ConfigMap', 'mesh-system', 'mesh'),
  rootNamespace: 'mesh-system',
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  clusterId: 'one',
  features: { ...defaultInstallation.features, tlsOnSidecarIngress: true },
  ...overrides,
});

/** `makePort(80, 'HTTP')` */
export const makePort = (number: number, protocol: Protocol = 'HTTP'): ServicePort => ({
  name: `${protocol.toLowerCase()}-${number}`,
  number,
  protocol,
});

/** A Kubernetes Service `bakery/oven` with an address and HTTP on port 80. */
export function makeService(overrides: Partial<Service> = {}): Service {
  const { name = 'oven', namespace = 'bakery' } = overrides;
  return {
    source: makeSource('Service', namespace, name),
    registry: 'Kubernetes',
    hostname: `${name}.${namespace}.svc.cluster.local`,
    name,
    namespace,
    created: '2025-01-01T00:00:00Z',
    labels: {},
    ports: [makePort(80)],
    addresses: ['10.1.0.1'],
    autoAddresses: [],
    headless: false,
    resolution: 'endpoints',
    meshExternal: false,
    visibility: { everywhere: true, namespaces: [] },
    aliases: [],
    subjectAltNames: [],
    nodeLocal: false,
    ...overrides,
  };
}

/** A service from a ServiceEntry, found by DNS and without an address of its own. */
export const makeExternalService = (hostname: string, overrides: Partial<Service> = {}): Service =>
  makeService({
    source: makeSource('ServiceEntry', 'bakery', hostname),
    registry: 'External',
    hostname,
    name: hostname,
    addresses: [],
    resolution: 'dns',
    meshExternal: true,
    ...overrides,
  });

export const makeServiceView = (
  service: Service = makeService(),
  overrides: Partial<ServiceView> = {},
): ServiceView => ({
  service,
  policy: undefined,
  subjectAltNames: [],
  autoMtls: true,
  instanceAddresses: [],
  limits: [],
  ...overrides,
});

export const makePolicy = (
  host: string,
  trafficPolicy: TrafficPolicy | undefined,
  subsets: readonly Subset[] = [],
): DestinationPolicy => {
  const source = makeSource('DestinationRule', 'bakery', 'rule');
  return {
    sources: [source],
    namespace: 'bakery',
    host,
    created: '2025-01-01T00:00:00Z',
    visibility: { everywhere: true, namespaces: [] },
    ...(trafficPolicy !== undefined && { trafficPolicy }),
    trafficPolicySource: { ...source, path: 'spec.trafficPolicy' },
    subsets: subsets.map((subset, i) => ({ ...subset, source: { ...source, path: `spec.subsets[${i}]` } })),
  };
};

interface Meta {
  readonly name?: string;
  readonly namespace?: string;
  readonly created?: string;
}

export const makeVirtualServiceObject = (spec: VirtualServiceSpec, meta: Meta = {}): VirtualServiceObject => {
  const { name = 'routes', namespace = 'bakery', created = '2025-01-01T00:00:00Z' } = meta;
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace, labels: {}, annotations: {}, creationTimestamp: created },
    source: makeSource('VirtualService', namespace, name),
    spec,
  };
};

export function makeVirtualService(spec: VirtualServiceSpec, meta: Meta = {}): VirtualService {
  const virtualServices = resolveVirtualServices([makeVirtualServiceObject(spec, meta)], makeSettings());
  const [only] = virtualServices;
  invariant(only !== undefined, 'a VirtualService without hosts is only a delegate');
  return only;
}

/** `among`: all services in sight; those that its routes lead to are picked. */
export const makeVirtualServiceView = (
  virtualService: VirtualService,
  among: readonly ServiceView[] = [],
): VirtualServiceView => {
  const hosts = destinationHosts(virtualService);
  const leadsTo = ({ service }: ServiceView): boolean =>
    [service, ...service.aliases].some(({ hostname }) => hosts.includes(hostname));
  return { virtualService, destinations: sharedList(among.filter(leadsTo)) };
};

export const makeConsumer = (namespace = 'bakery', labels?: Readonly<Record<string, string>>): Consumer =>
  sharedValue({ namespace, dnsDomain: `${namespace}.svc.cluster.local`, families: 'ipv4', labels });

/** The catch-all listener of a proxy without a Sidecar object. */
export const makeEgressListener = (
  services: readonly ServiceView[],
  virtualServices: readonly VirtualService[] = [],
  overrides: Partial<EgressListener> = {},
): EgressListener => ({
  source: makeSource('Sidecar', 'bakery', 'default'),
  captured: true,
  services: sharedList(services),
  virtualServices: sharedList(virtualServices.map((one) => makeVirtualServiceView(one, services))),
  ...overrides,
});

export const makeOutboundView = (
  egress: readonly EgressListener[],
  overrides: Partial<OutboundView> = {},
): OutboundView => ({
  scope: 'outbound/bakery',
  consumer: makeConsumer(),
  egress,
  unknownDestinations: { kind: 'allow' },
  services: sharedList([...new Set(egress.flatMap((listener) => listener.services))]),
  ...overrides,
});

export const makeInboundView = (overrides: Partial<InboundView> = {}): InboundView => ({
  scope: 'inbound/bakery/oven',
  ports: [],
  defaultMtls: 'PERMISSIVE',
  portMtls: {},
  mtlsSources: [],
  policies: noPolicies,
  ...overrides,
});

export const makeProxy = (overrides: Partial<Proxy> = {}): Proxy => ({
  type: 'sidecar',
  id: 'baker-1.bakery',
  namespace: 'bakery',
  serviceCluster: 'baker.bakery',
  ipAddresses: ['10.2.0.1'],
  dnsDomain: 'bakery.svc.cluster.local',
  clusterId: 'one',
  network: '',
  meshId: '',
  labels: {},
  serviceAccount: 'default',
  workloadName: 'baker',
  canonicalName: 'baker',
  canonicalRevision: 'latest',
  nodeName: 'node-1',
  locality: { region: '', zone: '', subZone: '' },
  interceptionMode: 'REDIRECT',
  dnsCapture: false,
  metadata: {},
  ...overrides,
});

/** Of which nothing is said beyond MeshConfig. */
export const makeTraffic = (overrides: Partial<TrafficTelemetry> = {}): TrafficTelemetry => ({
  sources: { logs: [], tracing: [], metrics: [] },
  logs: 'mesh',
  tracing: 'mesh',
  metrics: 'off',
  ...overrides,
});

const unobserved: WorkloadTelemetry = { client: sharedValue(makeTraffic()), server: sharedValue(makeTraffic()) };

export const makeProxyView = (outbound: OutboundView, overrides: Partial<ProxyView> = {}): ProxyView => ({
  settings: makeSettings(),
  extensions: [],
  proxy: makeProxy(),
  outbound,
  inbound: makeInboundView(),
  telemetry: unobserved,
  ...overrides,
});

/** A message without its provenance, which `toEqual` would compare, too. */
export const plain = (message: unknown): unknown => JSON.parse(JSON.stringify(message));
