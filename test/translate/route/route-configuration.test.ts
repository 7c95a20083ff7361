import { describe, expect, test } from 'vitest';

import type { Consumer, OutboundView } from '../../../src/model/view.ts';
import { routeConfiguration } from '../../../src/translate/envoy/virtual-host/route-configuration.ts';
import { originsOf } from '../../../src/translate/provenance.ts';
import {
  makeConsumer,
  makeEgressListener,
  makeOutboundView,
  makePolicy,
  makePort,
  makeService,
  makeServiceView,
  makeSettings,
  makeSource,
  makeVirtualService,
  plain,
} from '../../support/objects/make.ts';
import {
  domains,
  host,
  hosts,
  mill,
  names,
  oven,
  parts,
  settings,
  shop,
  to,
  view,
} from '../../support/objects/make-virtual-hosts.ts';

describe('what a route configuration has', () => {
  test('a virtual host for each HTTP service on the port, by name, then one for unknown hosts', () => {
    const tcp = makeServiceView(makeService({ name: 'vault', ports: [makePort(80, 'TCP')] }));
    const elsewhere = makeServiceView(makeService({ name: 'attic', ports: [makePort(8080)] }));
    const unnamed = makeServiceView(makeService({ name: 'guess', ports: [makePort(80, 'Auto')] }));
    expect(names(view(makeEgressListener([shop, tcp, elsewhere, oven, unnamed])))).toEqual([
      'guess.bakery.svc.cluster.local:80',
      'oven.bakery.svc.cluster.local:80',
      'shop.bakery.svc.cluster.local:80',
      'allow_any',
    ]);
  });

  test('the settings that keep one bad host from harming the others', () => {
    const resource = routeConfiguration(settings, view(makeEgressListener([oven])), '80');
    expect(resource).toMatchObject({ type: expect.stringMatching(/RouteConfiguration$/), name: '80' });
    expect(resource?.message).toEqual({
      name: '80',
      validate_clusters: false,
      max_direct_response_body_size_bytes: 1_048_576,
      ignore_port_in_host_matching: true,
    });
    expect(parts(resource).map((part) => part.name)).toEqual(['80/oven.bakery.svc.cluster.local:80', '80/allow_any']);
  });

  test('the default route leads to the service and retries what never reached a server', () => {
    expect(plain(host('shop.bakery.svc.cluster.local:9000', view(makeEgressListener([shop])), '9000'))).toEqual({
      name: 'shop.bakery.svc.cluster.local:9000',
      domains: expect.arrayContaining(['shop']),
      include_request_attempt_count: true,
      routes: [
        {
          name: 'default',
          match: { prefix: '/' },
          decorator: { operation: 'shop.bakery.svc.cluster.local:9000/*' },
          route: {
            cluster: 'outbound|9000||shop.bakery.svc.cluster.local',
            timeout: '0s',
            max_grpc_timeout: '0s',
            retry_policy: {
              num_retries: 2,
              retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
              host_selection_retry_max_attempts: 5,
              retry_host_predicate: [expect.objectContaining({ name: 'envoy.retry_host_predicates.previous_hosts' })],
            },
          },
        },
      ],
    });
  });

  test('the default route hashes as the DestinationRule says, and follows the mesh in retries', () => {
    const policy = makePolicy('*', { loadBalancer: { consistentHash: { httpHeaderName: 'x-user' } } });
    const hashed = makeServiceView(oven.service, { policy });
    const mesh = makeSettings({ defaultHttpRetryPolicy: { attempts: 0 } });
    const [route] =
      host('oven.bakery.svc.cluster.local:80', view(makeEgressListener([hashed])), '80', mesh)?.routes ?? [];
    expect(plain(route?.route?.hash_policy)).toEqual([{ header: { header_name: 'x-user' } }]);
    expect(route?.route?.retry_policy).toBeUndefined();
  });

  test.each([
    { kind: 'allow', name: 'allow_any', action: { route: { cluster: 'PassthroughCluster' } } },
    { kind: 'block', name: 'block_all', action: { direct_response: { status: 502 } } },
    { kind: 'egress-proxy', name: 'allow_any', action: { route: { cluster: 'outbound|80||out.example' } } },
  ] as const)('unknown hosts: $kind', ({ kind, name, action }) => {
    const source = makeSource('Sidecar', 'bakery', 'default');
    const unknownDestinations =
      kind === 'egress-proxy' ? ({ kind, source, cluster: 'outbound|80||out.example' } as const) : ({ kind } as const);
    expect(host(name, view(makeEgressListener([oven]), { unknownDestinations }))).toMatchObject({
      domains: ['*'],
      routes: [{ name, match: { prefix: '/' }, ...action }],
    });
  });

  test('the mesh can keep servers from being told the attempt', () => {
    const mesh = makeSettings({ defaultConfig: { proxyHeaders: { attemptCount: { disabled: true } } } });
    expect(hosts(view(makeEgressListener([oven])), '80', mesh).map((one) => one.include_request_attempt_count)).toEqual(
      [undefined, undefined],
    );
  });
});

