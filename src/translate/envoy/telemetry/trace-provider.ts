// The tracer of an HTTP connection manager: who takes the spans, and how they are sent there.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/observability/tracing
import type { Collector, TraceProvider } from '../../../model/mesh/telemetry.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { extension } from '../../typed.ts';
import type { SpanProducer } from './traced.ts';
import { collectorCluster, grpcCollector, httpCollector } from './collector.ts';

type Tracer = MessageOf['envoy.config.trace.v3.Tracing.Http'];
type OpenTelemetry = Extract<TraceProvider, { readonly kind: 'opentelemetry' }>;
type Extension = MessageOf['envoy.config.core.v3.TypedExtensionConfig'];

/** `producer` is who the spans are said to come from. */
export function tracer(provider: TraceProvider, producer: SpanProducer): Tracer {
  const { collector } = provider;
  switch (provider.kind) {
    case 'zipkin':
      return zipkin(provider);
    case 'datadog':
      return extension('envoy.tracers.datadog', 'envoy.config.trace.v3.DatadogConfig', {
        collector_cluster: collectorCluster(collector),
        collector_hostname: collector.host,
        service_name: producer.cluster,
      });
    case 'skywalking':
      return extension('envoy.tracers.skywalking', 'envoy.config.trace.v3.SkyWalkingConfig', {
        grpc_service: grpcCollector(collector),
      });
    case 'opentelemetry':
      return openTelemetry(provider, producer);
  }
}

function zipkin({ collector, settings }: Extract<TraceProvider, { readonly kind: 'zipkin' }>): Tracer {
  const { path, timeout, headers, enable64bitTraceId, traceContextOption } = settings;
  return extension('envoy.tracers.zipkin', 'envoy.config.trace.v3.ZipkinConfig', {
    collector_endpoint_version: 'HTTP_JSON',
    collector_service: httpCollector(
      collector,
      `http://${collector.host}${path || '/api/v2/spans'}`,
      timeout ?? '5s',
      headers,
    ),
    shared_span_context: false,
    ...(enable64bitTraceId !== true && { trace_id_128bit: true }),
    ...(traceContextOption === 'USE_B3_WITH_W3C_PROPAGATION' && { trace_context_option: traceContextOption }),
  });
}

function openTelemetry({ collector, settings, sampler }: OpenTelemetry, producer: SpanProducer): Tracer {
  const { http, grpc } = settings;
  const conventions = settings.serviceAttributeEnrichment === 'OTEL_SEMANTIC_CONVENTIONS';
  const asked = settings.resourceDetectors;
  const detectors = [
    ...(asked?.environment === undefined ? [] : [environment]),
    ...(asked?.dynatrace === undefined ? [] : [dynatrace]),
    ...(conventions && asked?.environment === undefined ? [environment] : []),
  ];
  return extension('envoy.tracers.opentelemetry', 'envoy.config.trace.v3.OpenTelemetryConfig', {
    service_name: conventions ? producer.service : producer.cluster,
    ...(http === undefined
      ? {
          grpc_service: {
            ...grpcCollector(collector),
            ...(grpc?.timeout !== undefined && { timeout: duration(grpc.timeout) }),
            ...((grpc?.initialMetadata ?? []).length > 0 && {
              initial_metadata: grpc?.initialMetadata?.map(({ name = '', value = '' }) => ({ key: name, value })) ?? [],
            }),
          },
        }
      : { http_service: httpCollector(collector, joined(collector.host, http.path), http.timeout, http.headers) }),
    ...(detectors.length > 0 && { resource_detectors: detectors }),
    ...(settings.dynatraceSampler !== undefined && { sampler: dynatraceSampler(collector, settings, sampler) }),
  });
}

const environment: Extension = extension(
  'envoy.tracers.opentelemetry.resource_detectors.environment',
  'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig',
  {},
);
const dynatrace: Extension = extension(
  'envoy.tracers.opentelemetry.resource_detectors.dynatrace',
  'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.DynatraceResourceDetectorConfig',
  {},
);

/** Asks the service that takes the spans, or one of its own, how many are wanted. */
function dynatraceSampler(
  collector: Collector,
  { http, dynatraceSampler: asked = {} }: OpenTelemetry['settings'],
  own: Collector | undefined,
): Extension {
  const service = own === undefined ? http : asked.httpService?.http;
  const path = own === undefined ? 'api/v2/samplingConfiguration' : service?.path;
  const target = own ?? collector;
  return extension(
    'envoy.tracers.opentelemetry.samplers.dynatrace',
    'envoy.extensions.tracers.opentelemetry.samplers.v3.DynatraceSamplerConfig',
    {
      tenant: asked.tenant ?? '',
      cluster_id: asked.clusterId ?? 0,
      http_service: httpCollector(target, joined(target.host, path), service?.timeout, service?.headers),
      root_spans_per_minute: asked.rootSpansPerMinute ?? 0,
    },
  );
}

/** `host/path`, whichever of the two has the slash. */
const joined = (host: string, path = ''): string => (path === '' ? host : `${host}/${path.replace(/^\/{1,64}/, '')}`);
