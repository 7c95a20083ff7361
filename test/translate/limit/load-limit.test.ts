// Circuit breakers and retry budgets of RateLimitPolicies: in which clusters they are, and what holds where a DestinationRule
// and several policies speak of one service.
import { expect, it } from 'vitest';

import { originsOf } from '../../../src/translate/provenance.ts';
import type { Asking, Message } from '../../support/objects/translated.ts';
import { nodeOf, translated, translation } from '../../support/objects/translated.ts';

const mesh = `
apiVersion: v1
kind: Service
metadata: {name: store, namespace: garden}
spec: {clusterIP: 10.1.0.1, selector: {app: store}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: store-1, namespace: garden, labels: {app: store}}
spec: {containers: [{name: app}]}
status: {podIP: 10.2.0.1}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bank, namespace: garden}
spec: {hosts: [bank.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: store, namespace: garden}
spec:
  host: store
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 7}, http: {http2MaxRequests: 30, maxRetries: 4}}
    retryBudget: {percent: 30}
`;

const store: Asking = { name: 'store-1', metadata: { LABELS: { app: 'store' } } };
const elsewhere: Asking = { name: 'far-1', namespace: 'desert', address: '10.2.0.9' };
const outbound = 'outbound|80||store.garden.svc.cluster.local';

const policy = (name: string, spec: string, namespace = 'garden'): string => `
---
apiVersion: policy.keelson.io/v1alpha1
kind: RateLimitPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}}
`;
const ofStore = 'targetRefs: [{kind: Service, name: store}]';

const clusters = (text: string, asking: Asking): ReadonlyMap<string, Message> => translated(text, 'cluster', asking);
const thresholds = (text: string, cluster: string, asking: Asking = elsewhere): Message =>
  clusters(text, asking).get(cluster).circuit_breakers.thresholds[0];
const untouched = 4294967295;

it('of several limits the lowest holds, whoever wrote it', () => {
  const own = policy('own', `${ofStore}, circuitBreaker: {maxConnections: 9, maxRequests: 20, maxPendingRequests: 3}`);
  const other = policy('other', `${ofStore}, circuitBreaker: {maxRequests: 25, maxPendingRequests: 5}, retryBudget: {percent: 10, minRetryConcurrency: 1}`); // prettier-ignore
  expect(thresholds(mesh + own + other, outbound)).toEqual({
    max_connections: 7,
    max_pending_requests: 3,
    max_requests: 20,
    max_retries: 4,
    retry_budget: { budget_percent: { value: 10 }, min_retry_concurrency: 1 },
  });
  const larger = policy('larger', `${ofStore}, retryBudget: {budgetInterval: 5s, percent: 40}`);
  expect(thresholds(mesh + larger, outbound).retry_budget).toEqual({ budget_percent: { value: 30 } });
});

it('every caller keeps the limits of a service, and nothing else has them', () => {
  const limited = mesh + policy('own', 'targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: bank}], circuitBreaker: {maxRequests: 5}'); // prettier-ignore
  for (const asking of [store, elsewhere]) {
    expect(thresholds(limited, 'outbound|80||bank.example.com', asking).max_requests).toBe(5);
    expect(thresholds(limited, outbound, asking).max_requests).toBe(30);
  }
  const foreign = mesh + policy('foreign', `${ofStore}, circuitBreaker: {maxRequests: 1}`, 'desert');
  expect(thresholds(foreign, outbound).max_requests).toBe(30);
});

it('a workload keeps its own, for what comes in', () => {
  const limited = mesh + policy('own', 'selector: {matchLabels: {app: store}}, circuitBreaker: {maxRequests: 5}');
  expect(thresholds(limited, 'inbound|8080||', store).max_requests).toBe(5);
  expect(thresholds(limited, outbound, store).max_requests).toBe(30);
  expect(thresholds(mesh, 'inbound|8080||', store)).toMatchObject({
    max_requests: 30,
    max_pending_requests: untouched,
  });
});

