// Which outbound listeners there are and what each does, rule by rule.
import { describe, expect, test } from 'vitest';
import { sharedList } from '../../../src/model/memo.ts';
import type { EgressListener } from '../../../src/model/view.ts';
import { outboundListeners } from '../../../src/translate/envoy/listener/outbound/outbound-listeners.ts';
import { originsOf } from '../../../src/translate/provenance.ts';
import {
  httpOf,
  listenerIn,
  names,
  outbound,
  outboundOf,
  summary,
  tcpProxyOf,
} from '../../support/objects/make-listener.ts';
import {
  makeEgressListener,
  makeExternalService,
  makeOutboundView,
  makePort,
  makeProxy,
  makeProxyView,
  makeService,
  makeServiceView,
  makeSettings,
} from '../../support/objects/make.ts';

const oven = makeServiceView();
const till = makeServiceView(
  makeService({ name: 'till', addresses: ['10.1.0.2'], ports: [makePort(5432, 'TCP'), makePort(7000, 'Auto')] }),
);

describe('per port and per service', () => {
  test('all HTTP services of a port share one listener on the wildcard, whose rest is unknown traffic', () => {
    const listeners = outbound([oven, makeServiceView(makeService({ name: 'bench', addresses: ['10.1.0.9'] }))]);
    const http = listenerIn(listeners, '0.0.0.0_80');
    expect([...listeners.keys()]).toEqual(['0.0.0.0_80', 'virtualOutbound']);
    expect(summary(http)).toEqual(['raw_buffer http/1.1 h2c -> HTTP 80', 'default any -> PassthroughCluster']);
    expect(http.default_filter_chain?.name).toBe('PassthroughFilterChain');
    expect(http.default_filter_chain?.filter_chain_match).toEqual({});
    expect(http).toMatchObject({ bind_to_port: false, listener_filters_timeout: '0s', traffic_direction: 'OUTBOUND' });
    expect(names(http.listener_filters)).toEqual(['http_inspector']);
    expect(httpOf(http.filter_chains?.[0]).stat_prefix).toBe('outbound_0.0.0.0_80;');
  });

  test('TCP has a listener on the service address, without looking at any bytes', () => {
    const tcp = listenerIn(outbound([till]), '10.1.0.2_5432');
    expect(summary(tcp)).toEqual(['any -> outbound|5432||till.bakery.svc.cluster.local']);
    expect(tcp.filter_chains?.[0]).not.toHaveProperty('filter_chain_match');
    expect(tcp).not.toHaveProperty('listener_filters');
  });

  test('a detected protocol has a listener of its own with routes of its own', () => {
    const auto = listenerIn(outbound([till]), '10.1.0.2_7000');
    expect(summary(auto)).toEqual([
      'raw_buffer http/1.1 h2c -> HTTP till.bakery.svc.cluster.local:7000',
      'default any -> outbound|7000||till.bakery.svc.cluster.local',
    ]);
    expect(auto.default_filter_chain).not.toHaveProperty('filter_chain_match');
  });

  test.each(['TLS', 'HTTPS', 'Redis', 'MySQL'] as const)('%s behind an address is plain TCP', (protocol) => {
    const view = makeServiceView(makeService({ ports: [makePort(443, protocol)] }));
    expect(summary(listenerIn(outbound([view]), '10.1.0.1_443'))).toEqual([
      'any -> outbound|443||oven.bakery.svc.cluster.local',
    ]);
  });

  test('MongoDB is observed before it is forwarded', () => {
    const view = makeServiceView(makeService({ ports: [makePort(27017, 'Mongo')] }));
    const [chain] = listenerIn(outbound([view]), '10.1.0.1_27017').filter_chains ?? [];
    expect(names(chain?.filters)).toEqual(['mongo_proxy', 'tcp_proxy']);
  });

  test('UDP has no listener', () => {
    expect([...outbound([makeServiceView(makeService({ ports: [makePort(53, 'UDP')] }))]).keys()]).toEqual([
      'virtualOutbound',
    ]);
  });

  test('gRPC for browsers is translated when the first service of the port speaks it', () => {
    const web = makeServiceView(makeService({ ports: [makePort(80, 'GRPC-Web')] }));
    const filters = (views: readonly (typeof web)[]): readonly string[] =>
      names(httpOf(listenerIn(outbound(views), '0.0.0.0_80').filter_chains?.[0]).http_filters);
    const plain = makeServiceView(makeService({ name: 'bench' }));
    expect(filters([web, plain])).toEqual(['grpc_web', 'grpc_stats', 'fault', 'cors', 'router']);
    expect(filters([plain, web])).toEqual(['grpc_stats', 'fault', 'cors', 'router']);
  });
});

