// Random EnvoyFilters: every kind of patch, operation and match, with values that may or may not fit, for meshes of
// random-mesh.ts.
import fc from 'fast-check';
import type { Raw } from './random-mesh.ts';

const any = (name: string, fields: object): object => ({ '@type': `type.googleapis.com/envoy.${name}`, ...fields });

const typed = fc.constantFrom<object>(
  any('extensions.filters.http.buffer.v3.Buffer', { max_request_bytes: 5 }),
  any('extensions.filters.http.grpc_stats.v3.FilterConfig', { emitFilterState: true }),
  any('extensions.filters.network.tcp_proxy.v3.TcpProxy', { idle_timeout: '5s', cluster: 'x', stat_prefix: 'x' }),
  any('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    http_filters: [{ name: 'x-in' }],
  }),
  any('extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
  any('extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'x' }),
  any('no.such.Message', {}),
  {},
);

const filterName = fc.constantFrom(
  'x',
  'envoy.filters.network.http_connection_manager',
  'envoy.filters.network.tcp_proxy',
  'envoy.filters.http.router',
  'envoy.filters.http.fault',
  'envoy.filters.listener.tls_inspector',
  'envoy.transport_sockets.tls',
  'istio.metadata_exchange',
);

/** Fields of many messages: what one has not is left out of it. */
const value = fc.record(
  {
    name: fc.oneof(filterName, fc.constantFrom('0.0.0.0_80', 'outbound|80||web.shop.svc.cluster.local', '')),
    typed_config: typed,
    connect_timeout: fc.constantFrom('5s', 'soon'),
    type: fc.constantFrom('EDS', 'STATIC', 'NEVER'),
    cluster_type: fc.constant({ name: 'x' }),
    filters: fc.array(fc.record({ name: filterName, typed_config: typed }), { maxLength: 2 }),
    filter_chains: fc.constant([{ name: 'x', filters: [{ name: 'x' }] }]),
    transport_socket: fc.record({ name: filterName, typed_config: typed }),
    domains: fc.constant(['x.test']),
    virtual_hosts: fc.constant([{ name: 'x', domains: ['more.test'] }]),
    routes: fc.constant([{ name: 'x', match: { prefix: '/' }, route: { cluster: 'x' } }]),
    route: fc.constant({ timeout: '1s' }),
    redirect: fc.constant({ pathRedirect: '/x' }),
    match: fc.constant({ prefix: '/x' }),
    address: fc.constant({ socket_address: { address: '0.0.0.0', port_value: 99 } }),
    bind_to_port: fc.boolean(),
    metadata: fc.constant({ filter_metadata: { x: { a: [1, null, { b: '' }] } } }),
    no_such_field: fc.anything({ maxDepth: 2 }),
  },
  { requiredKeys: [] },
);

const port = fc.constantFrom(0, 80, 81, 8080, 9000, 15006);

const match = fc.record(
  {
    context: fc.constantFrom('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY'),
    proxy: fc.record({ proxyVersion: fc.constantFrom('^1.*', 'x', '(') }, { requiredKeys: [] }),
  },
  { requiredKeys: ['context'] },
);

const listener = fc.record(
  {
    name: fc.constantFrom('virtualInbound', 'virtualOutbound', '0.0.0.0_80'),
    portNumber: port,
    listenerFilter: filterName,
    filterChain: fc.record(
      {
        filter: fc.record({ name: filterName, subFilter: fc.record({ name: filterName }) }, { requiredKeys: ['name'] }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const routeConfiguration = fc.record(
  {
    name: fc.constantFrom('80', 'http_proxy'),
    portNumber: port,
    vhost: fc.record(
      {
        name: fc.constantFrom('allow_any', 'inbound|http|80', 'web.shop.svc.cluster.local:80'),
        route: fc.record({ name: fc.constantFrom('default', 'x') }, { requiredKeys: [] }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const cluster = fc.record(
  {
    portNumber: port,
    service: fc.constantFrom('web.shop.svc.cluster.local'),
    name: fc.constantFrom('BlackHoleCluster'),
  },
  { requiredKeys: [] },
);

const operation = fc.constantFrom(
  'MERGE', 'ADD', 'REMOVE', 'INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST', 'REPLACE', 'MERGE_AND_REPLACE_LIST',
); // prettier-ignore

const patchOf = (applyTo: readonly string[], found: fc.Arbitrary<object>) =>
  fc
    .record({ applyTo: fc.constantFrom(...applyTo), match, found, operation, value, isFound: fc.boolean() })
    .map((made) => ({
      applyTo: made.applyTo,
      match: { ...made.match, ...(made.isFound && made.found) },
      patch: { operation: made.operation, value: made.value },
    }));

const patch = fc.oneof(
  patchOf(
    ['LISTENER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'HTTP_FILTER', 'LISTENER_FILTER'],
    listener.map((found) => ({ listener: found })),
  ),
  patchOf(
    ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'],
    routeConfiguration.map((found) => ({ routeConfiguration: found })),
  ),
  patchOf(
    ['CLUSTER'],
    cluster.map((found) => ({ cluster: found })),
  ),
  patchOf(['EXTENSION_CONFIG', 'BOOTSTRAP'], fc.constant({})),
);

/** One or more for workloads of one namespace. */
export const randomEnvoyFilters = (namespace: string): fc.Arbitrary<readonly Raw[]> =>
  fc.array(
    fc
      .record({
        name: fc.constantFrom('a', 'b', 'c'),
        priority: fc.integer({ min: -2, max: 2 }),
        configPatches: fc.array(patch, { minLength: 1, maxLength: 4 }),
      })
      .map(({ name, priority, configPatches }) => ({
        apiVersion: 'networking.istio.io/v1alpha3',
        kind: 'EnvoyFilter',
        metadata: { name, namespace },
        spec: { priority, configPatches },
      })),
    { minLength: 1, maxLength: 3 },
  );
