// A service that sees requests and responses on their way, as a filter: what it is sent, and what happens when it is silent.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/ext_proc_filter
import type { Processor } from '../../../model/mesh/extension.ts';
import type { ProcessedParts } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { outboundCluster } from '../../names.ts';
import { extension } from '../../typed.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type ProcessingMode = MessageOf['envoy.extensions.filters.http.ext_proc.v3.ProcessingMode'];

const defaultTimeout = '200ms';

/** A service that is not there counts as one that never answers. */
export function externalProcessor(name: string, { spec, service }: Processor): HttpFilter {
  const passes = spec.onFailure === 'ALLOW';
  if (service === undefined)
    return extension(name, 'envoy.extensions.filters.http.rbac.v3.RBAC', passes ? {} : { rules: nobody });
  return extension(name, 'envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor', {
    grpc_service: {
      envoy_grpc: { cluster_name: outboundCluster(service.host, service.port), authority: service.host },
    },
    message_timeout: duration(spec.timeout ?? defaultTimeout),
    ...(passes && { failure_mode_allow: true }),
    processing_mode: processingMode(spec.request ?? {}, spec.response ?? {}),
  });
}

const nobody = { action: 'ALLOW', policies: {} } as const;

const processingMode = (request: ProcessedParts, response: ProcessedParts): ProcessingMode => ({
  request_header_mode: sent(request.headers ?? true),
  response_header_mode: sent(response.headers ?? true),
  request_body_mode: request.body ?? 'NONE',
  response_body_mode: response.body ?? 'NONE',
  request_trailer_mode: sent(request.trailers ?? false),
  response_trailer_mode: sent(response.trailers ?? false),
});

const sent = (part: boolean): 'SEND' | 'SKIP' => (part ? 'SEND' : 'SKIP');