describe('addresses', () => {
  const headless = (overrides = {}): ReturnType<typeof makeServiceView> =>
    makeServiceView(
      makeService({ headless: true, addresses: [], ports: [makePort(9000, 'TCP'), makePort(80)], ...overrides }),
      {
        instanceAddresses: ['10.2.0.1', '10.2.0.7', '10.2.0.8'],
      },
    );

  test('a headless service has a listener for each instance but the proxy itself; HTTP stays on the wildcard', () => {
    expect([...outbound([headless()]).keys()]).toEqual([
      '10.2.0.7_9000',
      '10.2.0.8_9000',
      '0.0.0.0_80',
      'virtualOutbound',
    ]);
  });

  test('a headless Kubernetes service without instances has none, an external host without any can be anywhere', () => {
    const empty = { ...headless(), instanceAddresses: [] };
    const anywhere = makeServiceView(
      makeExternalService('old.example', { resolution: 'passthrough', ports: [makePort(9000, 'TCP')] }),
    );
    expect([...outbound([empty]).keys()]).toEqual(['0.0.0.0_80', 'virtualOutbound']);
    expect([...outbound([anywhere]).keys()]).toEqual(['0.0.0.0_9000', 'virtualOutbound']);
  });

  test('an external host has a listener on each address, and a block is a condition on the wildcard', () => {
    const bank = makeServiceView(
      makeExternalService('bank.example', {
        addresses: ['172.20.1.1', '172.20.1.2', '172.21.0.0/16'],
        ports: [makePort(1521, 'TCP')],
      }),
    );
    const listeners = outbound([bank]);
    expect([...listeners.keys()]).toEqual(['172.20.1.1_1521', '172.20.1.2_1521', '0.0.0.0_1521', 'virtualOutbound']);
    expect(summary(listenerIn(listeners, '0.0.0.0_1521'))).toEqual([
      '172.21.0.0/16 -> outbound|1521||bank.example',
      'default any -> PassthroughCluster',
    ]);
  });

  test('TLS without an address is told apart by server name, aliases included', () => {
    const source = { kind: 'Service', namespace: 'bakery', name: 'alias' };
    const saas = makeServiceView(
      makeExternalService('api.saas.example', {
        ports: [makePort(443, 'TLS')],
        aliases: [{ source, hostname: 'alias.bakery.svc.cluster.local', name: 'alias', namespace: 'bakery' }],
      }),
    );
    const listener = listenerIn(outbound([saas]), '0.0.0.0_443');
    expect(summary(listener)).toEqual([
      'alias.bakery.svc.cluster.local api.saas.example -> outbound|443||api.saas.example',
      'default any -> PassthroughCluster',
    ]);
    expect(names(listener.listener_filters)).toEqual(['tls_inspector']);
  });

  test('an allocated address is used by proxies that capture DNS only', () => {
    const host = makeServiceView(
      makeExternalService('db.example', {
        autoAddresses: ['240.240.0.5', '2001:2::5'],
        ports: [makePort(5432, 'TCP')],
      }),
    );
    const capturing = { proxy: makeProxy({ dnsCapture: true, ipAddresses: ['10.2.0.1', 'fd00::1'] }) };
    expect([...outbound([host], [], capturing).keys()]).toEqual(['240.240.0.5_5432', 'virtualOutbound']);
    expect([...outbound([host]).keys()]).toEqual(['0.0.0.0_5432', 'virtualOutbound']);
  });

  test('the family of the proxy decides: IPv6 only, and both at once', () => {
    const both = makeServiceView(
      makeService({ addresses: ['10.1.0.3', 'fd00::3'], ports: [makePort(80), makePort(5432, 'TCP')] }),
    );
    const keys = (...ipAddresses: string[]): readonly string[] => [
      ...outbound([both], [], { proxy: makeProxy({ ipAddresses }) }).keys(),
    ];
    expect(keys('fd00::99')).toEqual(['::_80', 'fd00::3_5432', 'virtualOutbound']);
    expect(keys('10.2.0.1', 'fd00::99')).toEqual(['0.0.0.0_80', '10.1.0.3_5432', 'virtualOutbound']);
    const dual = outbound([both], [], { proxy: makeProxy({ ipAddresses: ['10.2.0.1', 'fd00::99'] }) });
    expect(listenerIn(dual, '0.0.0.0_80').additional_addresses).toEqual([
      { address: { socket_address: { address: '::', port_value: 80 } } },
    ]);
    expect(listenerIn(dual, 'virtualOutbound')).not.toHaveProperty('additional_addresses');
  });

  test.each([15001, 15006, 15021, 15090])('no wildcard listener on port %i, where the proxy has its own', (port) => {
    expect([...outbound([makeServiceView(makeService({ ports: [makePort(port)] }))]).keys()]).toEqual([
      'virtualOutbound',
    ]);
    const tcp = makeServiceView(makeService({ ports: [makePort(port, 'TCP')] }));
    expect([...outbound([tcp]).keys()]).toEqual([`10.1.0.1_${port}`, 'virtualOutbound']);
  });
});

