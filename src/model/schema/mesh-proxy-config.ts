// The mesh-wide ProxyConfig: MeshConfig's `defaultConfig`, and the `proxy.istio.io/config` annotation.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
import type { Static } from './fields.ts';
import {
  anyDuration,
  boolean,
  double,
  int32,
  int64,
  list,
  map,
  message,
  oneOf,
  port,
  string,
  uint32,
} from './fields.ts';
import { ClientTLSSettings, TcpKeepalive } from './destination-rule.ts';
import { ProxyImage } from './proxy-config.ts';
import { ReadinessProbe } from './service-entry.ts';

export const RemoteService = message({ address: string, tlsSettings: ClientTLSSettings, tcpKeepalive: TcpKeepalive });
export type RemoteService = Static<typeof RemoteService>;

const environmentTag = message({ name: string, defaultValue: string });

export const MeshTracing = message({
  zipkin: message({ address: string }),
  lightstep: message({ address: string, accessToken: string }),
  datadog: message({ address: string }),
  stackdriver: message({
    debug: boolean,
    maxNumberOfAttributes: int64,
    maxNumberOfAnnotations: int64,
    maxNumberOfMessageEvents: int64,
  }),
  openCensusAgent: message({
    address: string,
    context: list(oneOf('UNSPECIFIED', 'W3C_TRACE_CONTEXT', 'GRPC_BIN', 'CLOUD_TRACE_CONTEXT', 'B3')),
  }),
  customTags: map(
    message({ literal: message({ value: string }), environment: environmentTag, header: environmentTag }),
  ),
  maxPathTagLength: uint32,
  sampling: double,
  tlsSettings: ClientTLSSettings,
  enableIstioTags: boolean,
});
export type MeshTracing = Static<typeof MeshTracing>;

export const ForwardClientCertDetails = oneOf(
  'UNDEFINED',
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
);
export type ForwardClientCertDetails = Static<typeof ForwardClientCertDetails>;

export const Topology = message({
  numTrustedProxies: uint32,
  forwardClientCertDetails: ForwardClientCertDetails,
  proxyProtocol: message({}),
});
export type Topology = Static<typeof Topology>;

const disableable = message({ disabled: boolean });
const enableable = message({ enabled: boolean });

export const ProxyHeaders = message({
  forwardedClientCert: ForwardClientCertDetails,
  setCurrentClientCertDetails: message({ subject: boolean, cert: boolean, chain: boolean, dns: boolean, uri: boolean }),
  requestId: disableable,
  server: message({ disabled: boolean, value: string }),
  attemptCount: disableable,
  envoyDebugHeaders: disableable,
  metadataExchangeHeaders: message({ mode: oneOf('UNDEFINED', 'IN_MESH') }),
  preserveHttp1HeaderCase: boolean,
  xForwardedHost: enableable,
  xForwardedPort: enableable,
});
export type ProxyHeaders = Static<typeof ProxyHeaders>;

export const ConnectionSettings = message({
  profile: oneOf('SIDECAR', 'EDGE'),
  listenerPerConnectionBufferLimitBytes: int32,
  clusterPerConnectionBufferLimitBytes: int32,
  httpIdleTimeout: anyDuration,
  httpMaxConnectionDuration: anyDuration,
  httpDrainTimeout: anyDuration,
  httpRequestTimeout: anyDuration,
  httpRequestHeadersTimeout: anyDuration,
  httpStreamIdleTimeout: anyDuration,
  httpMaxStreamDuration: anyDuration,
  httpMaxConcurrentStreams: int32,
  http2InitialStreamWindowSize: int32,
  http2InitialConnectionWindowSize: int32,
  httpHeadersWithUnderscoresAction: oneOf(
    'HEADERS_WITH_UNDERSCORES_UNSPECIFIED',
    'HEADERS_WITH_UNDERSCORES_ALLOW',
    'HEADERS_WITH_UNDERSCORES_REJECT_REQUEST',
    'HEADERS_WITH_UNDERSCORES_DROP_HEADER',
  ),
  httpMergeSlashes: boolean,
  httpPathWithEscapedSlashesAction: oneOf(
    'PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED',
    'KEEP_UNCHANGED',
    'REJECT_REQUEST',
    'UNESCAPE_AND_REDIRECT',
    'UNESCAPE_AND_FORWARD',
  ),
  listenerConnectionLimit: int32,
  globalDownstreamConnectionLimit: int32,
});
export type ConnectionSettings = Static<typeof ConnectionSettings>;

const privateKeyProvider = message({ pollDelay: anyDuration, fallback: boolean });

export const ProxyConfigSpec = message({
  configPath: string,
  binaryPath: string,
  serviceCluster: string,
  tracingServiceName: oneOf('APP_LABEL_AND_NAMESPACE', 'CANONICAL_NAME_ONLY', 'CANONICAL_NAME_AND_NAMESPACE'),
  drainDuration: anyDuration,
  discoveryAddress: string,
  discoveryRefreshDelay: anyDuration,
  zipkinAddress: string,
  statsdUdpAddress: string,
  envoyMetricsServiceAddress: string,
  proxyAdminPort: port,
  availabilityZone: string,
  controlPlaneAuthPolicy: oneOf('NONE', 'MUTUAL_TLS', 'INHERIT'),
  customConfigFile: string,
  statNameLength: int32,
  concurrency: int32,
  proxyBootstrapTemplatePath: string,
  interceptionMode: oneOf('REDIRECT', 'TPROXY', 'NONE'),
  tracing: MeshTracing,
  sds: message({ enabled: boolean, k8sSaJwtPath: string }),
  envoyAccessLogService: RemoteService,
  envoyMetricsService: RemoteService,
  proxyMetadata: map(string),
  runtimeValues: map(string),
  statusPort: port,
  extraStatTags: list(string),
  gatewayTopology: Topology,
  terminationDrainDuration: anyDuration,
  meshId: string,
  readinessProbe: ReadinessProbe,
  proxyStatsMatcher: message({
    inclusionPrefixes: list(string),
    inclusionSuffixes: list(string),
    inclusionRegexps: list(string),
  }),
  holdApplicationUntilProxyStarts: boolean,
  caCertificatesPem: list(string),
  image: ProxyImage,
  privateKeyProvider: message({ cryptomb: privateKeyProvider, qat: privateKeyProvider }),
  proxyHeaders: ProxyHeaders,
  fileFlushInterval: anyDuration,
  fileFlushMinSizeKb: uint32,
  statsCompression: boolean,
  connectionSettings: ConnectionSettings,
});
export type ProxyConfigSpec = Static<typeof ProxyConfigSpec>;
