// The probe of a WorkloadGroup as an Envoy runs it beside the workload: over HTTP, or by a connection. Commands cannot be run by an
// Envoy, and it does not probe gRPC here.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/health_check.proto
import { isIP } from 'node:net';

import type { ReadinessProbe } from '../../model/schema/index.ts';
import type { WorkloadProbe } from './health-service.ts';

/** Whether an Envoy can run it. */
export const isProbed = (probe: ReadinessProbe | undefined): boolean =>
  probe?.httpGet !== undefined || probe?.tcpSocket !== undefined;

/** `address`: of the machine. Undefined if there is nothing that an Envoy can run. */
export function workloadProbe(probe: ReadinessProbe, address: string): WorkloadProbe | undefined {
  const { httpGet, tcpSocket, periodSeconds, timeoutSeconds, successThreshold, failureThreshold } = probe;
  const target = httpGet ?? tcpSocket;
  if (target === undefined) return undefined;
  const intervalSeconds = periodSeconds || 10;
  const interval = `${intervalSeconds}s`;
  const secure = httpGet?.scheme === 'HTTPS';
  const check = {
    timeout: `${timeoutSeconds || 1}s`,
    interval,
    no_traffic_interval: interval,
    healthy_threshold: successThreshold || 1,
    unhealthy_threshold: failureThreshold || 3,
    reuse_connection: false,
    ...(httpGet === undefined ? { tcp_health_check: {} } : { http_health_check: httpHealthCheck(httpGet, address) }),
    ...(secure && { transport_socket_match_criteria: { tls: true } }),
  };
  const socket = { address: isIP(target.host ?? '') === 0 ? address : target.host, port_value: target.port };
  return {
    intervalSeconds,
    check: {
      health_checks: [check],
      locality_endpoints: [{ endpoints: [{ address: { socket_address: socket } }] }],
      ...(secure && { transport_socket_matches: [overTls] }),
    },
  };
}

type HttpGet = NonNullable<ReadinessProbe['httpGet']>;

const httpHealthCheck = ({ path, host, httpHeaders = [] }: HttpGet, address: string): object => ({
  host: host || address,
  path: path || '/',
  expected_statuses: [{ start: 200, end: 400 }],
  ...(httpHeaders.length > 0 && {
    request_headers_to_add: httpHeaders.map(({ name, value = '' }) => ({
      header: { key: name, value },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    })),
  }),
});

/** As the kubelet does it: nobody looks at the certificate. */
const overTls = {
  name: 'tls',
  match: { tls: true },
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext' },
  },
};
