// Access logs: one entry per request or connection, and one for connections that no filter chain of a listener took. Who
// gets them is said by Telemetry objects and default providers, else by MeshConfig.
// https://istio.io/latest/docs/tasks/observability/logs/access-log/
import { memo } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import type { AccessLogSink } from '../../../model/mesh/telemetry.ts';
import { from, originsOf } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import type { ConnectionFacts } from '../listener/listener-facts.ts';
import type { AccessLog } from '../telemetry/log-sink.ts';
import { meshFileLog, meshServiceLog, providerLog } from '../telemetry/log-sink.ts';
import type { Received, Sent } from '../telemetry/metered.ts';
import { metricLogs } from '../telemetry/metrics.ts';

type Logs = { readonly access_log?: readonly AccessLog[] };
type Filter = NonNullable<AccessLog['filter']>;

/** Of what: of requests, of connections, or of connections that the listener refuses and that appear nowhere else. */
type Subject = 'http' | 'tcp' | 'listener';

/** The `access_log` field, or nothing: to be spread into the message that logs. Metrics are counted there, too. */
export const accessLog = memo(
  (
    settings: MeshSettings,
    connection: ConnectionFacts,
    subject: Exclude<Subject, 'listener'>,
    received: Received | undefined,
    sent?: Sent,
  ): Logs => {
    const written = logs(settings, connection, subject);
    const { telemetry, metered } = connection;
    if (telemetry === undefined || telemetry.metrics === 'off' || metered === undefined) return written;
    const counted = metricLogs(telemetry.metrics, metered, subject, received, sent);
    const sources = [...(originsOf(written).get('access_log') ?? []), ...telemetry.sources.metrics];
    return sourced(sources, [...(written.access_log ?? []), ...counted]);
  },
);

export const listenerAccessLog = memo((settings: MeshSettings, connection: ConnectionFacts): Logs =>
  settings.disableEnvoyListenerLog === true ? {} : logs(settings, connection, 'listener'),
);

/** That no chain took the connection. */
const refused: Filter = { response_flag_filter: { flags: ['NR'] } };

function logs(settings: MeshSettings, { telemetry, stdoutStream }: ConnectionFacts, subject: Subject): Logs {
  const asked = telemetry?.logs ?? 'mesh';
  const streamed = stdoutStream === true;
  const conditions = subject === 'listener' ? [refused] : [];
  if (asked !== 'mesh') {
    const own = asked.map((sink) => filtered(providerLog(settings, sink.provider, streamed), [...conditions, ...expressionOf(sink)])); // prettier-ignore
    return sourced(telemetry?.sources.logs ?? [settings.source], own);
  }
  const file = (settings.accessLogFile ?? '') === '' ? [] : [meshFileLog(settings, streamed)];
  const service = settings.enableEnvoyAccessLogService === true ? [meshServiceLog(subject)] : [];
  return sourced(
    [at(settings.source, file.length > 0 ? 'accessLogFile' : 'enableEnvoyAccessLogService')],
    [...file, ...service].map((log) => filtered(log, conditions)),
  );
}

const sourced = (sources: readonly SourceRef[], entries: readonly AccessLog[]): Logs =>
  entries.length === 0 ? {} : from(sources, { access_log: entries });

const expressionOf = ({ expression }: AccessLogSink): readonly Filter[] =>
  expression === undefined
    ? []
    : [
        {
          extension_filter: extension(
            'envoy.access_loggers.extension_filters.cel',
            'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
            { expression },
          ),
        },
      ];

function filtered(log: AccessLog, filters: readonly Filter[]): AccessLog {
  const [first, ...others] = filters;
  if (first === undefined) return log;
  return { ...log, filter: others.length === 0 ? first : { and_filter: { filters } } };
}
