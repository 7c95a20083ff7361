// VirtualServices for connections, and what DestinationRules say about connections.
import { describe, expect, test } from 'vitest';
import { sharedList } from '../../../src/model/memo.ts';
import type { TrafficPolicy } from '../../../src/model/schema/index.ts';
import type { ServiceView } from '../../../src/model/view.ts';
import type { VirtualService } from '../../../src/model/mesh/virtual-service.ts';
import { originsOf } from '../../../src/translate/provenance.ts';
import type { TcpProxy } from '../../support/objects/make-listener.ts';
import { listenerIn, outbound, outboundOf, summary, tcpProxyOf } from '../../support/objects/make-listener.ts';
import {
  makeConsumer,
  makeEgressListener,
  makeExternalService,
  makeOutboundView,
  makePolicy,
  makePort,
  makeProxy,
  makeService,
  makeServiceView,
  makeSettings,
  makeVirtualService,
} from '../../support/objects/make.ts';

const queueHost = 'queue.bakery.svc.cluster.local';
const queue = makeServiceView(makeService({ name: 'queue', addresses: ['10.1.0.5'], ports: [makePort(5672, 'TCP')] }));
const store = makeServiceView(makeService({ name: 'store', addresses: ['10.1.0.6'], ports: [makePort(7000, 'TCP')] }));
const to = (subset: string, weight?: number): object => ({
  destination: { host: 'queue', subset },
  ...(weight !== undefined && { weight }),
});

const tcp = (spec: object, meta = {}): VirtualService => makeVirtualService({ hosts: ['queue'], ...spec }, meta);
const chainsOf = (...virtualServices: VirtualService[]): readonly string[] =>
  summary(listenerIn(outbound([queue, store], virtualServices), '10.1.0.5_5672'));

describe('TCP routes', () => {
  test('a route without a match replaces the service, whatever comes after', () => {
    const routes = tcp({ tcp: [{ route: [to('v1')] }, { route: [to('v2')] }] });
    expect(chainsOf(routes)).toEqual([`any -> outbound|5672|v1|${queueHost}`]);
    expect(chainsOf(routes, tcp({ tcp: [{ route: [to('v3')] }] }, { name: 'younger' }))).toHaveLength(1);
    const [chain] = listenerIn(outbound([queue], [routes]), '10.1.0.5_5672').filter_chains ?? [];
    expect(chain?.metadata?.filter_metadata).toEqual({
      istio: { config: '/apis/networking.istio.io/v1/namespaces/bakery/virtual-service/routes' },
    });
    expect(originsOf(chain).get('filters')?.[0]).toMatchObject({
      kind: 'VirtualService',
      name: 'routes',
      path: 'spec.tcp[0]',
    });
  });

  test('destination addresses are a chain of their own, before the rest, without metadata', () => {
    const routes = tcp({
      tcp: [
        {
          match: [{ destinationSubnets: ['10.9.0.0/24', '10.8.1.1'] }],
          route: [to('v1', 90), to('v2', 10), to('v3', 0)],
        },
      ],
    });
    expect(chainsOf(routes)).toEqual([
      `10.8.1.1/32 10.9.0.0/24 -> outbound|5672|v1|${queueHost}=90 outbound|5672|v2|${queueHost}=10`,
      `default any -> outbound|5672||${queueHost}`,
    ]);
    const [chain] = listenerIn(outbound([queue], [routes]), '10.1.0.5_5672').filter_chains ?? [];
    expect(chain).not.toHaveProperty('metadata');
    expect(tcpProxyOf(chain).stat_prefix).toBe('routes.bakery');
  });

  test.each([
    [{ port: 5672 }, true],
    [{ port: 1 }, false],
    [{ gateways: ['mesh'] }, true],
    [{ gateways: ['bakery/front'] }, false],
    [{ sourceNamespace: 'bakery' }, true],
    [{ sourceNamespace: 'mill' }, false],
    [{ sourceLabels: { app: 'baker' } }, true],
    [{ sourceLabels: { app: 'miller' } }, false],
  ])('match %o applies: %s', (match, applies) => {
    const virtualService = tcp({ tcp: [{ match: [match], route: [to('v1')] }] });
    const consumer = makeConsumer('bakery', { app: 'baker' });
    const view = makeOutboundView([makeEgressListener([queue], [virtualService])], { consumer });
    const subset = applies ? 'v1' : '';
    expect(summary(listenerIn(outboundOf(view), '10.1.0.5_5672'))).toEqual([
      `any -> outbound|5672|${subset}|${queueHost}`,
    ]);
  });

  test('the port of a destination: its own, else the only one of its service, else that of the listener', () => {
    const via = (destination: object): readonly string[] => chainsOf(tcp({ tcp: [{ route: [{ destination }] }] }));
    expect(via({ host: 'store', port: { number: 7001 } })).toEqual([
      'any -> outbound|7001||store.bakery.svc.cluster.local',
    ]);
    expect(via({ host: 'store' })).toEqual(['any -> outbound|7000||store.bakery.svc.cluster.local']);
    expect(via({ host: 'unknown' })).toEqual(['any -> outbound|5672||unknown.bakery.svc.cluster.local']);
  });

  test('a destination that is an alias leads to what it stands for', () => {
    const source = { kind: 'Service', namespace: 'bakery', name: 'nick' };
    const alias = { source, hostname: 'nick.bakery.svc.cluster.local', name: 'nick', namespace: 'bakery' };
    const aliased = makeServiceView({ ...store.service, aliases: [alias] });
    const routes = tcp({ tcp: [{ route: [{ destination: { host: 'nick' } }] }] });
    expect(summary(listenerIn(outbound([queue, aliased], [routes]), '10.1.0.5_5672'))).toEqual([
      'any -> outbound|7000||store.bakery.svc.cluster.local',
    ]);
  });

  test('only routes for TLS apply to TLS ports, and only routes for TCP to others', () => {
    const tlsRoute = tcp({ tls: [{ match: [{ sniHosts: ['queue'] }], route: [to('v1')] }] });
    expect(chainsOf(tlsRoute)).toEqual([`any -> outbound|5672||${queueHost}`]);
  });
});

