// The tracing block of an HTTP connection manager: who takes spans, how many requests are sampled and which tags their
// spans carry. Where no provider is named, the proxy's bootstrap has one.
// https://istio.io/latest/docs/tasks/observability/distributed-tracing/telemetry-api/
import { memo } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import { at } from '../../../model/source.ts';
import type { TraceProvider, TraceSettings } from '../../../model/mesh/telemetry.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from } from '../../provenance.ts';
import type { HttpFacts } from '../listener/listener-facts.ts';
import { spanTags } from '../telemetry/custom-tags.ts';
import type { Traced } from '../telemetry/traced.ts';
import { tracer } from '../telemetry/trace-provider.ts';

type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];
type Tracing = NonNullable<HttpConnectionManager['tracing']>;

/** The `tracing` field, or nothing where nothing is traced; and whether a request's id decides what is. */
export const tracing = memo(
  (
    settings: MeshSettings,
    { traced, connection: { telemetry } }: HttpFacts,
  ): Pick<HttpConnectionManager, 'tracing' | 'request_id_extension'> => {
    const asked = telemetry?.tracing ?? 'mesh';
    if (traced === undefined || asked === 'off') return { request_id_extension: requestId(true) };
    if (asked === 'mesh')
      return from(at(settings.source, 'enableTracing'), {
        tracing: { ...sampled(traced.sampling), ...pathLength(traced.maxPathTagLength), custom_tags: tagsOf(traced) },
        request_id_extension: requestId(true),
      });
    return from(telemetry?.sources.tracing ?? [settings.source], {
      tracing: telemetryTracing(asked, traced),
      request_id_extension: requestId(asked.byRequestId),
    });
  },
);

const tagsOf = ({ workload, customTags }: Traced) => spanTags(workload, customTags);

function telemetryTracing(asked: TraceSettings, traced: Traced): Tracing {
  const { provider, sampling, customTags, withoutPropagation } = asked;
  // Another sampler decides about every request.
  const all = provider.kind === 'opentelemetry' && provider.settings.dynatraceSampler !== undefined;
  const tags = customTags === undefined || Object.keys(customTags).length === 0 ? traced.customTags : customTags;
  return {
    ...sampled(all ? 100 : (sampling ?? traced.sampling)),
    ...pathLength(maxTagLength(provider) || traced.maxPathTagLength),
    ...((traced.upstreamSpans || provider.kind === 'skywalking') && { spawn_upstream_span: true }),
    ...(withoutPropagation && { no_context_propagation: true }),
    provider: tracer(provider, traced.producer),
    custom_tags: spanTags(traced.workload, tags),
  };
}

const sampled = (percent: number): Tracing => ({
  client_sampling: { value: 100 },
  random_sampling: { value: percent },
  overall_sampling: { value: 100 },
});

const pathLength = (length: number): Tracing => (length === 0 ? {} : { max_path_tag_length: length });

function maxTagLength(provider: TraceProvider): number {
  if (provider.kind === 'datadog') return provider.maxTagLength;
  return provider.kind === 'skywalking' ? 0 : (provider.settings.maxTagLength ?? 0);
}

/** So that all proxies of one trace agree, or each for itself. */
const requestId = memo((forSampling: boolean): NonNullable<HttpConnectionManager['request_id_extension']> => ({
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig',
    use_request_id_for_trace_sampling: forSampling,
  },
}));
