// MeshConfig's extension providers: the named services that authorize, trace and log.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import type { Static } from './fields.ts';
import {
  anyDuration,
  boolean,
  int32,
  int64,
  list,
  map,
  message,
  oneOf,
  port,
  string,
  struct,
  uint32,
} from './fields.ts';

const service = { service: string, port };
const traced = { ...service, maxTagLength: uint32 };

export const EnvoyExternalAuthorizationRequestBody = message({
  maxRequestBytes: uint32,
  allowPartialMessage: boolean,
  packAsBytes: boolean,
});
export type EnvoyExternalAuthorizationRequestBody = Static<typeof EnvoyExternalAuthorizationRequestBody>;

export const EnvoyExternalAuthorizationHttpProvider = message({
  ...service,
  timeout: anyDuration,
  pathPrefix: string,
  failOpen: boolean,
  clearRouteCache: boolean,
  statusOnError: string,
  includeHeadersInCheck: list(string),
  includeRequestHeadersInCheck: list(string),
  includeAdditionalHeadersInCheck: map(string),
  includeRequestBodyInCheck: EnvoyExternalAuthorizationRequestBody,
  headersToUpstreamOnAllow: list(string),
  headersToDownstreamOnDeny: list(string),
  headersToDownstreamOnAllow: list(string),
});
export type EnvoyExternalAuthorizationHttpProvider = Static<typeof EnvoyExternalAuthorizationHttpProvider>;

export const EnvoyExternalAuthorizationGrpcProvider = message({
  ...service,
  timeout: anyDuration,
  failOpen: boolean,
  clearRouteCache: boolean,
  statusOnError: string,
  includeRequestBodyInCheck: EnvoyExternalAuthorizationRequestBody,
});
export type EnvoyExternalAuthorizationGrpcProvider = Static<typeof EnvoyExternalAuthorizationGrpcProvider>;

export const ProviderHttpHeader = message({ name: string, value: string, envName: string });
export type ProviderHttpHeader = Static<typeof ProviderHttpHeader>;

export const ZipkinTracingProvider = message({
  ...traced,
  enable64bitTraceId: boolean,
  path: string,
  traceContextOption: oneOf('USE_B3', 'USE_B3_WITH_W3C_PROPAGATION'),
  timeout: anyDuration,
  headers: list(ProviderHttpHeader),
});
export type ZipkinTracingProvider = Static<typeof ZipkinTracingProvider>;

export const HttpService = message({ path: string, timeout: anyDuration, headers: list(ProviderHttpHeader) });
export type HttpService = Static<typeof HttpService>;

export const GrpcService = message({ timeout: anyDuration, initialMetadata: list(ProviderHttpHeader) });
export type GrpcService = Static<typeof GrpcService>;

export const DynatraceSampler = message({
  tenant: string,
  clusterId: int32,
  rootSpansPerMinute: uint32,
  httpService: message({ ...service, http: HttpService }),
});
export type DynatraceSampler = Static<typeof DynatraceSampler>;

export const OpenTelemetryTracingProvider = message({
  ...traced,
  http: HttpService,
  grpc: GrpcService,
  resourceDetectors: message({ environment: message({}), dynatrace: message({}) }),
  serviceAttributeEnrichment: oneOf('ISTIO_CANONICAL', 'OTEL_SEMANTIC_CONVENTIONS'),
  dynatraceSampler: DynatraceSampler,
});
export type OpenTelemetryTracingProvider = Static<typeof OpenTelemetryTracingProvider>;

export const StackdriverProvider = message({
  debug: boolean,
  maxNumberOfAttributes: int64,
  maxNumberOfAnnotations: int64,
  maxNumberOfMessageEvents: int64,
  maxTagLength: uint32,
  logging: message({ labels: map(string) }),
});
export type StackdriverProvider = Static<typeof StackdriverProvider>;

/** One of text and labels. */
export const LogFormat = message({ text: string, labels: struct });
export type LogFormat = Static<typeof LogFormat>;

export const EnvoyFileAccessLogProvider = message({ path: string, logFormat: LogFormat, omitEmptyValues: boolean });
export type EnvoyFileAccessLogProvider = Static<typeof EnvoyFileAccessLogProvider>;

export const EnvoyTcpGrpcV3LogProvider = message({
  ...service,
  logName: string,
  filterStateObjectsToLog: list(string),
});
export type EnvoyTcpGrpcV3LogProvider = Static<typeof EnvoyTcpGrpcV3LogProvider>;

export const EnvoyHttpGrpcV3LogProvider = message({
  ...service,
  logName: string,
  filterStateObjectsToLog: list(string),
  additionalRequestHeadersToLog: list(string),
  additionalResponseHeadersToLog: list(string),
  additionalResponseTrailersToLog: list(string),
});
export type EnvoyHttpGrpcV3LogProvider = Static<typeof EnvoyHttpGrpcV3LogProvider>;

export const EnvoyOpenTelemetryLogProvider = message({ ...service, logName: string, logFormat: LogFormat });
export type EnvoyOpenTelemetryLogProvider = Static<typeof EnvoyOpenTelemetryLogProvider>;

/** A name and exactly one of the others. */
export const ExtensionProvider = message({
  name: string,
  envoyExtAuthzHttp: EnvoyExternalAuthorizationHttpProvider,
  envoyExtAuthzGrpc: EnvoyExternalAuthorizationGrpcProvider,
  zipkin: ZipkinTracingProvider,
  lightstep: message({ ...traced, accessToken: string }),
  datadog: message(traced),
  stackdriver: StackdriverProvider,
  opencensus: message({
    ...traced,
    context: list(oneOf('UNSPECIFIED', 'W3C_TRACE_CONTEXT', 'GRPC_BIN', 'CLOUD_TRACE_CONTEXT', 'B3')),
  }),
  skywalking: message({ ...service, accessToken: string }),
  opentelemetry: OpenTelemetryTracingProvider,
  prometheus: message({}),
  envoyFileAccessLog: EnvoyFileAccessLogProvider,
  envoyHttpAls: EnvoyHttpGrpcV3LogProvider,
  envoyTcpAls: EnvoyTcpGrpcV3LogProvider,
  envoyOtelAls: EnvoyOpenTelemetryLogProvider,
  sds: message({ name: string, ...service }),
});
export type ExtensionProvider = Static<typeof ExtensionProvider>;

export const DefaultProviders = message({ tracing: list(string), metrics: list(string), accessLogging: list(string) });
export type DefaultProviders = Static<typeof DefaultProviders>;
