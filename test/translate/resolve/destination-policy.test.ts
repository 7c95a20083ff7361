import { describe, expect, it } from 'vitest';

import type { DestinationPolicy, Service } from '../../../src/model/mesh/mesh.ts';
import {
  destinationPolicies,
  indexPolicies,
  policyFor,
} from '../../../src/translate/resolve/routing/destination-policy.ts';
import { effectivePolicy } from '../../../src/translate/envoy/cluster/traffic-policy.ts';
import { defaultInstallation, meshSettings } from '../../../src/translate/resolve/settings/mesh-settings.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';

const settings = meshSettings(defaultInstallation, {});

const rule = (namespace: string, name: string, spec: string, created = '2026-01-01T00:00:00Z'): string => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: '${created}'}
spec: ${spec}
`;

const policiesOf = (...yaml: readonly string[]): readonly DestinationPolicy[] =>
  destinationPolicies([...snapshotOf(yaml.join('')).objects.DestinationRule.values()], settings);

const store = { hostname: 'store.shop.svc.cluster.local', namespace: 'shop' } as Service;

function chosen(
  policies: readonly DestinationPolicy[],
  namespace: string,
  labels: Readonly<Record<string, string>> = {},
): string | undefined {
  return policyFor(indexPolicies(policies), store, namespace, labels, 'istio-system')?.sources[0]?.name;
}

describe('which DestinationRule is in force', () => {
  const own = rule('web', 'own', '{host: store.shop.svc.cluster.local}');
  const service = rule('shop', 'service', '{host: store}');
  const root = rule('istio-system', 'root', '{host: "*.shop.svc.cluster.local"}');

  it("is the caller's, then the service's, then the root namespace's", () => {
    expect(chosen(policiesOf(own, service, root), 'web')).toBe('own');
    expect(chosen(policiesOf(service, root), 'web')).toBe('service');
    expect(chosen(policiesOf(root), 'web')).toBe('root');
    expect(chosen([], 'web')).toBeUndefined();
  });

  it('respects exportTo', () => {
    expect(chosen(policiesOf(rule('shop', 'private', '{host: store, exportTo: ["."]}'), root), 'web')).toBe('root');
    expect(chosen(policiesOf(rule('shop', 'private', '{host: store, exportTo: ["."]}'), root), 'shop')).toBe('private');
  });

  it('prefers an exact host, then the longest wildcard', () => {
    const short = rule('shop', 'short', '{host: "*.local"}');
    const long = rule('shop', 'long', '{host: "*.shop.svc.cluster.local"}');
    expect(chosen(policiesOf(short, long), 'web')).toBe('long');
    expect(chosen(policiesOf(short, long, service), 'web')).toBe('service');
  });

  it('prefers one that selects the caller, and ignores those that select others', () => {
    const selecting = rule(
      'web',
      'selecting',
      '{host: store.shop.svc.cluster.local, workloadSelector: {matchLabels: {app: web}}}',
    );
    expect(chosen(policiesOf(own, selecting), 'web', { app: 'web' })).toBe('selecting');
    expect(chosen(policiesOf(own, selecting), 'web', { app: 'other' })).toBe('own');
  });
});

describe('several DestinationRules for one host', () => {
  it('unite their subsets, the oldest deciding', () => {
    const [policy, ...others] = policiesOf(
      rule(
        'shop',
        'young',
        '{host: store, trafficPolicy: {tls: {mode: DISABLE}}, subsets: [{name: v1, labels: {a: young}}, {name: v2, labels: {a: b}}]}',
        '2026-02-01T00:00:00Z',
      ),
      rule(
        'shop',
        'old',
        '{host: store.shop.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, subsets: [{name: v1, labels: {a: old}}]}',
      ),
    );
    expect(others).toEqual([]);
    expect(policy?.trafficPolicy?.tls?.mode).toBe('ISTIO_MUTUAL');
    expect(policy?.subsets.map(({ name, labels }) => [name, labels])).toEqual([
      ['v1', { a: 'old' }],
      ['v2', { a: 'b' }],
    ]);
  });

  it('stay apart when they are exported to different namespaces', () => {
    expect(
      policiesOf(rule('shop', 'a', '{host: store, exportTo: ["."]}'), rule('shop', 'b', '{host: store}')),
    ).toHaveLength(2);
  });
});

describe('the traffic policy of a port and subset', () => {
  const [policy] = policiesOf(
    rule(
      'shop',
      'store',
      `{host: store, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}, outlierDetection: {interval: 1s},
        portLevelSettings: [{port: {number: 80}, connectionPool: {tcp: {maxConnections: 2}}}]},
        subsets: [{name: v1, labels: {a: b}, trafficPolicy: {outlierDetection: {interval: 5s}}}]}`,
    ),
  );

  it("is the host's where nothing narrower is set", () => {
    expect(effectivePolicy(policy, 9000, undefined).connectionPool?.value.tcp?.maxConnections).toBe(1);
  });

  it('at a port of its own replaces all blocks: nothing is inherited', () => {
    const atPort = effectivePolicy(policy, 80, undefined);
    expect(atPort.connectionPool?.value.tcp?.maxConnections).toBe(2);
    expect(atPort.outlierDetection).toBeUndefined();
    expect(atPort.connectionPool?.source.path).toBe('spec.trafficPolicy.portLevelSettings[0].connectionPool');
  });

  it('of a subset replaces the blocks it sets', () => {
    const subset = effectivePolicy(policy, 9000, policy?.subsets[0]);
    expect(subset.outlierDetection?.value.interval).toBe('5s');
    expect(subset.connectionPool?.value.tcp?.maxConnections).toBe(1);
  });
});
