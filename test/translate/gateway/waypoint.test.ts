// What is behind a waypoint, and what policies are told of what they are bound to.
import { describe, expect, test } from 'vitest';

import type { Asking } from '../../support/objects/translated.ts';
import { translated, translation } from '../../support/objects/translated.ts';

const gateway = (name: string, labels = '{}', routes = 'Same') => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: garden, labels: ${labels}}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE, allowedRoutes: {namespaces: {from: ${routes}}}}]
`;
const namespace = (name: string, labels: string) => `---
apiVersion: v1
kind: Namespace
metadata: {name: ${name}, labels: ${labels}}
`;
const service = (name: string, labels = '{}', home = 'garden', address = '10.1.0.1') => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${home}, labels: ${labels}}
spec: {clusterIP: ${address}, ports: [{name: http, port: 80}]}
`;
const pod = (name: string, labels = '{}') => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: garden, labels: ${labels}}
spec: {containers: [{name: app, image: x}]}
status: {podIP: 10.2.0.7}
`;
const way: Asking = {
  type: 'waypoint',
  name: 'way-1',
  metadata: { LABELS: { 'gateway.networking.k8s.io/gateway-name': 'way' } },
};

/** Hosts that the waypoint `way` has endpoints for. */
const behind = (...yaml: readonly string[]): readonly string[] =>
  [...translated(yaml.join(''), 'cluster', way).keys()]
    .filter((name) => name.startsWith('inbound-vip|'))
    .map((name) => name.split('|')[3]?.split('.').slice(0, 2).join('.') ?? '');

describe('services behind a waypoint', () => {
  const all = namespace('garden', '{istio.io/use-waypoint: way}');
  test.each<[string, readonly string[], readonly string[]]>([
    ['those of a namespace that uses it', [all, gateway('way'), service('pond')], ['pond.garden']],
    ['one that says so itself', [gateway('way'), service('pond', '{istio.io/use-waypoint: way}')], ['pond.garden']],
    ['none that wants none', [all, gateway('way'), service('pond', '{istio.io/use-waypoint: none}')], []],
    [
      'none that uses another one',
      [all, gateway('way'), gateway('b'), service('pond', '{istio.io/use-waypoint: b}')],
      [],
    ],
    ['no waypoint', [all, gateway('way'), service('way', '{gateway.istio.io/managed: istio.io-mesh-controller}')], []],
    ['none of one for workloads', [all, gateway('way', '{istio.io/waypoint-for: workload}'), service('pond')], []],
    ['those of one for all', [all, gateway('way', '{istio.io/waypoint-for: all}'), service('pond')], ['pond.garden']],
  ])('are %s', (_what, yaml, expected) => expect(behind(...yaml)).toEqual(expected));

  test('of other namespaces are there if the waypoint takes those', () => {
    const other = namespace('meadow', '{istio.io/use-waypoint: way, istio.io/use-waypoint-namespace: garden}');
    const yaml = [other, service('oak', '{}', 'meadow')];
    expect(behind(gateway('way'), ...yaml)).toEqual([]);
    expect(behind(gateway('way', '{}', 'All'), ...yaml)).toEqual(['oak.meadow']);
  });
});

test('workloads are led through a waypoint that is for them', () => {
  const yaml = (kind: string) =>
    gateway('way', `{istio.io/waypoint-for: ${kind}}`) + pod('pond-1', '{istio.io/use-waypoint: way}');
  const ranges = (text: string): unknown =>
    translated(text, 'listener', way).get('main_internal')?.filter_chain_matcher.matcher_tree.custom_match.typed_config
      .range_matchers[0].ranges;
  expect(ranges(yaml('workload'))).toEqual([{ address_prefix: '10.2.0.7', prefix_len: 32 }]);
  expect(ranges(yaml('service'))).toBeUndefined();
});

test('of a service is observed what is said of it, and of the others what is said of the waypoint', () => {
  const logged = (target: string) => `---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: logs, namespace: garden}