describe('other route configurations', () => {
  const guess = makeServiceView(makeService({ name: 'guess', ports: [makePort(7000, 'Auto')] }));

  test('a service at its own address takes every host name', () => {
    const vs = makeVirtualService({ hosts: ['guess'], http: [to('guess', 'mine')] });
    const outbound = view(makeEgressListener([guess], [vs]));
    const name = 'guess.bakery.svc.cluster.local:7000';
    expect(hosts(outbound, name)).toMatchObject([{ name, domains: ['*'], routes: [{ name: 'mine' }] }]);
    expect(routeConfiguration(settings, outbound, 'nobody.example:7000')).toBeUndefined();
  });

  test.each(['http_proxy', 'unix:///run/out.sock'])('%s serves all ports, told apart in the domains', (routeName) => {
    const socket = makeEgressListener([shop, guess], [], {
      port: { number: 0, protocol: 'HTTP', name: 'socket' },
      bind: 'unix:///run/out.sock',
    });
    const outbound = makeOutboundView([socket, makeEgressListener([shop, guess])]);
    expect(names(outbound, routeName)).toEqual([
      'guess.bakery.svc.cluster.local:7000',
      'shop.bakery.svc.cluster.local:80',
      'shop.bakery.svc.cluster.local:9000',
      'allow_any',
    ]);
    expect(domains('shop.bakery.svc.cluster.local:80', outbound, routeName)?.slice(0, 4)).toEqual([
      'shop.bakery.svc.cluster.local', 'shop.bakery.svc.cluster.local:80', 'shop.bakery.svc.cluster.local.', 'shop.bakery.svc.cluster.local.:80',
    ]); // prettier-ignore
    expect(domains('shop.bakery.svc.cluster.local:9000', outbound, routeName)).toContain('10.1.0.2:9000');
    expect(domains('shop.bakery.svc.cluster.local:9000', outbound, routeName)).not.toContain('shop');
  });

  test('an egress listener with the port goes before the catch-all one', () => {
    const explicit = makeEgressListener([oven], [], { port: { number: 80, protocol: 'HTTP', name: 'http' } });
    const outbound = makeOutboundView([explicit, makeEgressListener([shop])]);
    expect(names(outbound)).toEqual(['oven.bakery.svc.cluster.local:80', 'allow_any']);
    expect(names(outbound, '9000')).toEqual(['shop.bakery.svc.cluster.local:9000', 'allow_any']);
    expect(routeConfiguration(settings, makeOutboundView([explicit]), '9000')).toBeUndefined();
    expect(routeConfiguration(settings, outbound, 'what is this')).toBeUndefined();
  });
});

