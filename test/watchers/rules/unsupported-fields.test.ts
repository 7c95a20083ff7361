// Fields that have no effect are named, each with what happens instead.
import { describe, expect, test } from 'vitest';

import { parse } from '../../../src/watchers/parse.ts';
import { objectOf, specVerdict, verdict } from './checking.ts';

describe('a field without an effect is warned about', () => {
  test('in a list of lists', () => {
    const route = [{ destination: { host: 'till' } }];
    const tcp = [
      { match: [{ port: 81 }], route },
      { match: [{ port: 80 }, { sourceSubnet: '10.0.0.0/8' }], route },
    ];
    expect(specVerdict('VirtualService', { hosts: ['till'], tcp })).toEqual([
      'warning unsupported-field spec.tcp[1].match[1].sourceSubnet',
    ]);
  });

  test('in the policy of a subset', () => {
    const trafficPolicy = { outlierDetection: { outlierDetectionHttpErrorCodes: [418] } };
    expect(specVerdict('DestinationRule', { host: 'till', subsets: [{ name: 'v1', trafficPolicy }] })).toEqual([
      'warning unsupported-field spec.subsets[0].trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes',
    ]);
  });

  test('only for the values that are not followed', () => {
    const service = (sessionAffinity: string) => ({
      ...objectOf('Service', { sessionAffinity, ports: [{ port: 80 }] }),
    });
    expect(verdict(service('ClientIP'))).toEqual(['warning unsupported-field spec.sessionAffinity']);
    expect(verdict(service('None'))).toEqual([]);
  });

  test('inside the settings of the mesh', () => {
    const config = (mesh: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh },
    });
    const { problems } = parse(config('outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}'));
    expect(problems.map(({ code, source, message }) => [code, source?.path, message.split(' ')[0]])).toEqual([
      ['unsupported-field', 'data.mesh', 'outboundTrafficPolicy.mode'],
    ]);
    expect(parse(config('outboundTrafficPolicy: {mode: ALLOW_ANY}')).problems).toEqual([]);
    expect(parse(config('verifyCertificateAtClient: false')).problems).toEqual([]);
  });

  test('not in an object that is refused anyway', () => {
    expect(specVerdict('WorkloadGroup', { template: { ports: { http: 80 } }, probe: {} })).toEqual([
      'error required-field spec.probe',
    ]);
  });
});
