// Istio's standard metrics from a stock Envoy: the access logger that counts instead of writing lines.
// https://istio.io/latest/docs/reference/config/metrics/
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/access_loggers/stats/v3/stats.proto
import { memo } from '../../../model/memo.ts';
import type { MetricSettings, TagChange } from '../../../model/mesh/telemetry.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';
import type { MeteredWorkload, Received, Sent } from './metered.ts';
import { cel, constant, firstOf } from './format.ts';
import { isGrpc, messageCount } from './grpc-messages.ts';
import type { Labels, Metered } from './metric-labels.ts';
import { metricLabels } from './metric-labels.ts';
import type { AccessLog } from './log-sink.ts';

type Config = MessageOf['envoy.extensions.access_loggers.stats.v3.Config'];
type Stat = MessageOf['envoy.extensions.access_loggers.stats.v3.Config.Stat'];

/** Entries for `access_log`, none of them when everything is disabled. `received` and `sent` are canonical. */
export const metricLogs = memo(
  (
    settings: MetricSettings,
    workload: MeteredWorkload,
    protocol: Metered['protocol'],
    received: Received | undefined,
    sent: Sent | undefined,
  ): readonly AccessLog[] => {
    const labels = metricLabels({ workload, protocol, received, sent });
    return counted[protocol].flatMap((metrics) => metricLog(settings, labels, metrics) ?? []);
  },
);

/** Counting messages takes a filter. */
export const countsMessages = (settings: MetricSettings | 'off' = 'off'): boolean =>
  settings !== 'off' && ofMessages.counters.some(({ metric }) => isWanted(settings, metric));

const isWanted = ({ changes }: MetricSettings, metric: string): boolean =>
  changes.find((change) => change.metric === metric)?.disabled !== true;

function metricLog(settings: MetricSettings, labels: Labels, metrics: Metrics): AccessLog | undefined {
  const stat = (metric: string): Stat => ({ name: `istio_${metric}`, tags: tags(settings, metric, labels) });
  const wanted = ({ metric }: { readonly metric: string }): boolean => isWanted(settings, metric);
  const counters = metrics.counters.filter(wanted).map(({ metric, ...value }) => ({ stat: stat(metric), ...value }));
  const histograms = metrics.histograms
    .filter(wanted)
    .map(({ metric, ...value }) => ({ stat: stat(metric), ...value }));
  if (counters.length + histograms.length === 0) return undefined;
  return {
    ...extension(metrics.name, 'envoy.extensions.access_loggers.stats.v3.Config', {
      stats_scope: scope,
      counters,
      histograms,
    }),
    ...(metrics.filter !== undefined && { filter: metrics.filter }),
  };
}

/**
 * Prometheus' names begin with what a scope is called, but for the scopes of extensions that name their own metrics: Envoy
 * leaves out this one's, as it would for Istio's. All listeners count in the same scope, idle series are dropped.
 */
const scope: NonNullable<Config['stats_scope']> = { prefix: 'wasmcustom', sharing_name: 'mesh', enable_eviction: true };

/** What one logger counts. */
interface Metrics {
  readonly name: string;
  /** Of which requests. */
  readonly filter?: NonNullable<AccessLog['filter']>;
  readonly counters: readonly ({
    readonly metric: string;
  } & MessageOf['envoy.extensions.access_loggers.stats.v3.Config.Counter'])[];
  readonly histograms: readonly ({
    readonly metric: string;
  } & MessageOf['envoy.extensions.access_loggers.stats.v3.Config.Histogram'])[];
}

const messages = (direction: 'request' | 'response'): string =>
  `%COALESCE(${JSON.stringify({ operators: [messageCount(direction), constant('0')] })})%`;

const ofRequests: Metrics = {
  name: 'keelson.stats',
  counters: [{ metric: 'requests_total', value_fixed: '1' }],
  histograms: [
    { metric: 'request_duration_milliseconds', unit: 'Milliseconds', value_format: '%DURATION%' },
    { metric: 'request_bytes', unit: 'Bytes', value_format: '%CEL(request.total_size)%' },
    { metric: 'response_bytes', unit: 'Bytes', value_format: '%CEL(response.total_size)%' },
  ],
};

const ofMessages: Metrics = {
  name: 'keelson.grpc_stats',
  filter: isGrpc,
  counters: [
    { metric: 'request_messages_total', value_format: messages('request') },
    { metric: 'response_messages_total', value_format: messages('response') },
  ],
  histograms: [],
};

/** Of connections nothing is logged before they end, so that their log has one line each: they count once they are over. */
const ofConnections: Metrics = {
  name: 'keelson.stats',
  counters: [
    { metric: 'tcp_connections_opened_total', value_fixed: '1' },
    { metric: 'tcp_connections_closed_total', value_fixed: '1' },
    { metric: 'tcp_sent_bytes_total', value_format: '%BYTES_SENT%' },
    { metric: 'tcp_received_bytes_total', value_format: '%BYTES_RECEIVED%' },
  ],
  histograms: [],
};

const counted: Readonly<Record<Metered['protocol'], readonly Metrics[]>> = {
  http: [ofRequests, ofMessages],
  tcp: [ofConnections],
};

function tags(settings: MetricSettings, metric: string, labels: Labels): NonNullable<Stat['tags']> {
  const changed = settings.changes.find((change) => change.metric === metric)?.tags ?? [];
  const removed = new Set(changed.filter(({ value }) => value === undefined).map(({ name }) => name));
  const own = Object.entries(labels).filter(([name]) => !removed.has(name));
  const values = new Map([...own, ...changed.flatMap(changedLabel)]);
  return [...values].map(([name, format]) => ({ name, value_format: format }));
}

/** What cannot stand in a format is unknown, as is what an expression has no value for. */
const changedLabel = ({ name, value }: TagChange): readonly (readonly [string, string])[] =>
  value === undefined ? [] : [[name, value.includes('%') ? firstOf() : firstOf(cel(value))]];