describe('what is built again', () => {
  const vsOf = (service: string, timeout: string) =>
    makeVirtualService({ hosts: [service], http: [{ ...to(service), timeout }] }, { name: service });
  const ovenRoutes = vsOf('oven', '1s');
  const shopRoutes = vsOf('shop', '1s');
  const all = [oven, shop, mill];
  const before = view(makeEgressListener(all, [ovenRoutes, shopRoutes]));
  const resourceOf = (outbound: OutboundView, name = '80') => routeConfiguration(settings, outbound, name);
  const changed = (outbound: OutboundView, name = '80') => {
    const known = new Set(parts(resourceOf(before, name)));
    return parts(resourceOf(outbound, name)).filter((part) => !known.has(part)).map((part) => part.name); // prettier-ignore
  };

  test('nothing when nothing changed, for every proxy that sees the same', () => {
    expect(resourceOf(view(makeEgressListener(all, [ovenRoutes, shopRoutes])))).toBe(resourceOf(before));
  });

  test('one virtual host for one changed VirtualService', () => {
    const after = view(makeEgressListener(all, [ovenRoutes, vsOf('shop', '2s')]));
    expect(changed(after)).toEqual(['80/shop.bakery.svc.cluster.local:80']);
    expect(changed(after, '9000')).toEqual(['9000/shop.bakery.svc.cluster.local:9000']);
    expect(resourceOf(after)).not.toBe(resourceOf(before));
  });

  test('nothing on ports that a changed VirtualService has nothing to do with', () => {
    const after = view(makeEgressListener(all, [vsOf('oven', '2s'), shopRoutes]));
    expect(resourceOf(after, '9000')).toBe(resourceOf(before, '9000'));
  });

  test('nothing when endpoints of a service change', () => {
    const scaled = makeServiceView(oven.service, { instanceAddresses: ['10.9.0.1'], subjectAltNames: ['spiffe://x'] });
    expect(resourceOf(view(makeEgressListener([scaled, shop, mill], [ovenRoutes, shopRoutes])))).toBe(
      resourceOf(before),
    );
  });

  test('one virtual host for a new service, two when it takes a domain from another', () => {
    const added = makeServiceView(makeService({ name: 'added', addresses: ['10.1.0.9'] }));
    expect(changed(view(makeEgressListener([...all, added], [ovenRoutes, shopRoutes])))).toEqual(['80/added.bakery.svc.cluster.local:80']); // prettier-ignore
    const taker = makeServiceView(makeService({ name: 'taker', addresses: ['10.1.0.3'] }));
    expect(changed(view(makeEgressListener([taker, ...all], [ovenRoutes, shopRoutes])))).toEqual([
      '80/mill.farm.svc.cluster.local:80',
      '80/taker.bakery.svc.cluster.local:80',
    ]);
  });

  test('routes alike for callers that differ in what no route asks for', () => {
    const labelled = (consumer: Consumer) => view(makeEgressListener(all, [ovenRoutes, shopRoutes]), { consumer });
    const routes = (consumer: Consumer) => host('oven.bakery.svc.cluster.local:80', labelled(consumer))?.routes;
    expect(routes(makeConsumer('farm'))).toBe(routes(makeConsumer('bakery', { app: 'x' })));
  });

  test('the order in which services and unrelated VirtualServices come does not matter', () => {
    const shuffled = view(makeEgressListener([mill, oven, shop], [shopRoutes, ovenRoutes]));
    expect(plain(hosts(shuffled))).toEqual(plain(hosts(before)));
    expect(changed(shuffled)).toEqual([]);
  });
});

test('every virtual host and route says what it comes from', () => {
  const vs = makeVirtualService({
    hosts: ['oven'],
    http: [{ match: [{ uri: { prefix: '/a' } }], ...to('oven'), timeout: '1s' }],
  });
  const origins = originsOf(host('oven.bakery.svc.cluster.local:80', view(makeEgressListener([oven], [vs]))));
  const path = (field: string) => origins.get(field)?.map((source) => `${source.kind} ${source.path ?? ''}`.trim());
  expect(path('domains')).toEqual(['Service']);
  expect(path('routes')).toEqual(['VirtualService']);
  expect(path('routes[0].match')).toEqual(['VirtualService spec.http[0].match[0]']);
  expect(path('routes[0].route.timeout')).toEqual(['VirtualService spec.http[0].timeout']);
  expect(path('routes[0].route.cluster')).toEqual(['VirtualService spec.http[0].route[0].destination']);
});
