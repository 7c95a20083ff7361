// What is observed of a workload's traffic: access logs, traces and metrics. Names of providers are looked up already,
// inheritance is settled; all of it is plain data, canonical by `sharedValue`.
// https://istio.io/latest/docs/reference/config/telemetry/
import type {
  CustomTag,
  EnvoyFileAccessLogProvider,
  EnvoyHttpGrpcV3LogProvider,
  EnvoyOpenTelemetryLogProvider,
  EnvoyTcpGrpcV3LogProvider,
  OpenTelemetryTracingProvider,
  ZipkinTracingProvider,
} from '../schema/index.ts';
import type { SourceRef } from '../source.ts';

/** A service of the mesh that takes logs or traces. */
export interface Collector {
  readonly host: string;
  readonly port: number;
}

/** Where lines go, and how they look. 'mesh-file' looks as MeshConfig's own log does. */
export type LogProvider =
  | { readonly kind: 'mesh-file'; readonly path: string }
  | { readonly kind: 'file'; readonly settings: EnvoyFileAccessLogProvider }
  | { readonly kind: 'http-grpc'; readonly collector: Collector; readonly settings: EnvoyHttpGrpcV3LogProvider }
  | { readonly kind: 'tcp-grpc'; readonly collector: Collector; readonly settings: EnvoyTcpGrpcV3LogProvider }
  | {
      readonly kind: 'opentelemetry';
      readonly collector: Collector;
      readonly settings: EnvoyOpenTelemetryLogProvider;
    };

export interface AccessLogSink {
  readonly provider: LogProvider;
  /** A CEL expression: only what it holds for is logged. */
  readonly expression?: string;
}

export type TraceProvider =
  | { readonly kind: 'zipkin'; readonly collector: Collector; readonly settings: ZipkinTracingProvider }
  | { readonly kind: 'datadog'; readonly collector: Collector; readonly maxTagLength: number }
  | { readonly kind: 'skywalking'; readonly collector: Collector }
  | {
      readonly kind: 'opentelemetry';
      readonly collector: Collector;
      readonly settings: OpenTelemetryTracingProvider;
      /** Who answers the sampler of Dynatrace: another service than the spans go to. */
      readonly sampler?: Collector;
    };

export interface TraceSettings {
  readonly provider: TraceProvider;
  /** Percent; absent: as the proxy's configuration says. */
  readonly sampling?: number;
  /** Absent: as the proxy's configuration says. */
  readonly customTags?: Readonly<Record<string, CustomTag>>;
  readonly istioTags: boolean;
  /** Whether the request's id decides, so that all proxies decide alike. */
  readonly byRequestId: boolean;
  readonly withoutPropagation: boolean;
}

export interface TagChange {
  readonly name: string;
  /** A CEL expression; absent: the tag is removed. */
  readonly value?: string;
}

export interface MetricChange {
  /** Without its prefix `istio_`: `requests_total`. */
  readonly metric: string;
  readonly disabled: boolean;
  /** By name. */
  readonly tags: readonly TagChange[];
}

export interface MetricSettings {
  /** By name of the metric. */
  readonly changes: readonly MetricChange[];
}

/** Of one direction: what a workload sends, or what it receives. */
export interface TrafficTelemetry {
  /** The objects and fields that say so. */
  readonly sources: Readonly<Record<'logs' | 'tracing' | 'metrics', readonly SourceRef[]>>;
  /** 'mesh': as MeshConfig's fields for access logs say. */
  readonly logs: readonly AccessLogSink[] | 'mesh';
  /** 'mesh': as MeshConfig and the proxy's configuration say. */
  readonly tracing: TraceSettings | 'mesh' | 'off';
  readonly metrics: MetricSettings | 'off';
}

export interface WorkloadTelemetry {
  readonly client: TrafficTelemetry;
  readonly server: TrafficTelemetry;
}
