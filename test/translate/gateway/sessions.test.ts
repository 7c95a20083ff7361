// Session affinity by labels of a Service.
import { describe, expect, it } from 'vitest';

import type { Asking } from '../../support/objects/translated.ts';
import { assigned, translated } from '../../support/objects/translated.ts';

const service = (labels: string): string => `---
apiVersion: v1
kind: Service
metadata: {name: till, namespace: garden, labels: ${labels}}
spec: {clusterIP: 10.1.0.2, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: till, namespace: garden, labels: {kubernetes.io/service-name: till}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.2.0.2], conditions: {ready: true}}
- {addresses: [10.2.0.3], conditions: {ready: false, serving: true, terminating: true}}
- {addresses: [10.2.0.4], conditions: {ready: false, serving: false, terminating: true}}
`;
const cookie = service('{istio.io/persistent-session: "basket"}');
const on: Asking = { features: { persistentSessions: true } };
const filter = 'envoy.filters.http.stateful_session';
const cluster = 'outbound|80||till.garden.svc.cluster.local';

const hosts = (yaml: string, asking: Asking) => translated(yaml, 'route', asking).get('80').virtual_hosts;
const stateOf = (yaml: string) =>
  hosts(yaml, on)[0].typed_per_filter_config?.[filter]?.stateful_session.session_state.typed_config;

describe('a Service whose clients are bound to their endpoints', () => {
  it('by a cookie', () => {
    expect(stateOf(cookie)).toMatchObject({ cookie: { name: 'basket', path: '/' } });
  });

  it('by a header when no cookie is named', () => {
    expect(stateOf(service('{istio.io/persistent-session-header: x-till}'))).toMatchObject({ name: 'x-till' });
    const both = service('{istio.io/persistent-session-header: x-till, istio.io/persistent-session: basket}');
    expect(stateOf(both)).toMatchObject({ cookie: { name: 'basket' } });
  });

  it('keeps an endpoint that is leaving and still answers', () => {
    expect(translated(cookie, 'cluster', on).get(cluster).common_lb_config.override_host_status).toEqual({
      statuses: ['HEALTHY', 'DRAINING', 'UNKNOWN', 'DEGRADED'],
    });
    expect(assigned(translated(cookie, 'endpoint', on).get(cluster))).toEqual([
      ['10.2.0.2:8080 1 HEALTHY', '10.2.0.3:8080 1 DRAINING'],
    ]);
  });

  it('is so for the routes of a VirtualService that lead to it, too', () => {
    const routes = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: garden}
spec: {hosts: [shop.garden.example], http: [{route: [{destination: {host: till}}]}]}
`;
    const shop = hosts(cookie + routes, on).find(({ name }: { name: string }) => name.startsWith('shop.'));
    expect(Object.keys(shop.routes[0].typed_per_filter_config)).toEqual([filter]);
  });

  it('needs the feature to be switched on', () => {
    expect(hosts(cookie, {})[0].typed_per_filter_config).toBeUndefined();
    expect(assigned(translated(cookie, 'endpoint').get(cluster))).toEqual([['10.2.0.2:8080 1 HEALTHY']]);
  });
});

it.each([
  [true, 1],
  [false, 0],
])('outbound connection managers have the filter: %s', (persistentSessions, times) => {
  const listener = translated(cookie, 'listener', { features: { persistentSessions } }).get('0.0.0.0_80');
  const { http_filters: filters } = listener.filter_chains[0].filters[0].typed_config;
  expect(filters.filter(({ name }: { name: string }) => name === filter)).toHaveLength(times);
});
