// How the kubelet reaches an application's probes past mutual TLS: it asks Envoy's status port, and Envoy asks the
// application. HTTP probes are passed on. What cannot be passed on, a TCP connection or a gRPC call, Envoy makes itself
// every second, and answers for.
// https://istio.io/latest/docs/ops/configuration/mesh/app-health-check/
import type { Cluster, HttpFilter, Route, StaticServices } from './static-services.ts';

import { isIPv6 } from 'node:net';

import { extension, typed } from '../translate/typed.ts';
import { localCluster } from './static-services.ts';

/** As in Kubernetes, with ports resolved to numbers. */
export interface AppProbe {
  readonly httpGet?: {
    readonly path?: string;
    readonly port: number;
    readonly scheme?: string;
    readonly httpHeaders?: readonly { readonly name: string; readonly value?: string }[];
  };
  readonly tcpSocket?: { readonly port: number };
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly timeoutSeconds?: number;
}

/** By the path at which the status port answers for it: `/app-health/CONTAINER/livez`. */
export type AppProbes = Readonly<Record<string, AppProbe>>;

/** Where a Pod's own containers are reached. */
export interface AppAddress {
  readonly host: string;
  /** Connections from here are not led back into Envoy. */
  readonly source?: string;
}

export interface ProbeServices {
  readonly clusters: StaticServices['clusters'];
  readonly routes: readonly Route[];
  readonly filters: readonly HttpFilter[];
}

/** Names of clusters that stand for a probe begin so. */
export const probeClusters = 'probe-';

/** The address of the Pod itself, from an address that the redirection rules let through. */
export const podAppAddress = (address: string): AppAddress => ({
  host: address,
  source: isIPv6(address) ? '::6' : '127.0.0.6',
});

export function probeServices(probes: AppProbes, app: AppAddress): ProbeServices {
  const parts = Object.entries(probes).map(([path, probe]) => probeParts(path, probe, app));
  return {
    clusters: parts.flatMap(({ cluster }) => cluster ?? []),
    routes: parts.flatMap(({ route }) => route ?? []),
    filters: parts.flatMap(({ filter }) => filter ?? []),
  };
}

interface ProbeParts {
  readonly cluster?: Cluster;
  readonly route?: Route;
  readonly filter?: HttpFilter;
}

function probeParts(path: string, probe: AppProbe, app: AppAddress): ProbeParts {
  const name = probeClusters + path.split('/').slice(2).join('-');
  const { httpGet, tcpSocket, grpc } = probe;
  if (httpGet !== undefined) {
    return { cluster: httpCluster(name, httpGet, app), route: passedOn(path, name, probe, httpGet, app) };
  }
  if (tcpSocket !== undefined)
    return { cluster: checked(name, tcpSocket.port, app, { tcp_health_check: {} }), filter: answered(path, name) };
  if (grpc === undefined) return {};
  const check = { grpc_health_check: grpc.service ? { service_name: grpc.service } : {} };
  return { cluster: { ...checked(name, grpc.port, app, check), ...http2 }, filter: answered(path, name) };
}

type HttpGet = NonNullable<AppProbe['httpGet']>;

/** As for the kubelet, a certificate is not verified. */
const httpCluster = (name: string, { port, scheme }: HttpGet, app: AppAddress): Cluster =>
  localCluster(name, app.host, port, {
    ...fromSource(app),
    ...(scheme?.toUpperCase() === 'HTTPS' && {
      transport_socket: extension(
        'envoy.transport_sockets.tls',
        'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
        {},
      ),
    }),
  });

const fromSource = ({ source }: AppAddress): Partial<Cluster> =>
  source === undefined ? {} : { upstream_bind_config: { source_address: { address: source, port_value: 0 } } };

/** A redirect counts as well, and is not followed: what it leads to is not served on this port. */
function passedOn(path: string, cluster: string, probe: AppProbe, httpGet: HttpGet, app: AppAddress): Route {
  const host = isIPv6(app.host) ? `[${app.host}]` : app.host;
  const headers = (httpGet.httpHeaders ?? []).map(({ name, value = '' }) => ({ name: name.toLowerCase(), value }));
  const authority = headers.findLast(({ name }) => name === 'host')?.value ?? `${host}:${httpGet.port}`;
  return {
    match: { path },
    route: {
      cluster,
      prefix_rewrite: absolutePath(httpGet.path),
      host_rewrite_literal: authority,
      timeout: path.startsWith('/app-lifecycle/') ? '0s' : `${probe.timeoutSeconds ?? 1}s`,
    },
    request_headers_to_add: headers
      .filter(({ name }) => name !== 'host')
      .map((header) => ({
        header: { key: header.name, value: header.value.replaceAll('%', '%%') },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
        keep_empty_value: true,
      })),
    request_headers_to_remove: ['x-forwarded-proto', 'x-envoy-expected-rq-timeout-ms'],
    response_headers_to_remove: ['location'],
  };
}

const absolutePath = (path = '/'): string => (path.startsWith('/') ? path : `/${path}`);

type HealthCheck = NonNullable<Cluster['health_checks']>[number];

/** Envoy looks once a second, so that an answer is at most a second old. */
const checked = (name: string, port: number, app: AppAddress, check: Partial<HealthCheck>): Cluster =>
  localCluster(name, app.host, port, {
    ...fromSource(app),
    health_checks: [
      {
        timeout: '1s',
        interval: '1s',
        no_traffic_interval: '1s',
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        ...check,
      },
    ],
  });

const http2: Partial<Cluster> = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      { explicit_http_config: { http2_protocol_options: {} } },
    ),
  },
};

const answered = (path: string, cluster: string): HttpFilter =>
  extension(`envoy.filters.http.health_check.${cluster}`, 'envoy.extensions.filters.http.health_check.v3.HealthCheck', {
    pass_through_mode: false,
    headers: [{ name: ':path', string_match: { exact: path } }],
    cluster_min_healthy_percentages: { [cluster]: { value: 100 } },
  });