it('a workload keeps its own at the ports, too, that no Service names, which count as one', () => {
  const limited = mesh + policy('own', 'circuitBreaker: {maxConnections: 5, maxRequests: 6}');
  const passthrough = 'InboundPassthroughCluster';
  expect(thresholds(limited, passthrough, store)).toMatchObject({ max_connections: 5, max_requests: 6 });
  expect(thresholds(limited, passthrough, elsewhere).max_connections).toBe(untouched);
  expect(thresholds(limited, 'PassthroughCluster', store).max_connections).toBe(untouched);
});

const gate = `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gate, namespace: garden}
spec: {selector: {app: gate}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: gate, namespace: garden}
spec:
  hosts: ['*']
  gateways: [gate]
  http: [{route: [{destination: {host: store.garden.svc.cluster.local, port: {number: 80}}}]}]
`;
const router = (app: string, gateway = app): Asking => ({
  type: 'router',
  name: `${app}-1`,
  address: '10.2.0.8',
  metadata: { LABELS: { app, 'gateway.networking.k8s.io/gateway-name': gateway } },
});

it('a gateway keeps its own with each of the services that its routes lead to', () => {
  const own = 'circuitBreaker: {maxRequests: 5, maxPendingRequests: 2}';
  for (const spec of [
    `selector: {matchLabels: {app: gate}}, ${own}`,
    `targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gate}], ${own}`,
  ]) {
    const limited = mesh + gate + policy('own', spec);
    expect(thresholds(limited, outbound, router('gate'))).toMatchObject({
      max_connections: 7,
      max_requests: 5,
      max_pending_requests: 2,
    });
    expect(thresholds(limited, 'outbound|80||bank.example.com', router('gate')).max_requests).toBe(untouched);
    expect(thresholds(limited, outbound, router('other')).max_requests).toBe(30);
    expect(thresholds(limited, outbound, store).max_requests).toBe(30);
  }
});

it('a gateway tries again within its own budget', () => {
  const own = policy('own', 'targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gate}], retryBudget: {percent: 5}'); // prettier-ignore
  const of = (asking: Asking): Message => thresholds(mesh + gate + own, outbound, asking).retry_budget;
  expect([of(router('gate')), of(elsewhere)]).toEqual([
    { budget_percent: { value: 5 } },
    { budget_percent: { value: 30 } },
  ]);
});

it('what is passed on by its server name is limited, too', () => {
  const east = gate.replace('{number: 80, name: http, protocol: HTTP}', '{number: 15443, name: tls, protocol: TLS}');
  const passing = east.replace("hosts: ['*']}]", "hosts: ['*'], tls: {mode: AUTO_PASSTHROUGH}}]");
  const limited = mesh + passing + policy('own', 'selector: {matchLabels: {app: gate}}, circuitBreaker: {maxConnections: 2}'); // prettier-ignore
  expect(thresholds(limited, 'outbound_.80_._.store.garden.svc.cluster.local', router('gate')).max_connections).toBe(2);
});

it('a waypoint keeps its own with each of the services behind it', () => {
  const waypoint = `
---
apiVersion: v1
kind: Namespace
metadata: {name: garden, labels: {istio.io/use-waypoint: way}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: way, namespace: garden}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
`;
  const asking: Asking = { ...router('way'), type: 'waypoint' };
  const limited = (target: string): Message =>
    thresholds(
      mesh + waypoint + policy('own', `targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: ${target}}], circuitBreaker: {maxRequests: 5}`), // prettier-ignore
      'inbound-vip|80|http|store.garden.svc.cluster.local',
      asking,
    ).max_requests;
  expect([limited('way'), limited('other')]).toEqual([5, 30]);
});

it('each limit is a cause', () => {
  const text = mesh + policy('own', `${ofStore}, circuitBreaker: {maxRequests: 5}`);
  const configuration = translation(text).configuration(nodeOf(elsewhere));
  const resource = configuration?.cluster.map(({ resources }) => resources.get(outbound)).find((each) => each);
  expect(originsOf(resource?.message).get('circuit_breakers')).toEqual([
    { kind: 'DestinationRule', namespace: 'garden', name: 'store', path: 'spec.trafficPolicy.connectionPool' },
    { kind: 'DestinationRule', namespace: 'garden', name: 'store', path: 'spec.trafficPolicy.retryBudget' },
    { kind: 'RateLimitPolicy', namespace: 'garden', name: 'own', path: 'spec.circuitBreaker' },
  ]);
});
