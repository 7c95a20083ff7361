// The one route of a port that receives HTTP: everything goes to the application.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route.proto
import { memo } from '../../../../model/memo.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';

type RouteConfiguration = MessageOf['envoy.config.route.v3.RouteConfiguration'];
type RouteAction = MessageOf['envoy.config.route.v3.RouteAction'];

/**
 * `host` and `port` are the service's own, as spans name the request. A request that the application never read is
 * sent again, except in gRPC, where clients do that themselves.
 */
export const inboundRoutes = memo(
  (cluster: string, host: string, port: number, retries: boolean): RouteConfiguration => {
    const route: RouteAction = {
      cluster,
      timeout: '0s',
      max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
      ...(retries && { retry_policy: { retry_on: 'reset-before-request', num_retries: 2 } }),
    };
    return {
      name: cluster,
      validate_clusters: false,
      virtual_hosts: [
        {
          name: `inbound|http|${port}`,
          domains: ['*'],
          routes: [{ name: 'default', match: { prefix: '/' }, decorator: { operation: `${host}:${port}/*` }, route }],
        },
      ],
    };
  },
);
