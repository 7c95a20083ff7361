// One logger of Envoy for one place where lines of an access log go.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/access_log
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { EnvoyOpenTelemetryLogProvider } from '../../../model/schema/index.ts';
import type { Collector, LogProvider } from '../../../model/mesh/telemetry.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';
import { grpcCollector } from './collector.ts';
import { formatters, meshFormat, providerFormat, textFormat } from './log-format.ts';

export type AccessLog = MessageOf['envoy.config.accesslog.v3.AccessLog'];
type Format = MessageOf['envoy.config.core.v3.SubstitutionFormatString'];
type GrpcService = MessageOf['envoy.config.core.v3.GrpcService'];
type GrpcLog = MessageOf['envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig'];

const stdout = '/dev/stdout';

/** Who the peers are, as filters that exchange metadata leave it. */
const peerState = ['upstream_peer', 'downstream_peer'];
const namedPeerState = [
  ...peerState,
  'wasm.upstream_peer',
  'wasm.upstream_peer_id',
  'wasm.downstream_peer',
  'wasm.downstream_peer_id',
];

/**
 * `stdoutStream`: standard output cannot be opened as a file. Container runtimes hand it to the proxy's own user; elsewhere
 * Envoy may be unable to open it, and would refuse the whole listener.
 */
export function providerLog(settings: MeshSettings, provider: LogProvider, stdoutStream: boolean): AccessLog {
  switch (provider.kind) {
    case 'mesh-file':
      return fileLog(provider.path, meshFormat(settings), stdoutStream);
    case 'file':
      return fileLog(provider.settings.path || stdout, providerFormat(provider.settings), stdoutStream);
    case 'http-grpc':
      return httpGrpcLog(
        commonLog(provider.settings.logName || 'http_envoy_accesslog', grpcCollector(provider.collector), states(provider.settings)), // prettier-ignore
        {
          additional_request_headers_to_log: provider.settings.additionalRequestHeadersToLog ?? [],
          additional_response_headers_to_log: provider.settings.additionalResponseHeadersToLog ?? [],
          additional_response_trailers_to_log: provider.settings.additionalResponseTrailersToLog ?? [],
        },
      );
    case 'tcp-grpc':
      return tcpGrpcLog(
        commonLog(provider.settings.logName || 'tcp_envoy_accesslog', grpcCollector(provider.collector), states(provider.settings)), // prettier-ignore
      );
    case 'opentelemetry':
      return openTelemetryLog(provider.collector, provider.settings);
  }
}

/** The mesh's own log file. */
export const meshFileLog = (settings: MeshSettings, stdoutStream: boolean): AccessLog =>
  fileLog(settings.accessLogFile ?? '', meshFormat(settings), stdoutStream);

/** The mesh's own log service, which is a cluster of the bootstrap. */
export function meshServiceLog(of: 'http' | 'tcp' | 'listener'): AccessLog {
  const common = commonLog(`${of}_envoy_accesslog`, { envoy_grpc: { cluster_name: 'envoy_accesslog_service' } }, namedPeerState); // prettier-ignore
  return of === 'http' ? httpGrpcLog(common, {}) : tcpGrpcLog(common);
}

const fileLog = (path: string, format: Format, stdoutStream: boolean): AccessLog =>
  path === stdout && stdoutStream
    ? extension('envoy.access_loggers.stdout', 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
        log_format: format,
      })
    : extension('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', {
        path,
        log_format: format,
      });

const states = ({ filterStateObjectsToLog: asked = [] }: { readonly filterStateObjectsToLog?: readonly string[] }) =>
  asked.length > 0 ? asked : peerState;

const commonLog = (name: string, service: GrpcService, state: readonly string[]): GrpcLog => ({
  log_name: name,
  grpc_service: service,
  transport_api_version: 'V3',
  filter_state_objects_to_log: state,
});

const httpGrpcLog = (
  common: GrpcLog,
  headers: Omit<MessageOf['envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig'], 'common_config'>,
): AccessLog =>
  extension('envoy.access_loggers.http_grpc', 'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig', {
    common_config: common,
    ...headers,
  });

const tcpGrpcLog = (common: GrpcLog): AccessLog =>
  extension('envoy.tcp_grpc_access_log', 'envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig', {
    common_config: common,
  });

/** The line as the body of a log record; labels as its attributes. */
function openTelemetryLog(collector: Collector, { logName, logFormat }: EnvoyOpenTelemetryLogProvider): AccessLog {
  const body = logFormat?.text || textFormat;
  const labels = logFormat?.labels ?? {};
  const attributes = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ key, value: { string_value: typeof value === 'string' ? value : '' } }));
  return extension(
    'envoy.access_loggers.open_telemetry',
    'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig',
    {
      common_config: commonLog(logName || 'otel_envoy_accesslog', grpcCollector(collector), namedPeerState),
      disable_builtin_labels: true,
      body: { string_value: body },
      ...(attributes.length > 0 && { attributes: { values: attributes } }),
      ...formatters(body, labels),
    },
  );
}
