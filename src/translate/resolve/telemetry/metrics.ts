// Which of the standard metrics are counted for a workload's traffic in one direction, and with which tags.
// https://istio.io/latest/docs/reference/config/telemetry/#MetricsOverrides
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Metrics, MetricSelector, MetricsOverrides } from '../../../model/schema/index.ts';
import type { MetricChange, MetricSettings, TagChange } from '../../../model/mesh/telemetry.ts';
import { compareText } from '../order.ts';
import type { Telemetry } from './applicable.ts';
import type { Mode } from './providers.ts';
import { matchesMode, namesOf, providerNamed } from './providers.ts';

/** 'off' unless a provider of Prometheus' kind is in force. */
export function metricSettings(
  settings: MeshSettings,
  telemetries: readonly Telemetry[],
  mode: Mode,
): MetricSettings | 'off' {
  const entries = telemetries.flatMap(({ spec }) => spec.metrics ?? []);
  const defaults = settings.defaultProviders?.metrics ?? [];
  const naming = entries.findLast(({ providers }) => (providers ?? []).length > 0);
  const chosen = naming === undefined ? defaults : namesOf(naming.providers);
  const provider = chosen.toSorted(compareText).find((name) => providerNamed(settings, name)?.prometheus !== undefined);
  return provider === undefined ? 'off' : changes(overridesFor(entries, defaults, provider), mode);
}

/** Those of entries that name the provider, or name none and so are about those of the entry before. */
function overridesFor(
  entries: readonly Metrics[],
  defaults: readonly string[],
  provider: string,
): readonly MetricsOverrides[] {
  let names = defaults;
  return entries.flatMap(({ providers, overrides }) => {
    names = (providers ?? []).length > 0 ? namesOf(providers) : names;
    return names.includes(provider) ? (overrides ?? []) : [];
  });
}

/** In order: what comes later adds to what was said before. After everything was disabled, any override brings it back. */
function changes(overrides: readonly MetricsOverrides[], mode: Mode): MetricSettings | 'off' {
  const byMetric = new Map<string, { disabled: boolean; tags: ReadonlyMap<string, TagChange> }>();
  let off = false;
  for (const { match, disabled, tagOverrides } of overrides.filter((override) => matchesMode(override.match, mode))) {
    off = disabled === true && isEverything(match);
    if (off) continue;
    for (const metric of metricsOf(match)) {
      const known = byMetric.get(metric);
      const tags = Object.entries(tagOverrides ?? {}).map(([name, { operation, value }]): [string, TagChange] => [
        name,
        operation === 'REMOVE' ? { name } : { name, value: value ?? '' },
      ]);
      byMetric.set(metric, {
        disabled: disabled ?? known?.disabled ?? false,
        tags: new Map([...(known?.tags ?? []), ...tags]),
      });
    }
  }
  if (off) return 'off';
  const list = [...byMetric].map(([metric, { disabled, tags }]): MetricChange => ({
    metric,
    disabled,
    tags: [...tags.values()].toSorted((a, b) => compareText(a.name, b.name)),
  }));
  return { changes: list.toSorted((a, b) => compareText(a.metric, b.metric)) };
}

const isEverything = (match: MetricSelector | undefined): boolean =>
  match?.customMetric === undefined && (match?.metric ?? 'ALL_METRICS') === 'ALL_METRICS';

function metricsOf(match: MetricSelector | undefined): readonly string[] {
  if (match?.customMetric !== undefined) return [match.customMetric];
  return isEverything(match) ? Object.values(metricNames) : [metricNames[match?.metric ?? ''] ?? ''];
}

/** As Prometheus has them, without the prefix. */
const metricNames: Readonly<Record<string, string>> = {
  REQUEST_COUNT: 'requests_total',
  REQUEST_DURATION: 'request_duration_milliseconds',
  REQUEST_SIZE: 'request_bytes',
  RESPONSE_SIZE: 'response_bytes',
  TCP_OPENED_CONNECTIONS: 'tcp_connections_opened_total',
  TCP_CLOSED_CONNECTIONS: 'tcp_connections_closed_total',
  TCP_SENT_BYTES: 'tcp_sent_bytes_total',
  TCP_RECEIVED_BYTES: 'tcp_received_bytes_total',
  GRPC_REQUEST_MESSAGES: 'request_messages_total',
  GRPC_RESPONSE_MESSAGES: 'response_messages_total',
};
