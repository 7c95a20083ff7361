// Where a cluster sends: its endpoints that are fit to be used, and how connections to them are secured.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/upstream
import type { DecodedConfiguration, DecodedResource } from '../model/envoy/decoded.ts';
import type {
  envoy_config_core_v3_TransportSocket,
  envoy_config_endpoint_v3_ClusterLoadAssignment,
  envoy_config_endpoint_v3_LbEndpoint,
  MessageOf,
} from '../xds/generated/messages.ts';
import type { Connection } from './request.ts';
import type { Ending, Step, Upstream } from './step.ts';
import { Place } from './step.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

export interface Sending {
  readonly steps: readonly Step[];
  readonly ending: Ending;
}

/** What becomes of a request or a connection (`closed`) for the cluster of this name; `asked` is where it is named. */
export function sendTo(
  configuration: DecodedConfiguration,
  name: string,
  connection: Connection,
  fail: (status: number, flags: string, details: string) => Ending,
  asked: Place,
  missing = 503,
): Sending {
  const resource = configuration.cluster.find((each) => each.name === name);
  if (resource === undefined)
    return {
      steps: [{ ...asked.step('cluster', `there is no cluster ${name}`), causes: asked.causesBelow() }],
      ending: fail(missing, 'NC', 'cluster_not_found'),
    };
  const cluster = resource.message as Cluster;
  const place = new Place('cluster', resource);
  const step = { ...place.step('cluster', clusterWords(cluster)), causes: place.causesBelow() };
  if (cluster.type === 'ORIGINAL_DST') {
    if (connection.isOriginal !== true)
      return { steps: [step], ending: fail(503, 'UH', 'nobody knows where the client wanted to go') };
    return { steps: [step], ending: toOriginal(cluster, name, connection) };
  }
  const { all, usable, step: found } = endpointsOf(configuration, resource);
  const endpoints = usable.map((endpoint) => upstream(cluster, endpoint, connection));
  const steps = [step, found, ...tlsSteps(place, cluster, endpoints)];
  if (endpoints.length === 0) {
    const details = all === 0 ? 'the cluster has no endpoints' : 'no endpoint is healthy';
    return { steps, ending: fail(503, 'UH', details) };
  }
  return { steps, ending: { kind: 'forwarded', cluster: name, endpoints } };
}

const clusterWords = ({ name, connect_timeout: timeout, lb_policy: policy = 'ROUND_ROBIN' }: Cluster): string =>
  `${name}, balanced by ${policy}${timeout === undefined ? '' : `, connect timeout ${timeout}`}`;

function toOriginal(cluster: Cluster, name: string, { destination, tls }: Connection): Ending {
  const port = cluster.original_dst_lb_config?.upstream_port_override ?? destination.port;
  // What passes through in TLS is TLS to the other side, too.
  const hello = tls && { serverName: tls.serverName, protocols: tls.protocols, mutual: false };
  return { kind: 'forwarded', cluster: name, endpoints: [{ address: destination.address, port, tls: hello }] };
}

interface Found {
  readonly all: number;
  readonly usable: readonly envoy_config_endpoint_v3_LbEndpoint[];
  readonly step: Step;
}

