// Access logs that MeshConfig asks for: one entry per request or connection, and one for connections that no filter chain
// of a listener took.
// A log on /dev/stdout is a file log as Istio's, since container runtimes hand stdout to the proxy's own user. Elsewhere
// Envoy may be unable to open it and then refuses the whole listener, so a proxy can say that it needs the other logger.
// https://istio.io/latest/docs/tasks/observability/logs/access-log/
import { memo } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh.ts';
import { at } from '../../../model/source.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import type { ConnectionFacts } from '../listener/listener-facts.ts';

type AccessLog = MessageOf['envoy.config.accesslog.v3.AccessLog'];
type Logs = { readonly access_log?: readonly AccessLog[] };
type LogFormat = MessageOf['envoy.config.core.v3.SubstitutionFormatString'];

/** The `access_log` field, or nothing: to be spread into the message that logs. */
export const accessLog = memo((settings: MeshSettings, { stdoutStream }: ConnectionFacts): Logs => {
  const path = settings.accessLogFile;
  if (path === undefined || path === '') return {};
  const format = logFormat(settings);
  const logger = path === '/dev/stdout' && stdoutStream === true ? streamLogger(format) : fileLogger(path, format);
  return from(at(settings.source, 'accessLogFile'), { access_log: [logger] });
});

/** The same for a listener: connections that it refuses appear nowhere else. */
export const listenerAccessLog = memo((settings: MeshSettings, connection: ConnectionFacts): Logs => {
  const { access_log: logs } = accessLog(settings, connection);
  if (logs === undefined || settings.disableEnvoyListenerLog === true) return {};
  const filter: AccessLog['filter'] = { response_flag_filter: { flags: ['NR'] } };
  return from(at(settings.source, 'accessLogFile'), { access_log: logs.map((logger) => ({ ...logger, filter })) });
});

const fileLogger = (path: string, format: LogFormat): AccessLog =>
  extension('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path,
    log_format: format,
  });

const streamLogger = (format: LogFormat): AccessLog =>
  extension('envoy.access_loggers.stdout', 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
    log_format: format,
  });

function logFormat(settings: MeshSettings): LogFormat {
  const written = settings.accessLogFormat ?? '';
  if (settings.accessLogEncoding === 'JSON') {
    const json = parseObject(written) ?? jsonFields;
    return { json_format: json, json_format_options: {}, ...formatters(JSON.stringify(json)) };
  }
  const text = written === '' ? textFormat : written;
  return { text_format_source: { inline_string: text.endsWith('\n') ? text : `${text}\n` }, ...formatters(text) };
}

/** What is no JSON object leaves the default in force. */
function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Commands that are extensions of their own and have to be listed to be understood. */
function formatters(format: string): Pick<LogFormat, 'formatters'> {
  const needed = [
    ...(format.includes('%REQ_WITHOUT_QUERY(') ? [withoutQuery] : []),
    ...(format.includes('%METADATA(') ? [metadata] : []),
    ...(format.includes('%CEL(') ? [cel] : []),
  ];
  return needed.length === 0 ? {} : { formatters: needed };
}

const withoutQuery = extension(
  'envoy.formatter.req_without_query',
  'envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery',
  {},
);
const metadata = extension('envoy.formatter.metadata', 'envoy.extensions.formatter.metadata.v3.Metadata', {});
const cel = extension('envoy.formatter.cel', 'envoy.extensions.formatter.cel.v3.Cel', {});

/** The fields of one log line, which is what tools parse. */
const jsonFields: Readonly<Record<string, string>> = {
  authority: '%REQ(:AUTHORITY)%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  duration: '%DURATION%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  request_id: '%REQ(X-REQUEST-ID)%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  response_code: '%RESPONSE_CODE%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  response_flags: '%RESPONSE_FLAGS%',
  route_name: '%ROUTE_NAME%',
  start_time: '%START_TIME%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  user_agent: '%REQ(USER-AGENT)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
};

const textFields: readonly string[] = [
  '[%START_TIME%]',
  '"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"',
  '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%',
  '"%UPSTREAM_TRANSPORT_FAILURE_REASON%"',
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"',
  '%UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS%',
  '%REQUESTED_SERVER_NAME% %ROUTE_NAME%',
];
const textFormat = `${textFields.join(' ')}\n`;
