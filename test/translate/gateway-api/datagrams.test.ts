// Listeners for datagrams and their UDPRoutes: only where KEELSON_STRICT_GATEWAYS asks for them; else they are as from Istio.
import { describe, expect, it, test } from 'vitest';

import type { Condition } from '../../../src/model/status.ts';
import { servicePorts } from '../../../src/translate/resolve/gateway-api/deployment/ports.ts';
import type { Asking } from '../../support/objects/translated.ts';
import { assigned, conflictsOf, translated, translation } from '../../support/objects/translated.ts';

const quay: Asking = { type: 'router', name: 'quay-1', namespace: 'harbor', address: '10.2.0.9' };
const strict: Asking = { ...quay, features: { strictGateways: true } };

const service = (name: string, address: string, ports: string, app = name): string => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: harbor}
spec: {clusterIP: 10.1.0.1, selector: {app: ${app}}, ports: [${ports}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-1, namespace: harbor, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
endpoints: [{addresses: [${address}]}]
ports: [{name: dns, port: 5353, protocol: UDP}, {name: dns-tcp, port: 5354}]
`;
const both = '{name: dns, port: 53, protocol: UDP, targetPort: 5353}, {name: dns-tcp, port: 53, targetPort: 5354}';

const harbor = `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: quay, namespace: harbor}
spec:
  gatewayClassName: istio
  listeners: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: v1
kind: Pod
metadata: {name: quay-1, namespace: harbor, labels: {app: quay}}
spec: {containers: [{name: istio-proxy, image: example/envoy}]}
status: {podIP: 10.2.0.9}
${service('quay-istio', '10.2.0.9', both, 'quay')}
${service('names', '10.2.0.10', '{name: dns, port: 53, protocol: UDP}')}
`;

const route = (name: string, backends: string, more = '', created = '2026-01-01'): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: ${name}, namespace: harbor, creationTimestamp: '${created}T00:00:00Z'}
spec: {parentRefs: [{name: quay}${more}], rules: [{backendRefs: [${backends}]}]}
`;
const names = '{name: names, port: 53}';

const statusOf = (yaml: string, kind: string, name: string, asking: Asking) =>
  translation(yaml, asking)
    .statuses()
    .find((one) => one.kind === kind && one.name === name)?.status;
const told = (conditions: unknown): readonly string[] =>
  (conditions as readonly Condition[]).map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const listenersOf = (yaml: string, asking: Asking) =>
  statusOf(yaml, 'Gateway', 'quay', asking)?.['listeners'] as readonly { readonly attachedRoutes: number; readonly supportedKinds: readonly { readonly kind: string }[]; readonly conditions: unknown }[]; // prettier-ignore
const parentsOf = (yaml: string, name: string) =>
  ((statusOf(yaml, 'UDPRoute', name, strict) ?? {})['parents'] as readonly { readonly conditions: unknown }[]).map(
    (parent) => told(parent.conditions),
  );

describe('a listener for datagrams', () => {
  it('sends to what its oldest route leads to, beside a listener for connections on its port', () => {
    const yaml = harbor + route('late', '{name: nobody, port: 1}', '', '2026-02-01') + route('names', names);
    expect([...translated(yaml, 'listener', strict).keys()]).toEqual(['udp_0.0.0.0_5353']);
    const { listener_filters: filters } = translated(yaml, 'listener', strict).get('udp_0.0.0.0_5353');
    const cluster = 'keelson.udp|53||names.harbor.svc.cluster.local';
    expect(filters[0].typed_config.matcher).toMatchObject({ on_no_match: { action: { typed_config: { cluster } } } });
    expect(translated(yaml, 'cluster', strict).get(cluster)).toMatchObject({ type: 'EDS' });
    expect(assigned(translated(yaml, 'endpoint', strict).get(cluster))).toEqual([['10.2.0.10:5353 1 HEALTHY']]);
  });

  it('has no more sessions with what it leads to than its gateway may', () => {
    const limit = `---
apiVersion: policy.keelson.io/v1alpha1
kind: RateLimitPolicy
metadata: {name: quay, namespace: harbor}
spec: {selector: {matchLabels: {app: quay}}, circuitBreaker: {maxConnections: 9}}
`;
    const asking = { ...strict, metadata: { LABELS: { app: 'quay' } } };
    const breakers = (yaml: string): unknown =>
      translated(yaml + route('names', names), 'cluster', asking).get('keelson.udp|53||names.harbor.svc.cluster.local')
        .circuit_breakers.thresholds[0].max_connections;
    expect([breakers(harbor + limit), breakers(harbor)]).toEqual([9, 4294967295]);
  });

  it('counts the routes that it took, of its own kind', () => {
    const [dns, tcp] = listenersOf(harbor + route('names', names) + route('late', names), strict);
    expect([dns?.attachedRoutes, dns?.supportedKinds.map(({ kind }) => kind)]).toEqual([2, ['UDPRoute']]);
    expect(tcp?.attachedRoutes).toBe(0);
    expect(told(dns?.conditions)).toEqual(['Accepted True Accepted', 'Conflicted False NoConflicts', 'Programmed True Programmed', 'ResolvedRefs True ResolvedRefs']); // prettier-ignore
  });

  it('lets nothing in where a policy would have to be asked, and says so', () => {
    const policy = `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: few, namespace: harbor}
spec: {selector: {matchLabels: {app: quay}}, rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}
`;
    const guarded = { ...strict, metadata: { LABELS: { app: 'quay' } } };
    const yaml = harbor + route('names', names) + policy;
    expect([...translated(yaml, 'listener', guarded).keys()]).toEqual([]);
    expect(conflictsOf(yaml, guarded)).toContain('no-effect Gateway harbor/quay spec.listeners[0]');
  });

  it('is as from Istio unless asked otherwise: not supported, and in the way of others', () => {
    const yaml = harbor + route('names', names);
    const [dns, tcp] = listenersOf(yaml, quay);
    expect(told(dns?.conditions)).toContain('Accepted False UnsupportedProtocol');
    expect(told(tcp?.conditions)).toContain('Conflicted True ProtocolConflict');
    expect(statusOf(yaml, 'UDPRoute', 'names', quay)).toBeUndefined();
    expect([...translated(yaml, 'listener', quay).keys()]).toEqual([]);
    expect(translation(yaml, quay).problems.map(({ code, source }) => `${code} ${source?.kind}`)).toContain('no-effect UDPRoute'); // prettier-ignore
  });
});

describe('a UDPRoute', () => {
  const good = ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs'];

  test.each<[string, string, readonly (readonly string[])[]]>([
    ['is accepted', route('own', names), [good]],
    ['has no Service for its parent: sidecars see no datagrams', route('own', names, ", {group: '', kind: Service, name: names}"), [good]], // prettier-ignore
    ['is let in by no listener for connections', route('own', names, ', {name: quay, sectionName: dns-tcp}'), [['Accepted False NotAllowedByListeners', good[1] ?? ''], good]], // prettier-ignore
    ['misses a backend', route('own', '{name: nobody, port: 53}'), [[good[0] ?? '', 'ResolvedRefs False BackendNotFound']]], // prettier-ignore
    ['must not use a backend', route('own', '{name: names, namespace: bank, port: 53}'), [[good[0] ?? '', 'ResolvedRefs False RefNotPermitted']]], // prettier-ignore
  ])('%s', (_what, yaml, expected) => {
    expect(parentsOf(harbor + yaml, 'own')).toEqual(expected);
  });
});

test('a deployed Service has a port for connections and one for datagrams of one number', () => {
  const ports = servicePorts([
    { name: 'Names', port: 53, protocol: 'UDP' },
    { name: 'Names.tcp', port: 53, protocol: 'TCP' },
    { name: 'again', port: 53, protocol: 'UDP' },
  ]);
  expect(ports.slice(1).map(({ name, port, protocol }) => [name, port, protocol])).toEqual([
    ['port-53', 53, 'UDP'],
    ['port-53-tcp', 53, 'TCP'],
  ]);
});
