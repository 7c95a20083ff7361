// Where spans of a workload's requests go in one direction, how many there are and what they carry.
// https://istio.io/latest/docs/reference/config/telemetry/#Tracing
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { ExtensionProvider, Tracing } from '../../../model/schema/index.ts';
import type { TraceProvider, TraceSettings } from '../../../model/mesh/telemetry.ts';
import type { Hosts } from '../security/extension-provider.ts';
import type { Telemetry } from './applicable.ts';
import type { Mode } from './providers.ts';
import { collectorOf, matchesMode, providerNamed } from './providers.ts';

/** 'off' where it is disabled, and where nobody is there to take spans. */
export function traceSettings(
  settings: MeshSettings,
  hosts: Hosts,
  telemetries: readonly Telemetry[],
  mode: Mode,
): TraceSettings | 'mesh' | 'off' {
  const asked = telemetries.flatMap(({ spec }) => spec.tracing ?? []);
  const [fallback] = settings.defaultProviders?.tracing ?? [];
  if (asked.length === 0 && fallback === undefined) return 'mesh';
  const entries = asked.filter(({ match }) => matchesMode(match, mode));
  const name = last(entries, ({ providers }) => providers?.[0]?.name) ?? fallback;
  const provider = name === undefined ? undefined : traceProvider(hosts, providerNamed(settings, name));
  if (provider === undefined || last(entries, ({ disableSpanReporting }) => disableSpanReporting) === true)
    return 'off';
  const sampling = last(entries, ({ randomSamplingPercentage }) => randomSamplingPercentage);
  const customTags = last(entries, (entry) => entry.customTags);
  return {
    provider,
    ...(sampling !== undefined && { sampling }),
    ...(customTags !== undefined && { customTags }),
    istioTags: last(entries, ({ enableIstioTags }) => enableIstioTags) ?? true,
    byRequestId: last(entries, ({ useRequestIdForTraceSampling }) => useRequestIdForTraceSampling) ?? true,
    withoutPropagation: last(entries, ({ disableContextPropagation }) => disableContextPropagation) ?? false,
  };
}

/** Each field for itself: the nearest entry that says something of it decides. */
const last = <T>(entries: readonly Tracing[], field: (entry: Tracing) => T | undefined): T | undefined =>
  entries.map(field).findLast((value) => value !== undefined);

function traceProvider(hosts: Hosts, provider: ExtensionProvider | undefined): TraceProvider | undefined {
  const { zipkin, datadog, skywalking, opentelemetry } = provider ?? {};
  const asked = zipkin ?? datadog ?? skywalking ?? opentelemetry;
  const collector = asked === undefined ? undefined : collectorOf(hosts, asked);
  if (collector === undefined) return undefined;
  if (zipkin !== undefined) return { kind: 'zipkin', collector, settings: zipkin };
  if (datadog !== undefined) return { kind: 'datadog', collector, maxTagLength: datadog.maxTagLength ?? 0 };
  if (skywalking !== undefined) return { kind: 'skywalking', collector };
  if (opentelemetry === undefined) return undefined;
  const service = opentelemetry.dynatraceSampler?.httpService;
  if (service === undefined) {
    // Without a service of its own the sampler asks the one that takes the spans, over HTTP.
    const unanswered = opentelemetry.dynatraceSampler !== undefined && opentelemetry.http === undefined;
    return unanswered ? undefined : { kind: 'opentelemetry', collector, settings: opentelemetry };
  }
  const sampler = collectorOf(hosts, service);
  return sampler === undefined ? undefined : { kind: 'opentelemetry', collector, settings: opentelemetry, sampler };
}