describe('unknown destinations', () => {
  test.each([
    [{ kind: 'allow' as const }, 'PassthroughCluster'],
    [{ kind: 'block' as const }, 'BlackHoleCluster'],
    [
      {
        kind: 'egress-proxy' as const,
        source: oven.service.source,
        cluster: 'outbound|3128||exit.bakery.svc.cluster.local',
      },
      'outbound|3128||exit.bakery.svc.cluster.local',
    ],
  ])('%o', (unknownDestinations, cluster) => {
    const listeners = outboundOf(makeOutboundView([makeEgressListener([oven])], { unknownDestinations }));
    const entry = listenerIn(listeners, 'virtualOutbound');
    expect(summary(entry)).toEqual([':15001 -> BlackHoleCluster', `any -> ${cluster}`]);
    expect(tcpProxyOf(listenerIn(listeners, '0.0.0.0_80').default_filter_chain)).toMatchObject({
      cluster,
      stat_prefix: cluster,
    });
  });

  test('the entry listener hands connections over, with the port that the mesh says', () => {
    const settings = makeSettings({ proxyListenPort: 15101 });
    const entry = listenerIn(outbound([], [], { settings }), 'virtualOutbound');
    expect(entry).toMatchObject({
      address: { socket_address: { address: '0.0.0.0', port_value: 15101 } },
      use_original_dst: true,
      max_connections_to_accept_per_socket_event: 1,
    });
    expect(entry).not.toHaveProperty('listener_filters_timeout');
  });
});