/** Those of the first priority that has a healthy one; all of them in panic. */
function endpointsOf(configuration: DecodedConfiguration, resource: DecodedResource): Found {
  const cluster = resource.message as Cluster;
  const name = cluster.eds_cluster_config?.service_name ?? resource.name;
  const served = configuration.endpoint.find((each) => each.name === name);
  const isServed = cluster.type === 'EDS';
  const assignment = (isServed ? served?.message : cluster.load_assignment) as
    envoy_config_endpoint_v3_ClusterLoadAssignment | undefined;
  const localities = assignment?.endpoints ?? [];
  const all = localities.flatMap(({ lb_endpoints: own = [] }) => own);
  const priorities = [...new Set(localities.map(({ priority = 0 }) => priority))].toSorted((a, b) => a - b);
  const at = (wanted: number) =>
    localities.filter(({ priority = 0 }) => priority === wanted).flatMap(({ lb_endpoints: own = [] }) => own);
  const chosen = priorities.map(at).find((endpoints) => endpoints.some(isHealthy));
  const panics = (cluster.common_lb_config?.healthy_panic_threshold?.value ?? panicDefault(cluster)) > 0;
  const usable = chosen?.filter(isHealthy) ?? (panics ? all : []);
  const place =
    served !== undefined && isServed
      ? new Place('endpoint', served)
      : new Place('cluster', resource, 'load_assignment');
  const words = `${usable.length} of ${all.length} endpoints: ${usable.slice(0, 10).map(addressText).join(', ') || 'none'}`;
  return { all: all.length, usable, step: { ...place.step('endpoint', words), causes: place.causesBelow() } };
}

/** Envoy's own default is 50; a threshold that is written out and zero is printed as an empty message. */
const panicDefault = ({ common_lb_config: config }: Cluster): number =>
  config?.healthy_panic_threshold === undefined ? 50 : 0;

const isHealthy = ({ health_status: health = 'UNKNOWN' }: envoy_config_endpoint_v3_LbEndpoint): boolean =>
  ['UNKNOWN', 'HEALTHY', 'DEGRADED'].includes(health);

function addressText({ endpoint }: envoy_config_endpoint_v3_LbEndpoint): string {
  const socket = endpoint?.address?.socket_address;
  return socket === undefined ? (endpoint?.address?.pipe?.path ?? '?') : `${socket.address}:${socket.port_value}`;
}

function upstream(
  cluster: Cluster,
  lbEndpoint: envoy_config_endpoint_v3_LbEndpoint,
  { tls, isTerminated }: Connection,
): Upstream {
  const socket = lbEndpoint.endpoint?.address?.socket_address;
  const { secured } = socketFor(cluster, lbEndpoint);
  // Bytes that are encrypted already stay so.
  const inner =
    isTerminated === true ? undefined : tls && { serverName: tls.serverName, protocols: tls.protocols, mutual: false };
  return { address: socket?.address ?? '', port: socket?.port_value ?? 0, tls: secured ?? inner };
}

/** The first transport socket whose labels an endpoint has, else the cluster's own. */
function socketFor(cluster: Cluster, lbEndpoint: envoy_config_endpoint_v3_LbEndpoint) {
  const labels = (lbEndpoint.metadata?.filter_metadata?.['envoy.transport_socket_match'] ?? {}) as object;
  const has = new Map<string, unknown>(Object.entries(labels));
  const found = (cluster.transport_socket_matches ?? []).find(({ match }) =>
    Object.entries(match ?? {}).every(([key, value]) => has.get(key) === value),
  );
  return { name: found?.name, secured: hello(found?.transport_socket ?? cluster.transport_socket) };
}

function hello(socket: envoy_config_core_v3_TransportSocket | undefined): Upstream['tls'] {
  const config = socket?.typed_config;
  if (config?.['@type'].endsWith('.tls.v3.UpstreamTlsContext') !== true) return undefined;
  const { sni = '', common_tls_context: common = {} } =
    config as unknown as MessageOf['envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'];
  const certificates = common.tls_certificate_sds_secret_configs ?? common.tls_certificates ?? [];
  return { serverName: sni, protocols: common.alpn_protocols ?? [], mutual: certificates.length > 0 };
}

function tlsSteps(place: Place, cluster: Cluster, endpoints: readonly Upstream[]): readonly Step[] {
  if (endpoints.length === 0) return [];
  const kinds = new Set(
    endpoints.map(({ tls }) => (tls === undefined ? 'plaintext' : tls.mutual ? 'mutual TLS' : 'TLS')),
  );
  const field = cluster.transport_socket_matches === undefined ? 'transport_socket' : 'transport_socket_matches';
  return [place.below(field).step('tls', `to the endpoints: ${[...kinds].join(' or ')}`)];
}
