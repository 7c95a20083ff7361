// Who spans are said to come from and what the workload's own configuration says of them: the few plain facts that the
// tracing block depends on besides Telemetry objects. Where nothing of them matters they are left out, so that workloads share.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#Tracing
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { CustomTag } from '../../../model/schema/index.ts';
import type { TrafficTelemetry } from '../../../model/mesh/telemetry.ts';
import type { JsonObject } from '../../json-object.ts';
import { jsonObject } from '../../json-object.ts';
import { proxyConfig } from '../../proxy-config.ts';
import type { OwnNames } from './metered.ts';

/** Who the workload is, as spans report it. */
export interface TracedWorkload {
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly clusterId: string;
  readonly meshId: string;
  readonly namespace: string;
}

/** What a tracer calls the source of its spans: Envoy's own cluster, or a name after OpenTelemetry's conventions. */
export interface SpanProducer {
  readonly cluster: string;
  readonly service: string;
}

export interface Traced {
  /** Absent where spans do not say it. */
  readonly workload?: TracedWorkload | 'environment';
  readonly producer: SpanProducer;
  /** A proxy that stands alone has spans of its own for what it sends on. */
  readonly upstreamSpans: boolean;
  /** Percent. */
  readonly sampling: number;
  /** 0: Envoy's default. */
  readonly maxPathTagLength: number;
  readonly customTags: Readonly<Record<string, CustomTag>>;
}

/** undefined where nothing is traced. */
export function tracedBy(
  settings: MeshSettings,
  proxy: Proxy,
  telemetry: TrafficTelemetry | undefined,
  names: OwnNames,
): Traced | undefined {
  const asked = telemetry?.tracing ?? 'mesh';
  if (asked === 'off' || (asked === 'mesh' && settings.enableTracing !== true)) return undefined;
  const own = record(proxyConfig(settings, proxy)['tracing']);
  const tagged = asked === 'mesh' ? own['enableIstioTags'] !== false : asked.istioTags;
  const named = asked !== 'mesh' && ['datadog', 'opentelemetry'].includes(asked.provider.kind);
  return {
    ...(tagged && { workload: names === 'literal' ? tracedWorkload(proxy) : names }),
    producer: named ? { cluster: proxy.serviceCluster, service: conventionalName(proxy) } : nobody,
    upstreamSpans: proxy.type === 'router',
    sampling: samplingOf(settings, own['sampling']),
    maxPathTagLength: numberOf(own['maxPathTagLength']),
    customTags: tagsOf(own['customTags']),
  };
}

const nobody: SpanProducer = { cluster: '', service: '' };

const tracedWorkload = (proxy: Proxy): TracedWorkload => ({
  canonicalName: proxy.canonicalName,
  canonicalRevision: proxy.canonicalRevision,
  clusterId: proxy.clusterId || 'unknown',
  meshId: proxy.meshId || 'unknown',
  namespace: proxy.namespace,
});

/** https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/#service-attributes */
function conventionalName({ metadata, labels, workloadName }: Proxy): string {
  const annotated = record(metadata['ANNOTATIONS'])['resource.opentelemetry.io/service.name'];
  const names = [annotated, labels['app.kubernetes.io/instance'], labels['app.kubernetes.io/name'], workloadName];
  return names.find((name): name is string => typeof name === 'string' && name !== '') ?? 'unknown_service';
}

/** 0 is no answer; more than everything is one request in a hundred. */
function samplingOf(settings: MeshSettings, asked: unknown): number {
  const percent = numberOf(asked);
  if (percent === 0) return settings.features.traceSampling;
  return percent > 100 ? 1 : percent;
}

const numberOf = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

/** It may come from the network: what is no tag is left out. */
function tagsOf(value: unknown): Readonly<Record<string, CustomTag>> {
  const tags = Object.entries(record(value)).slice(0, maxTags);
  return Object.fromEntries(tags.flatMap(([name, tag]) => customTag(record(tag)).map((read) => [name, read] as const)));
}

const maxTags = 256;

function customTag(tag: JsonObject): readonly CustomTag[] {
  const literal = record(tag['literal'])['value'];
  if (typeof literal === 'string' && literal !== '') return [{ literal: { value: literal } }];
  if ('environment' in tag) return named(tag['environment']).map((environment) => ({ environment }));
  return named(tag['header']).map((header) => ({ header }));
}

function named(value: unknown): readonly { readonly name: string; readonly defaultValue?: string }[] {
  const { name, defaultValue } = record(value);
  if (typeof name !== 'string' || name === '') return [];
  return [{ name, ...(typeof defaultValue === 'string' && { defaultValue }) }];
}

const record = (value: unknown): JsonObject => jsonObject(value) ?? {};
