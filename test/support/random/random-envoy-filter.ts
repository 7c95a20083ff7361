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
const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
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
};

/** A few of them: the more there are, the surer one of them does not fit, and then the whole patch does nothing. */
const value = fc
  .subarray(Object.keys(fields), { minLength: 1, maxLength: 3 })
  .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, fields[name] ?? fc.constant(0)]))));

const port = fc.constantFrom(0, 80, 81, 8080, 9000, 15006);

const contexts = ['ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'] as const;

const match = fc.record(
  {
    context: fc.constantFrom(...contexts),
    proxy: fc.record(
      {
        proxyVersion: fc.constantFrom('^1.*', 'x', '('),
        metadata: fc.constantFrom({ SERVICE_ACCOUNT: 'web' }, { SERVICE_ACCOUNT: 'pay' }),
      },
      { requiredKeys: [] },
    ),
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
        name: fc.constantFrom('0.0.0.0_8080', 'virtualInbound'),
        sni: fc.constantFrom('outbound_.80_._.web.shop.svc.cluster.local', 'x'),
        transportProtocol: fc.constantFrom('tls', 'raw_buffer'),
        applicationProtocols: fc.constantFrom('istio', 'istio,h2', 'x'),
        destinationPort: port,
        filter: fc.record({ name: filterName, subFilter: fc.record({ name: filterName }) }, { requiredKeys: ['name'] }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const routeConfiguration = fc.record(
  {
    name: fc.constantFrom('80', 'http_proxy', 'http.80'),
    portNumber: port,
    portName: fc.constantFrom('https', 'x'),
    gateway: fc.constantFrom('shop/front', 'x'),
    vhost: fc.record(
      {
        name: fc.constantFrom('allow_any', 'inbound|http|80', 'web.shop.svc.cluster.local:80'),
        domainName: fc.constantFrom('*', 'web.shop.svc.cluster.local', 'x'),
        route: fc.record(
          {
            name: fc.constantFrom('default', 'x'),
            action: fc.constantFrom('ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE'),
          },
          { requiredKeys: [] },
        ),
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
    subset: fc.constantFrom('v1', ''),
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

/** Which of the namespace's proxies: those with a label, and waypoints and gateways by name. */
const selections = [
  { workloadSelector: { labels: { app: 'web' } } },
  { workloadSelector: { labels: { app: 'pay' } } },
  { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'front' }] },
  { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'way' }] },
  { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'GatewayClass', name: 'istio-waypoint' }] },
  { targetRefs: [{ group: '', kind: 'Service', name: 'web' }] },
  { targetRefs: [{ group: 'networking.istio.io', kind: 'ServiceEntry', name: 'web' }] },
] as const;

/** One or more for workloads of one namespace. */
export const randomEnvoyFilters = (namespace: string): fc.Arbitrary<readonly Raw[]> =>
  fc.array(
    fc
      .record({
        name: fc.constantFrom('a', 'b', 'c'),
        priority: fc.integer({ min: -2, max: 2 }),
        selection: fc.constantFrom({}, {}, {}, ...selections),
        configPatches: fc.array(patch, { minLength: 1, maxLength: 4 }),
      })
      .map(({ name, priority, selection, configPatches }) => ({
        apiVersion: 'networking.istio.io/v1alpha3',
        kind: 'EnvoyFilter',
        metadata: { name, namespace },
        spec: { priority, ...selection, configPatches },
      })),
    { minLength: 1, maxLength: 3 },
  );