describe('interception and Sidecar objects', () => {
  test('transparent interception', () => {
    const listeners = outbound([oven], [], { proxy: makeProxy({ interceptionMode: 'TPROXY' }) });
    expect(listenerIn(listeners, 'virtualOutbound').transparent).toBe(true);
    expect(listenerIn(listeners, '0.0.0.0_80')).not.toHaveProperty('transparent');
  });

  test('without interception everything is really bound on the loopback address, and nothing is unknown', () => {
    const listeners = outbound([oven, till], [], { proxy: makeProxy({ interceptionMode: 'NONE' }) });
    expect([...listeners.keys()]).toEqual(['127.0.0.1_80', '127.0.0.1_5432', '127.0.0.1_7000']);
    const http = listenerIn(listeners, '127.0.0.1_80');
    expect(summary(http)).toEqual(['any -> HTTP 80']);
    expect(http).not.toHaveProperty('bind_to_port');
    expect(http.max_connections_to_accept_per_socket_event).toBe(1);
    const restricted = makeProxy({ interceptionMode: 'NONE', metadata: { UNPRIVILEGED_POD: 'true' } });
    expect([...outbound([oven, till], [], { proxy: restricted }).keys()]).toEqual(['127.0.0.1_5432', '127.0.0.1_7000']);
  });

  const explicit = (
    port: NonNullable<EgressListener['port']>,
    overrides: Partial<EgressListener> = {},
  ): EgressListener => makeEgressListener([oven], [], { port, ...overrides });
  const http80 = { number: 80, protocol: 'HTTP' as const, name: 'http' };

  test('an explicit port keeps other services from its bind', () => {
    const tls = makeServiceView(makeExternalService('x.example', { ports: [makePort(80, 'TLS')] }));
    const listeners = outboundOf(makeOutboundView([explicit(http80), makeEgressListener([tls])]));
    expect(summary(listenerIn(listeners, '0.0.0.0_80'))).toEqual([
      'raw_buffer http/1.1 h2c -> HTTP 80',
      'default any -> PassthroughCluster',
    ]);
  });

  test('an explicit address takes everything as what it was declared', () => {
    const listeners = outboundOf(makeOutboundView([explicit(http80, { bind: '127.0.0.5' })]));
    const listener = listenerIn(listeners, '127.0.0.5_80');
    expect(summary(listener)).toEqual(['any -> HTTP 80']);
    expect(listener.bind_to_port).toBe(false);
  });

  test('not captured: bound on the loopback address', () => {
    const listener = listenerIn(outboundOf(makeOutboundView([explicit(http80, { captured: false })])), '127.0.0.1_80');
    expect(listener).not.toHaveProperty('bind_to_port');
  });

  test('a Unix domain socket is bound, and is the name of its routes', () => {
    const bind = 'unix:///run/egress.sock';
    const view = makeOutboundView([explicit({ ...http80, number: 0 }, { bind })]);
    const listener = listenerIn(outboundOf(view), `${bind}_0`);
    expect(listener.address).toEqual({ pipe: { path: '/run/egress.sock' } });
    expect(summary(listener)).toEqual([`any -> HTTP ${bind}`]);
    expect(listener).not.toHaveProperty('bind_to_port');
  });

  test("an explicit TCP port leads to a service's only port, or to the port of the same number", () => {
    const port = { number: 6000, protocol: 'TCP' as const, name: 'tcp' };
    expect(summary(listenerIn(outboundOf(makeOutboundView([explicit(port)])), '10.1.0.1_6000'))).toEqual([
      'any -> outbound|80||oven.bakery.svc.cluster.local',
    ]);
    const several = outboundOf(makeOutboundView([makeEgressListener([till], [], { port })]));
    expect(summary(listenerIn(several, '10.1.0.2_6000'))).toEqual([
      'any -> outbound|6000||till.bakery.svc.cluster.local',
    ]);
  });

  test('an explicit HTTP proxy port, of the mesh or of the workload', () => {
    const settings = makeSettings({ proxyHttpPort: 15007 });
    const listener = listenerIn(outbound([], [], { settings }), '127.0.0.1_15007');
    expect(httpOf(listener.filter_chains?.[0])).toMatchObject({
      rds: { route_config_name: 'http_proxy' },
      http_protocol_options: { allow_absolute_url: true },
    });
    const own = outbound([], [], { settings, proxy: makeProxy({ httpProxyPort: 3128 }) });
    expect([...own.keys()]).toEqual(['127.0.0.1_3128', 'virtualOutbound']);
  });
});

test('the route configurations that listeners ask for are each named once', () => {
  const views = [oven, till, makeServiceView(makeService({ name: 'bench', ports: [makePort(80), makePort(81)] }))];
  const view = makeProxyView(makeOutboundView([makeEgressListener(sharedList(views))]));
  expect(outboundListeners(view).routeNames).toEqual(['80', 'till.bakery.svc.cluster.local:7000', '81']);
});

test('a listener and its chains know the port of the service that they are for', () => {
  const origins = originsOf(listenerIn(outbound([till]), '10.1.0.2_5432'));
  expect(origins.get('name')).toEqual([{ ...till.service.source, path: 'spec.ports[0]' }]);
  expect(origins.get('filter_chains[0].filters')).toEqual([{ ...till.service.source, path: 'spec.ports[0]' }]);
});