describe('TLS routes', () => {
  const saas = (name: string): ServiceView =>
    makeServiceView(makeExternalService(name, { ports: [makePort(443, 'TLS')] }));
  const wild = saas('*.wild.example');
  const api = saas('api.saas.example');

  test('every matching server name has a chain, and the service keeps none of its own', () => {
    const virtualService = makeVirtualService({
      hosts: ['*.wild.example'],
      tls: [
        {
          match: [{ sniHosts: ['b.wild.example', 'a.wild.example'] }],
          route: [{ destination: { host: 'api.saas.example' } }],
        },
        {
          match: [{ sniHosts: ['a.wild.example', 'b.wild.example'] }],
          route: [{ destination: { host: 'never.example' } }],
        },
        { match: [{ sniHosts: ['*.wild.example'], port: 443 }], route: [{ destination: { host: '*.wild.example' } }] },
        { match: [{ sniHosts: ['c.wild.example'], port: 444 }], route: [{ destination: { host: 'never.example' } }] },
      ],
    });
    expect(summary(listenerIn(outbound([wild, api], [virtualService]), '0.0.0.0_443'))).toEqual([
      'a.wild.example b.wild.example -> outbound|443||api.saas.example',
      '*.wild.example -> outbound|443||*.wild.example',
      'api.saas.example -> outbound|443||api.saas.example',
      'default any -> PassthroughCluster',
    ]);
  });

  test('any server name is no condition', () => {
    const virtualService = makeVirtualService({
      hosts: ['api.saas.example'],
      tls: [{ match: [{ sniHosts: ['*'] }], route: [{ destination: { host: 'api.saas.example' } }] }],
    });
    expect(summary(listenerIn(outbound([api], [virtualService]), '0.0.0.0_443'))).toEqual([
      'any -> outbound|443||api.saas.example',
    ]);
  });
});

describe('policies for connections', () => {
  const proxyFor = (
    policy: TrafficPolicy,
    subset?: TrafficPolicy,
    routes: readonly VirtualService[] = [],
  ): TcpProxy => {
    const subsets = subset === undefined ? [] : [{ name: 'v1', labels: {}, trafficPolicy: subset }];
    const view = { ...queue, policy: makePolicy(queueHost, policy, subsets) };
    return tcpProxyOf(listenerIn(outbound(sharedList([view]), routes), '10.1.0.5_5672').filter_chains?.[0]);
  };
  const toSubset = [tcp({ tcp: [{ route: [to('v1')] }] })];

  test('limits of idling and living are those of the host', () => {
    const connectionPool = { tcp: { idleTimeout: '90s', maxConnectionDuration: '10m' } };
    expect(proxyFor({ connectionPool })).toMatchObject({
      idle_timeout: '90s',
      max_downstream_connection_duration: '600s',
    });
  });

  test('hashing by source address, unless the subset balances otherwise', () => {
    const bySource: TrafficPolicy = { loadBalancer: { consistentHash: { useSourceIp: true } } };
    expect(proxyFor(bySource).hash_policy).toEqual([{ source_ip: {} }]);
    expect(proxyFor({ loadBalancer: { simple: 'RANDOM' } })).not.toHaveProperty('hash_policy');
    expect(proxyFor(bySource, { loadBalancer: { simple: 'RANDOM' } }, toSubset)).not.toHaveProperty('hash_policy');
    expect(proxyFor({}, bySource, toSubset).hash_policy).toEqual([{ source_ip: {} }]);
  });

  test('a tunnel to the destination, by CONNECT or POST', () => {
    const tunnel = { targetHost: 'far.example', targetPort: 8443 };
    expect(proxyFor({ tunnel }).tunneling_config).toEqual({ hostname: 'far.example:8443' });
    expect(proxyFor({ tunnel: { ...tunnel, protocol: 'POST' } }).tunneling_config).toEqual({
      hostname: 'far.example:8443',
      use_post: true,
    });
    expect(proxyFor({}, { tunnel }, toSubset).tunneling_config).toEqual({ hostname: 'far.example:8443' });
  });

  test('the workload can ask for an idle timeout; nonsense is ignored', () => {
    const idle = (text: string): unknown =>
      tcpProxyOf(
        listenerIn(outbound([queue], [], { proxy: makeProxy({ metadata: { IDLE_TIMEOUT: text } }) }), '10.1.0.5_5672')
          .filter_chains?.[0],
      ).idle_timeout;
    expect(idle('1m30s')).toBe('90s');
    expect(idle('soon')).toBeUndefined();
  });

  test('names of statistics that the mesh asks for', () => {
    const settings = makeSettings({ outboundClusterStatName: '%SERVICE%-%SERVICE_FQDN%-%SERVICE_PORT%-%SUBSET_NAME%' });
    const listener = listenerIn(outbound([queue], toSubset, { settings }), '10.1.0.5_5672');
    expect(tcpProxyOf(listener.filter_chains?.[0]).stat_prefix).toBe(`queue.bakery-${queueHost}-5672-v1`);
  });
});