spec: {targetRefs: [${target}], accessLogging: [{providers: [{name: envoy}]}]}
`;
  const base = namespace('garden', '{istio.io/use-waypoint: way}') + gateway('way') + service('pond') + service('shed', '{}', 'garden', '10.1.0.2'); // prettier-ignore
  const loggedChains = (target: string): readonly string[] =>
    translated(base + logged(target), 'listener', way)
      .get('main_internal')
      ?.filter_chains.filter((chain: unknown) => JSON.stringify(chain).includes('/dev/stdout'))
      .map(({ name }: { readonly name: string }) => name.split('|').at(-1)?.split('.')[0]);
  expect(loggedChains('{group: "", kind: Service, name: pond}')).toEqual(['pond']);
  expect(loggedChains('{group: gateway.networking.k8s.io, kind: Gateway, name: way}')).toEqual(
    expect.arrayContaining(['pond', 'shed', 'direct-http']),
  );
  expect(loggedChains('{group: gateway.networking.k8s.io, kind: Gateway, name: other}')).toEqual([]);
});

describe('a policy is told what it is bound to', () => {
  const policy = (spec: string, home = 'garden') => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: ${home}}
spec: ${spec}
`;
  const base = namespace('garden', '{istio.io/use-waypoint: way}') + gateway('way') + service('pond');
  const conditions = (yaml: string): readonly string[] =>
    translation(base + service('shed', '{istio.io/use-waypoint: none}', 'garden', '10.1.0.2') + yaml, {
      features: { ambient: true },
    })
      .statuses()
      .filter(({ kind }) => kind === 'AuthorizationPolicy')
      .flatMap(({ status }) => status['conditions'] as readonly { type: string; status: string; reason: string }[])
      .map(({ type, status, reason }) => `${type} ${status} ${reason}`);
  const target = (kind: string, name: string, group = '') => `{group: '${group}', kind: ${kind}, name: ${name}}`;
  const api = 'gateway.networking.k8s.io';

  test.each([
    ['a service', `{targetRefs: [${target('Service', 'pond')}]}`, 'WaypointAccepted True Accepted'],
    [
      'one without a waypoint',
      `{targetRefs: [${target('Service', 'shed')}]}`,
      'WaypointAccepted False AncestorNotBound',
    ],
    ['none that is there', `{targetRefs: [${target('Service', 'oak')}]}`, 'WaypointAccepted False TargetNotFound'],
    ['the waypoint', `{targetRefs: [${target('Gateway', 'way', api)}]}`, 'WaypointAccepted True Accepted'],
    [
      'a class, not from here',
      `{targetRefs: [${target('GatewayClass', 'istio-waypoint', api)}]}`,
      'WaypointAccepted False Invalid',
    ],
    [
      'one of two',
      `{targetRefs: [${target('Service', 'pond')}, ${target('Service', 'oak')}]}`,
      'WaypointAccepted True PartiallyInvalid',
    ],
    ['connections', '{rules: [{from: [{source: {namespaces: [a]}}]}]}', 'ZtunnelAccepted True Accepted'],
    ['what needs HTTP', '{rules: [{to: [{operation: {methods: [GET]}}]}]}', 'ZtunnelAccepted True UnsupportedValue'],
    ['an audit', '{action: AUDIT, rules: [{}]}', 'ZtunnelAccepted False UnsupportedValue'],
  ])('%s', (_what, spec, expected) => expect(conditions(policy(spec))).toEqual([expected]));

  test('only in a mesh that has proxies of nodes', () => {
    const statuses = translation(base + policy('{}')).statuses();
    expect(statuses.filter(({ kind }) => kind === 'AuthorizationPolicy')).toEqual([]);
  });

  test('and its author, where it comes to nothing', () => {
    const problems = translation(base + policy(`{targetRefs: [${target('Service', 'oak')}]}`)).problems;
    expect(problems.map(({ code, source }) => `${code} ${source?.path}`)).toContain('no-effect spec.targetRefs[0]');
  });
});
