import { describe, expect, it } from 'vitest';

import type { Endpoint } from '../../src/model/mesh/mesh.ts';
import type { LocalityLoadBalancerSetting } from '../../src/model/schema/index.ts';
import { applyLocality, byLocality } from '../../src/translate/envoy/endpoint/locality.ts';
import { localityText, parseLocality } from '../../src/translate/resolve/kubernetes/workload.ts';

const endpoint = (locality: string, labels: Readonly<Record<string, string>> = {}): Endpoint => ({
  source: { kind: 'Pod', namespace: 'shop', name: locality },
  address: '10.0.0.1',
  port: 80,
  labels,
  serviceAccount: '',
  namespace: 'shop',
  workload: '',
  tlsMode: 'disabled',
  locality: parseLocality(locality),
  network: '',
  nodeName: '',
});

function priorities(
  places: readonly string[],
  setting: LocalityLoadBalancerSetting,
  from = 'eu/eu-1/a',
): Readonly<Record<string, number>> {
  const groups = applyLocality(
    byLocality(places.map((place) => endpoint(place))),
    { setting, failover: true, zoneAware: false },
    { locality: parseLocality(from), labels: {}, network: '', nodeName: '' },
  );
  return Object.fromEntries(groups.map((group) => [localityText(group.locality), group.priority]));
}

describe('failover between localities', () => {
  it('goes from the nearest outwards, without gaps', () => {
    expect(priorities(['eu/eu-1/a', 'eu/eu-1/b', 'eu/eu-2', 'us/us-1'], {})).toEqual({
      'eu/eu-1/a': 0,
      'eu/eu-1/b': 1,
      'eu/eu-2': 2,
      'us/us-1': 3,
    });
    expect(priorities(['eu/eu-2', 'us/us-1'], {})).toEqual({ 'eu/eu-2': 0, 'us/us-1': 1 });
  });

  it('prefers the region it is told to fail over to', () => {
    expect(priorities(['eu/eu-1', 'us/us-1', 'asia/a-1'], { failover: [{ from: 'eu', to: 'asia' }] })).toEqual({
      'eu/eu-1': 0,
      'asia/a-1': 1,
      'us/us-1': 2,
    });
  });

  it('by labels puts first what agrees longest', () => {
    const groups = applyLocality(
      byLocality([
        endpoint('eu', { tier: 'a', rack: '1' }),
        endpoint('eu', { tier: 'a', rack: '2' }),
        endpoint('eu', { tier: 'b', rack: '1' }),
      ]),
      { setting: { failoverPriority: ['tier', 'rack'] }, failover: true, zoneAware: false },
      { locality: parseLocality('eu'), labels: { tier: 'a', rack: '1' }, network: '', nodeName: '' },
    );
    expect(groups.map((group) => [group.endpoints[0]?.labels, group.priority])).toEqual([
      [{ tier: 'a', rack: '1' }, 0],
      [{ tier: 'a', rack: '2' }, 1],
      [{ tier: 'b', rack: '1' }, 2],
    ]);
  });
});

describe('shares between localities', () => {
  const share = (to: Readonly<Record<string, number>>, places: readonly string[]): readonly unknown[] =>
    applyLocality(
      byLocality(places.map((place) => endpoint(place))),
      { setting: { distribute: [{ from: 'eu/*', to }] }, failover: false, zoneAware: false },
      { locality: parseLocality('eu/eu-1'), labels: {}, network: '', nodeName: '' },
    ).map((group) => [localityText(group.locality), group.weight, group.endpoints.length]);

  it('are split among the localities that a pattern covers', () => {
    expect(share({ 'eu/*': 80, us: 20 }, ['eu/eu-1', 'eu/eu-2', 'us/us-1'])).toEqual([
      ['eu/eu-1', 40, 1],
      ['eu/eu-2', 40, 1],
      ['us/us-1', 20, 1],
    ]);
  });

  it('leave localities that nobody named without endpoints', () => {
    expect(share({ eu: 100 }, ['eu/eu-1', 'us/us-1'])).toEqual([
      ['eu/eu-1', 100, 1],
      ['us/us-1', 1, 0],
    ]);
  });
});

describe('balancing by zone', () => {
  const groups = (setting: LocalityLoadBalancerSetting, places: readonly string[]) =>
    applyLocality(
      byLocality(places.map((place) => endpoint(place))),
      { setting, failover: true, zoneAware: true },
      { locality: parseLocality('eu/eu-1/a'), labels: {}, network: '', nodeName: '' },
    ).map((group) => [localityText(group.locality), group.priority]);

  it('leaves a whole region at one priority and keeps the order of the others', () => {
    expect(groups({ failover: [{ from: 'eu', to: 'us' }] }, ['eu/eu-1/a', 'eu/eu-2', 'us/us-1', 'asia/a-1'])).toEqual([
      ['asia/a-1', 2],
      ['eu/eu-1/a', 0],
      ['eu/eu-2', 0],
      ['us/us-1', 1],
    ]);
  });
});
