// EnvoyFilters: what each operation does to each kind of thing, to whom and in which order, and that a patch that cannot work
// costs nothing but itself.
import { describe, expect, it } from 'vitest';

import { parse, stringify } from 'yaml';
import type { ResourceKind } from '../../../src/model/envoy/resource.ts';
import { bootstrapPatches, patchBootstrap } from '../../../src/translate/patch/apply-to/bootstrap-patch.ts';
import { messageTypes } from '../../../src/xds/codec/message-types.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';
import type { Message } from '../../support/objects/translated.ts';
import { nodeOf, translated, translation } from '../../support/objects/translated.ts';

const mesh = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: garden }
spec:
  clusterIP: 10.1.0.1
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: 8080 }, { name: tcp-db, port: 5432 }]
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: garden, labels: { app: web } }
spec: { containers: [{ name: app, image: app }] }
status: { podIP: 10.2.0.1 }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: garden }
spec:
  hosts: [web]
  http:
    - { name: old, match: [{ uri: { prefix: /old } }], redirect: { uri: /new } }
    - { name: all, route: [{ destination: { host: web } }] }
`;

interface Given {
  readonly name?: string;
  readonly namespace?: string;
  readonly created?: string;
  readonly priority?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

const filter = (patches: readonly object[], given: Given = {}): string =>
  stringify({
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: {
      name: given.name ?? 'patches',
      namespace: given.namespace ?? 'garden',
      creationTimestamp: given.created ?? '2026-01-01T00:00:00Z',
    },
    spec: {
      configPatches: patches,
      ...(given.priority !== undefined && { priority: given.priority }),
      ...(given.labels !== undefined && { workloadSelector: { labels: given.labels } }),
    },
  });

const asking = { metadata: { LABELS: { app: 'web' }, ISTIO_VERSION: '1.32.0', SHIFT: 'night' } };
const sent = (kind: Exclude<ResourceKind, 'secret'>, ...filters: readonly string[]) =>
  translated([mesh, ...filters].join('---\n'), kind, asking);

const manager = 'envoy.filters.network.http_connection_manager';
const inHttp = (subFilter?: string) => ({
  context: 'SIDECAR_INBOUND',
  listener: {
    portNumber: 8080,
    filterChain: { filter: { name: manager, ...(subFilter !== undefined && { subFilter: { name: subFilter } }) } },
  },
});
const buffer = (name: string, bytes = 1) => ({
  name,
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer',
    max_request_bytes: bytes,
  },
});
const chainOf = (listener: Message, port: number): Message =>
  listener.filter_chains.find((chain: Message) => chain.filter_chain_match?.destination_port === port);
const managerOf = (chain: Message): Message => chain.filters.find(({ name }: Message) => name === manager).typed_config;
const httpFilters = (...filters: readonly string[]): readonly Message[] =>
  managerOf(chainOf(sent('listener', ...filters).get('virtualInbound'), 8080)).http_filters;
const names = (list: readonly Message[]): readonly string[] => list.map(({ name }) => name.split('.').at(-1));
const ours = (list: readonly Message[]): readonly string[] => names(list).filter((name) => name.startsWith('x-'));

const http = (operation: string, subFilter?: string, value: object = buffer('x-new')) => ({
  applyTo: 'HTTP_FILTER',
  match: inHttp(subFilter),
  patch: { operation, value },
});

describe('HTTP filters', () => {
  it.each([
    ['ADD', undefined, ['grpc_stats', 'fault', 'cors', 'router', 'x-new']],
    ['INSERT_FIRST', 'envoy.filters.http.cors', ['x-new', 'grpc_stats', 'fault', 'cors', 'router']],
    ['INSERT_BEFORE', 'envoy.filters.http.cors', ['grpc_stats', 'fault', 'x-new', 'cors', 'router']],
    ['INSERT_BEFORE', undefined, ['x-new', 'grpc_stats', 'fault', 'cors', 'router']],
    ['INSERT_BEFORE', 'envoy.filters.http.gone', ['grpc_stats', 'fault', 'cors', 'router']],
    ['INSERT_AFTER', 'envoy.filters.http.fault', ['grpc_stats', 'fault', 'x-new', 'cors', 'router']],
    ['INSERT_AFTER', undefined, ['grpc_stats', 'fault', 'cors', 'router', 'x-new']],
    ['REPLACE', 'envoy.filters.http.fault', ['grpc_stats', 'x-new', 'cors', 'router']],
    ['REPLACE', undefined, ['grpc_stats', 'fault', 'cors', 'router']],
    ['REMOVE', 'envoy.filters.http.fault', ['grpc_stats', 'cors', 'router']],
    // Istio's own filters are not there, but others stand where they would.
    ['INSERT_AFTER', 'istio.metadata_exchange', ['x-new', 'grpc_stats', 'fault', 'cors', 'router']],
  ])('%s at %s', (operation, subFilter, expected) =>
    expect(names(httpFilters(filter([http(operation, subFilter)])))).toEqual(expected),
  );

  it('are merged inside, and lists grow', () => {
    const value = {
      name: 'envoy.filters.http.grpc_stats',
      typedConfig: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
        enableUpstreamStats: true,
      },
    };
    expect(httpFilters(filter([http('MERGE', 'envoy.filters.http.grpc_stats', value)]))[0]?.typed_config).toMatchObject(
      {
        emit_filter_state: true,
        enable_upstream_stats: true,
      },
    );
  });

  it('of other types are left alone', () => {
    const value = { typed_config: buffer('x').typed_config };
    const patched = httpFilters(filter([http('MERGE', 'envoy.filters.http.fault', value)]));
    expect(JSON.stringify(patched)).toBe(JSON.stringify(httpFilters()));
  });
});

describe('the order of patches', () => {
  const before = (name: string, given: Given) =>
    filter([http('INSERT_BEFORE', 'envoy.filters.http.router', buffer(name))], given);

  it('is by priority, then the mesh before the namespace, then by age and name', () =>
    expect(
      ours(
        httpFilters(
          before('x-late', { name: 'a', created: '2026-03-01T00:00:00Z' }),
          before('x-b', { name: 'b' }),
          before('x-a', { name: 'a2' }),
          before('x-root', { name: 'root', namespace: 'istio-system', created: '2026-05-01T00:00:00Z' }),
          before('x-first', { name: 'first', priority: -1, created: '2026-06-01T00:00:00Z' }),
          before('x-last', { name: 'last', priority: 1, namespace: 'istio-system' }),
        ),
      ),
    ).toEqual(['x-first', 'x-root', 'x-a', 'x-b', 'x-late', 'x-last']));
});

describe('the proxies that a patch is for', () => {
  const add = (match: object, given: Given = {}): readonly string[] =>
    ours(httpFilters(filter([{ ...http('ADD'), match: { ...inHttp(), ...match } }], given)));

  it.each([
    ['its labels', {}, { labels: { app: 'web' } }, 1],
    ['other labels', {}, { labels: { app: 'db' } }, 0],
    ['another namespace', {}, { namespace: 'desert' }, 0],
    ['its version', { proxy: { proxyVersion: '^1\\.3[0-9].*' } }, {}, 1],
    ['another version', { proxy: { proxyVersion: '^1\\.2' } }, {}, 0],
    ['its metadata', { proxy: { metadata: { SHIFT: 'night' } } }, {}, 1],
    ['other metadata', { proxy: { metadata: { SHIFT: 'day' } } }, {}, 0],
    ['any context', { context: 'ANY' }, {}, 1],
    ['gateways', { context: 'GATEWAY' }, {}, 0],
  ] as const)('%s', (_title, match, given, count) => expect(add(match, given)).toHaveLength(count));

  it('are found out in linear time', () => {
    const slow = { proxy: { proxyVersion: '^(a+)+(a+)+(a+)+$' } };
    const text = mesh + '---\n' + filter([{ ...http('ADD'), match: { ...inHttp(), ...slow } }]);
    const metadata = { ...asking.metadata, ISTIO_VERSION: `${'a'.repeat(90)}!` };
    expect(translated(text, 'listener', { metadata }).has('virtualInbound')).toBe(true);
  });
});

describe('listeners and chains', () => {
  it('are merged, removed and added', () => {
    const added = { name: 'extra', address: { socketAddress: { address: '127.0.0.1', portValue: 7000 } } };
    const listeners = sent(
      'listener',
      filter([
        { applyTo: 'LISTENER', match: { listener: { name: 'virtualInbound' } }, patch: { operation: 'MERGE', value: { per_connection_buffer_limit_bytes: 5 } } },
        { applyTo: 'LISTENER', match: { listener: { portNumber: 5432 } }, patch: { operation: 'REMOVE' } },
        { applyTo: 'LISTENER', patch: { operation: 'ADD', value: added } },
        { applyTo: 'FILTER_CHAIN', match: { context: 'SIDECAR_INBOUND', listener: { portNumber: 5432 } }, patch: { operation: 'REMOVE' } },
      ]),
    ); // prettier-ignore
    const inbound = listeners.get('virtualInbound');
    expect(inbound.per_connection_buffer_limit_bytes).toBe(5);
    expect(chainOf(inbound, 5432)).toBeUndefined();
    expect(chainOf(inbound, 8080)).toBeDefined();
    expect([...listeners.keys()].toSorted()).toEqual(['0.0.0.0_80', 'extra', 'virtualInbound', 'virtualOutbound']);
    expect(listeners.get('extra').address.socket_address.port_value).toBe(7000);
  });

  it('keep their TLS and get more of it', () => {
    const value = {
      transport_socket: {
        name: 'envoy.transport_sockets.tls',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
          common_tls_context: { tls_params: { tls_minimum_protocol_version: 'TLSv1_3' } },
        },
      },
      name: 'ignored',
    };
    const match = {
      context: 'SIDECAR_INBOUND',
      listener: { filterChain: { destinationPort: 8080, transportProtocol: 'tls' } },
    };
    const { transport_socket: socket, name } = chainOf(
      sent('listener', filter([{ applyTo: 'FILTER_CHAIN', match, patch: { operation: 'MERGE', value } }])).get(
        'virtualInbound',
      ),
      8080,
    );
    expect(name).toBe('0.0.0.0_8080');
    expect(socket.typed_config).toMatchObject({ require_client_certificate: true });
    expect(socket.typed_config.common_tls_context.tls_params.tls_minimum_protocol_version).toBe('TLSv1_3');
  });
});

describe('clusters', () => {
  const cluster = (match: object, value: object, operation = 'MERGE') =>
    filter([{ applyTo: 'CLUSTER', match: { cluster: match }, patch: { operation, value } }]);
  const web = 'outbound|80||web.garden.svc.cluster.local';

  it('are found by service, port and subset', () => {
    const clusters = sent(
      'cluster',
      cluster({ service: 'web.garden.svc.cluster.local', portNumber: 80 }, { connect_timeout: '42s' }),
    );
    expect(clusters.get(web).connect_timeout).toBe('42s');
    expect(clusters.get('outbound|5432||web.garden.svc.cluster.local').connect_timeout).toBe('10s');
    // The port of an inbound cluster is the workload's.
    expect(clusters.get('inbound|8080||').connect_timeout).toBe('10s');
  });

  it('have lists that grow, or are replaced', () => {
    const thresholds = (operation: string): number =>
      sent(
        'cluster',
        cluster({ name: web }, { circuit_breakers: { thresholds: [{ max_connections: 1 }] } }, operation),
      ).get(web).circuit_breakers.thresholds.length;
    expect([thresholds('MERGE'), thresholds('MERGE_AND_REPLACE_LIST')]).toEqual([2, 1]);
  });

  it('have one member of a oneof', () => {
    const changed = sent('cluster', cluster({ name: web }, { cluster_type: { name: 'envoy.clusters.redis' } })).get(
      web,
    );
    expect([changed.type, changed.cluster_type.name]).toEqual([undefined, 'envoy.clusters.redis']);
  });
});

describe('routes', () => {
  const host = 'web.garden.svc.cluster.local:80';
  const route = (operation: string, named?: string, action = 'ANY', applyTo = 'HTTP_ROUTE') => ({
    applyTo,
    match: { context: 'SIDECAR_OUTBOUND', routeConfiguration: { portNumber: 80, vhost: { name: host, ...(named !== undefined && { route: { name: named, action } }) } } },
    patch: { operation, value: { name: 'x-new', match: { prefix: '/x' }, direct_response: { status: 200 } } },
  }); // prettier-ignore
  const hostsOf = (...filters: readonly string[]): readonly Message[] =>
    sent('route', ...filters).get('80').virtual_hosts;
  const routesOf = (patch: object): readonly string[] =>
    hostsOf(filter([patch]))
      .find(({ name }) => name === host)
      .routes.map(({ name }: Message) => name);

  it.each([
    ['ADD', undefined, 'ANY', ['old', 'all', 'x-new']],
    ['INSERT_FIRST', undefined, 'ANY', ['x-new', 'old', 'all']],
    ['INSERT_FIRST', 'gone', 'ANY', ['old', 'all']],
    ['INSERT_BEFORE', 'all', 'ANY', ['old', 'x-new', 'all']],
    ['INSERT_AFTER', 'old', 'REDIRECT', ['old', 'x-new', 'all']],
    ['INSERT_AFTER', 'old', 'ROUTE', ['old', 'all']],
    ['REMOVE', 'old', 'ANY', ['all']],
    ['MERGE', 'all', 'ANY', ['old', 'x-new']],
  ])('%s at %s (%s)', (operation, named, action, expected) =>
    expect(routesOf(route(operation, named, action))).toEqual(expected),
  );

  it('have virtual hosts that come, go and change; what is not meant stays the same object', () => {
    const about = (name: string) => ({
      context: 'SIDECAR_OUTBOUND',
      routeConfiguration: { name: '80', vhost: { name } },
    });
    const change = (name: string, operation: string, value: object) => ({
      applyTo: 'VIRTUAL_HOST',
      match: about(name),
      patch: { operation, value },
    });
    const all = hostsOf(
      filter([
        change('allow_any', 'MERGE', { include_request_attempt_count: false, request_headers_to_remove: ['x-a'] }),
        change(host, 'REMOVE', {}),
        { applyTo: 'VIRTUAL_HOST', match: { context: 'SIDECAR_OUTBOUND', routeConfiguration: { name: '80' } }, patch: { operation: 'ADD', value: { name: 'extra', domains: ['extra.test'] } } },
        { applyTo: 'ROUTE_CONFIGURATION', match: { context: 'SIDECAR_OUTBOUND' }, patch: { operation: 'MERGE', value: { request_headers_to_remove: ['x-b'] } } },
      ]),
    ); // prettier-ignore
    expect(all.map(({ name }) => name)).toEqual(['allow_any', 'extra']);
    // A false that cannot be told from nothing takes no true away.
    expect(all[0]).toMatchObject({ include_request_attempt_count: true, request_headers_to_remove: ['x-a'] });
  });

  it('of inbound traffic stand in their listener', () => {
    const match = { context: 'SIDECAR_INBOUND', routeConfiguration: { vhost: { name: 'inbound|http|80' } } };
    const value = { rate_limits: [{ actions: [{ remote_address: {} }] }] };
    const listener = sent(
      'listener',
      filter([{ applyTo: 'VIRTUAL_HOST', match, patch: { operation: 'MERGE', value } }]),
    ).get('virtualInbound');
    expect(managerOf(chainOf(listener, 8080)).route_config.virtual_hosts[0].rate_limits).toHaveLength(1);
  });
});

describe('what becomes of patches', () => {
  const observed = (...filters: readonly string[]) => {
    const all = translation([mesh, ...filters].join('---\n'), asking);
    const node = nodeOf(asking);
    return { all, node, places: all.patchPlaces(node), problems: all.conflicts(node) };
  };

  it('is how many places they found, nothing included', () => {
    const { places } = observed(filter([http('ADD'), http('REMOVE', 'envoy.filters.http.gone')]));
    // Its chains for mutual TLS and for plaintext.
    expect(places.map(({ source, places: count }) => [source.path, count])).toEqual([
      ['spec.configPatches[0]', 2],
      ['spec.configPatches[1]', 0],
    ]);
  });

  it('leaves alone what nobody patches, and is shared', () => {
    const text = [mesh, filter([http('ADD')])].join('---\n');
    const snapshot = snapshotOf(text);
    const all = translation(text, asking);
    const plain = translation(mesh, asking).configuration(nodeOf(asking));
    const patched = all.configuration(nodeOf(asking));
    expect(all.configuration(nodeOf(asking))?.listener[0]).toBe(patched?.listener[0]);
    expect([...(patched?.cluster[0]?.resources.keys() ?? [])]).toEqual([
      ...(plain?.cluster[0]?.resources.keys() ?? []),
    ]);
    expect(snapshot.objects.EnvoyFilter.size).toBe(1);
  });
});

describe('the proxies that targets name', () => {
  const api = 'gateway.networking.k8s.io';
  const labels = { [`${api}/gateway-name`]: 'way', app: 'web' };
  const isFor = (type: 'router' | 'waypoint' | 'sidecar', targetRef: object, namespace: string): boolean => {
    const patched = {
      ...parse(filter([http('ADD')], { namespace })),
      spec: { targetRefs: [targetRef], configPatches: [http('ADD')] },
    };
    const who = nodeOf({ type, metadata: { LABELS: labels } });
    return translation([mesh, stringify(patched)].join('---\n')).patchPlaces(who).length > 0;
  };
  const [gateway, other] = ['way', 'far'].map((name) => ({ group: api, kind: 'Gateway', name }));
  const waypoints = { group: api, kind: 'GatewayClass', name: 'istio-waypoint' };

  it.each([
    ['a gateway', 'router', gateway, 'garden', true],
    ['a waypoint', 'waypoint', gateway, 'garden', true],
    ['another gateway', 'router', other, 'garden', false],
    ['a gateway of another namespace', 'waypoint', gateway, 'istio-system', false],
    ['all waypoints, from the root namespace', 'waypoint', waypoints, 'istio-system', true],
    ['all waypoints, from another', 'waypoint', waypoints, 'garden', false],
    ['waypoints, which a gateway is not', 'router', waypoints, 'istio-system', false],
    ['a Service, which is no proxy', 'waypoint', { kind: 'Service', name: 'web' }, 'garden', false],
    [
      'a ServiceEntry',
      'waypoint',
      { group: 'networking.istio.io', kind: 'ServiceEntry', name: 'web' },
      'garden',
      false,
    ],
  ] as const)('%s', (_title, type, targetRef, namespace, expected) =>
    expect(isFor(type, targetRef as object, namespace)).toBe(expected),
  );
});

it('patches of the bootstrap go into the bootstrap alone', () => {
  const text = filter([
    { applyTo: 'BOOTSTRAP', patch: { operation: 'MERGE', value: { stats_flush_interval: '10s', static_resources: { clusters: [{ name: 'more' }] } } } },
  ]); // prettier-ignore
  const { objects } = snapshotOf(text);
  const proxy = { namespace: 'garden', labels: {}, metadata: {} };
  const patches = bootstrapPatches(messageTypes, objects.EnvoyFilter, proxy, 'istio-system');
  const before = { static_resources: { clusters: [{ name: 'own' }] } };
  expect(JSON.parse(JSON.stringify(patchBootstrap(messageTypes, before, patches)))).toEqual(
    parse('{ stats_flush_interval: 10s, static_resources: { clusters: [{ name: own }, { name: more }] } }'),
  );
  expect(before.static_resources.clusters).toHaveLength(1);
});
