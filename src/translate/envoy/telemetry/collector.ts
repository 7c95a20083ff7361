// How a proxy reaches the services that take logs and spans: through their clusters, like any other.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/http_service.proto
import type { ProviderHttpHeader } from '../../../model/schema/index.ts';
import type { Collector } from '../../../model/mesh/telemetry.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { outboundCluster } from '../../names.ts';

type GrpcService = MessageOf['envoy.config.core.v3.GrpcService'];
type HttpService = MessageOf['envoy.config.core.v3.HttpService'];

export const collectorCluster = ({ host, port }: Collector): string => outboundCluster(host, port);

export const grpcCollector = (collector: Collector): GrpcService => ({
  envoy_grpc: { cluster_name: collectorCluster(collector), authority: collector.host },
});

/** `uri` tells the host and path; a timeout is only there when asked for. */
export const httpCollector = (
  collector: Collector,
  uri: string,
  timeout: string | undefined,
  headers: readonly ProviderHttpHeader[] = [],
): HttpService => ({
  http_uri: {
    uri,
    cluster: collectorCluster(collector),
    ...(timeout !== undefined && { timeout: duration(timeout) }),
  },
  ...(headers.length > 0 && {
    request_headers_to_add: headers.map(({ name, value }) => ({
      header: { key: name ?? '', value: value ?? '' },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' as const,
    })),
  }),
});
