// Statuses of Gateway API's objects, and that each is made anew only when it says something else.
import { describe, expect, test } from 'vitest';

import type { Condition, ObjectStatus } from '../../../src/model/status.ts';
import { translate } from '../../../src/translate/translate.ts';
import { objectsOf } from '../../support/objects/snapshot.ts';
import { Store } from '../../../src/watchers/store.ts';
import { translation } from '../../support/objects/translated.ts';

const gateway = (listeners: string, spec = '', generation = 1): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: quay, namespace: harbor, generation: ${generation}}
spec: {gatewayClassName: istio, listeners: [${listeners}]${spec}}
`;
const web = '{name: web, port: 80, protocol: HTTP}';
const route = (spec: string, name = 'cargo', namespace = 'harbor'): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}}
`;
const service = (name: string, status = '{}', type = 'ClusterIP'): string => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: harbor}
spec: {type: ${type}, clusterIP: 10.1.0.1, ports: [{name: http, port: 80}]}
status: ${status}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-1, namespace: harbor, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
endpoints: [{addresses: [10.2.0.9]}]
ports: [{name: http, port: 80}]
`;

const statusOf = (yaml: string, kind: string, name: string): ObjectStatus['status'] => {
  const found = translation(yaml)
    .statuses()
    .find((one) => one.kind === kind && one.name === name);
  if (found === undefined) throw new Error(`${kind} ${name} has no status`);
  return found.status;
};
const told = (conditions: unknown): readonly string[] =>
  (conditions as readonly Condition[]).map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const listenersOf = (yaml: string) =>
  statusOf(yaml, 'Gateway', 'quay')['listeners'] as readonly { readonly name: string; readonly attachedRoutes: number; readonly conditions: unknown }[]; // prettier-ignore
const parentsOf = (yaml: string) =>
  (statusOf(yaml, 'HTTPRoute', 'cargo')['parents'] as readonly { readonly conditions: unknown }[]).map((parent) =>
    told(parent.conditions),
  );
const good = ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs'];

describe('a Gateway', () => {
  const front = service('quay-istio', '{loadBalancer: {ingress: [{ip: 203.0.113.1}]}}', 'LoadBalancer');

  test.each<[string, string, readonly string[], readonly object[] | undefined]>([
    ['is programmed when its Service is reached', front, ['Programmed True Programmed'], [{ type: 'IPAddress', value: '203.0.113.1' }]], // prettier-ignore
    ['waits for an address', service('quay-istio', '{}', 'LoadBalancer'), ['Programmed False AddressNotAssigned'], undefined], // prettier-ignore
    ['is reached by name within the cluster', service('quay-istio'), ['Programmed True Programmed'], [{ type: 'Hostname', value: 'quay-istio.harbor.svc.cluster.local' }]], // prettier-ignore
    ['misses its Service', '', ['Programmed False AddressNotUsable'], undefined],
  ])('%s', (_what, more, expected, addresses) => {
    const status = statusOf(gateway(web) + more, 'Gateway', 'quay');
    expect(told(status['conditions'])).toEqual(expect.arrayContaining([...expected, 'Accepted True Accepted']));
    expect(status['addresses']).toEqual(addresses);
  });

  test.each<[string, string, string]>([
    ['accepted with some listeners that are not', `${web}, {name: udp, port: 53, protocol: UDP}`, 'Accepted True ListenersNotValid'], // prettier-ignore
    ['not accepted with none that is', '{name: udp, port: 53, protocol: UDP}', 'Accepted False ListenersNotValid'],
  ])('is %s', (_what, listeners, expected) => {
    expect(told(statusOf(gateway(listeners), 'Gateway', 'quay')['conditions'])).toContain(expected);
  });

  test('says which generation it speaks of, everywhere', () => {
    const { conditions, listeners } = statusOf(gateway(web, '', 7), 'Gateway', 'quay') as {
      conditions: readonly Condition[];
      listeners: readonly { conditions: readonly Condition[] }[];
    };
    for (const { observedGeneration } of [...conditions, ...listeners.flatMap((listener) => listener.conditions)])
      expect(observedGeneration).toBe(7);
  });
});

describe('a listener', () => {
  test.each<[string, string, readonly string[]]>([
    ['that repeats a host of its port', `${web}, {name: again, port: 80, protocol: HTTP}`, ['Accepted False HostnameConflict', 'Conflicted True HostnameConflict']], // prettier-ignore
    ['of another protocol on a port', `${web}, {name: again, port: 80, protocol: TCP}`, ['Conflicted True ProtocolConflict']], // prettier-ignore
    ['without a certificate', '{name: again, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: no}]}}', ['Programmed False Invalid', 'ResolvedRefs False InvalidCertificateRef', 'Accepted True Accepted']], // prettier-ignore
    ['with a certificate that it must not use', '{name: again, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: no, namespace: bank}]}}', ['ResolvedRefs False RefNotPermitted']], // prettier-ignore
    ['for kinds of routes that it cannot take', '{name: again, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}, {kind: HTTPRoute}]}}', ['ResolvedRefs False InvalidRouteKinds', 'Accepted True Accepted']], // prettier-ignore
  ])('%s is told so', (_what, listeners, expected) => {
    const listener = listenersOf(gateway(listeners)).find(({ name }) => name === 'again');
    expect(told(listener?.conditions)).toEqual(expect.arrayContaining([...expected]));
  });

  test('counts the routes that it took', () => {
    const parents = 'parentRefs: [{name: quay}, {name: quay, sectionName: nowhere}]';
    expect(listenersOf(gateway(web) + route(parents) + route(parents, 'other'))[0]?.attachedRoutes).toBe(2);
  });
});

describe('a route', () => {
  const to = (backend: string): string => `parentRefs: [{name: quay}], rules: [{backendRefs: [${backend}]}]`;

  test.each<[string, string, readonly (readonly string[])[]]>([
    ['is accepted', route(to('{name: crane, port: 80}')) + service('crane'), [good]],
    ['misses a backend', route(to('{name: crane, port: 80}')), [[good[0] ?? '', 'ResolvedRefs False BackendNotFound']]],
    ['has a backend of an unknown kind', route(to('{name: crane, kind: Ship, group: a.b, port: 80}')), [[good[0] ?? '', 'ResolvedRefs False InvalidKind']]], // prettier-ignore
    ['must not use a backend', route(to('{name: crane, namespace: bank, port: 80}')), [[good[0] ?? '', 'ResolvedRefs False RefNotPermitted']]], // prettier-ignore
    ['names no listener', route('parentRefs: [{name: quay, port: 81}]'), [['Accepted False NoMatchingParent', good[1] ?? '']]], // prettier-ignore
    ['is for other hosts', route('parentRefs: [{name: quay, sectionName: named}], hostnames: [c.d]'), [['Accepted False NoMatchingListenerHostname', good[1] ?? '']]], // prettier-ignore
    ['is of a namespace that is not let in', route('parentRefs: [{name: quay, namespace: harbor}]', 'cargo', 'bank'), [['Accepted False NotAllowedByListeners', good[1] ?? '']]], // prettier-ignore
    ['has a Service for its parent that is not there', route("parentRefs: [{group: '', kind: Service, name: crane}]"), [['Accepted False NoMatchingParent', good[1] ?? '']]], // prettier-ignore
    ["is somebody else's", route('parentRefs: [{name: other}]'), []],
  ])('%s', (_what, yaml, expected) => {
    const named = '{name: named, port: 80, protocol: HTTP, hostname: a.b}';
    expect(parentsOf(gateway(`{name: web, port: 80, protocol: HTTP}, ${named}`) + yaml)).toEqual(expected);
  });

  test('may use a backend of another namespace that grants it', () => {
    const grant = `---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: ships, namespace: bank}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: harbor}]
  to: [{group: '', kind: Service, name: crane}]
`;
    const crane = service('crane').replaceAll('namespace: harbor', 'namespace: bank');
    const yaml = gateway(web) + route(to('{name: crane, namespace: bank, port: 80}')) + crane;
    expect(parentsOf(yaml + grant)).toEqual([good]);
    expect(parentsOf(yaml + grant.replace('name: crane}', 'name: other}'))[0]?.[1]).toMatch(/RefNotPermitted/);
  });
});

describe('after a change', () => {
  const yaml = gateway(web) + route('parentRefs: [{name: quay}]') + route('parentRefs: [{name: quay}]', 'other') + service('quay-istio'); // prettier-ignore

  test('statuses that say the same are the same', () => {
    const store = new Store();
    const before = translate(store.apply('a', objectsOf(yaml))).statuses();
    const changed = yaml.replace('name: cargo, namespace: harbor}', 'name: cargo, namespace: harbor, generation: 2}');
    const after = translate(store.apply('a', objectsOf(changed))).statuses();
    const same = after.filter((status) => before.includes(status)).map(({ kind, name }) => `${kind} ${name}`);
    expect(same).toEqual(['Gateway quay', 'HTTPRoute other']);
    expect(after.map(({ name }) => name)).toContain('cargo');
  });
});
