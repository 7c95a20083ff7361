// How a line of an access log looks.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { EnvoyFileAccessLogProvider } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { JsonObject } from '../../json-object.ts';
import { jsonObject } from '../../json-object.ts';
import { extension } from '../../typed.ts';

type Format = MessageOf['envoy.config.core.v3.SubstitutionFormatString'];

/** Of the mesh's own log. What is no JSON object leaves the default in force. */
export function meshFormat({ accessLogEncoding, accessLogFormat = '' }: MeshSettings): Format {
  return accessLogEncoding === 'JSON' ? jsonFormat(parseObject(accessLogFormat)) : lineFormat(accessLogFormat);
}

/** Of a provider, whatever the mesh's own log looks like. */
export function providerFormat({ logFormat, omitEmptyValues }: EnvoyFileAccessLogProvider): Format {
  const { text = '', labels } = logFormat ?? {};
  const format = labels === undefined ? lineFormat(text) : jsonFormat(labels);
  return omitEmptyValues === true ? { ...format, omit_empty_values: true } : format;
}

/** Commands that are extensions of their own and have to be listed to be understood. */
export function formatters(text: string, labels: JsonObject = {}): Pick<Format, 'formatters'> {
  const texts = [text, ...Object.values(labels)];
  const needed = texts.some((value) => typeof value === 'string' && value.includes('%REQ_WITHOUT_QUERY'));
  return needed ? { formatters: [withoutQuery] } : {};
}

/** Lines end, whether or not the format says so. */
function lineFormat(written: string): Format {
  const text = written === '' ? textFormat : written;
  return { text_format_source: { inline_string: text.endsWith('\n') ? text : `${text}\n` }, ...formatters(text) };
}

function jsonFormat(labels: JsonObject | undefined): Format {
  const json = labels === undefined || Object.keys(labels).length === 0 ? jsonFields : labels;
  return { json_format: json, json_format_options: {}, ...formatters('', json) };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    return jsonObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const withoutQuery = extension(
  'envoy.formatter.req_without_query',
  'envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery',
  {},
);

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
export const textFormat = `${textFields.join(' ')}\n`;
