import { describe, expect, test } from 'vitest';

import type { HTTPRoute } from '../../../src/model/schema/index.ts';
import { routeOf, toOven } from '../../support/objects/make-routes.ts';

describe('mirrors, faults, origins', () => {
  const mirrors = (route: HTTPRoute) =>
    routeOf({ ...route, ...toOven }).route?.request_mirror_policies?.map((one) => [
      one.cluster,
      one.runtime_fraction?.default_value,
    ]);
  const shopCluster = 'outbound|9000||shop.bakery.svc.cluster.local';
  const mirror = { host: 'shop', port: { number: 9000 } };

  test.each([
    { share: {}, expected: { numerator: 100 } },
    { share: { mirrorPercent: 7 }, expected: { numerator: 7 } },
    { share: { mirrorPercentage: { value: 0.57 } }, expected: { numerator: 5700, denominator: 'MILLION' } },
  ])('a mirror with $share', ({ share, expected }) => {
    expect(mirrors({ mirror, ...share })).toEqual([[shopCluster, expected]]);
  });

  test('a share of nothing is no mirror; several follow the first', () => {
    expect(mirrors({ mirror, mirrorPercentage: { value: 0 } })).toBeUndefined();
    expect(mirrors({ mirror, mirrorPercent: 0, mirrors: [{ destination: mirror, percentage: {} }] })).toBeUndefined();
    expect(mirrors({ mirror: { host: 'oven' }, mirrors: [{ destination: mirror }] })).toEqual([
      ['outbound|80||oven.bakery.svc.cluster.local', { numerator: 100 }],
      [shopCluster, { numerator: 100 }],
    ]);
  });

  const filter = (route: HTTPRoute, name: string) => routeOf({ ...route, ...toOven }).typed_per_filter_config?.[name];
  const fault = (fault: NonNullable<HTTPRoute['fault']>) => {
    const { '@type': type, ...rest } = filter({ fault }, 'envoy.filters.http.fault')!;
    expect(type).toMatch(/fault\.v3\.HTTPFault$/);
    return rest;
  };

  test('faults', () => {
    expect(fault({ delay: { fixedDelay: '2s', percentage: { value: 5 } }, abort: { httpStatus: 503, percentage: { value: 0.1 } } })).toEqual({
      delay: { fixed_delay: '2s', percentage: { numerator: 50_000, denominator: 'MILLION' } },
      abort: { http_status: 503, percentage: { numerator: 1000, denominator: 'MILLION' } },
    }); // prettier-ignore
    expect(fault({ delay: { fixedDelay: '2s' }, abort: { grpcStatus: 'UNAVAILABLE' } })).toEqual({
      delay: { fixed_delay: '2s', percentage: {} },
      abort: { grpc_status: 14 },
    });
    expect(fault({ delay: { fixedDelay: '2s', percent: 10 }, abort: { grpcStatus: 'NO_SUCH_STATUS' } })).toEqual({
      delay: { fixed_delay: '2s', percentage: { numerator: 10 } },
    });
  });

  test('other origins', () => {
    const corsPolicy = {
      allowOrigins: [{ exact: 'https://a.example' }, { regex: 'https://.*' }],
      allowMethods: ['GET', 'POST'],
      allowHeaders: ['x'],
      exposeHeaders: ['y', 'z'],
      maxAge: '1h30m',
      allowCredentials: true,
    };
    const common = { '@type': expect.stringMatching(/cors/), filter_enabled: { default_value: { numerator: 100 } } };
    expect(filter({ corsPolicy }, 'envoy.filters.http.cors')).toEqual({
      ...common,
      allow_origin_string_match: [{ exact: 'https://a.example' }, { safe_regex: { regex: 'https://.*' } }],
      allow_methods: 'GET,POST',
      allow_headers: 'x',
      expose_headers: 'y,z',
      max_age: '5400',
      allow_credentials: true,
      forward_not_matching_preflights: true,
    });
    const legacy = { allowOrigin: ['*'], unmatchedPreflights: 'IGNORE' as const };
    expect(filter({ corsPolicy: legacy }, 'envoy.filters.http.cors')).toEqual({
      ...common,
      allow_origin_string_match: [{ exact: '*' }],
      forward_not_matching_preflights: false,
    });
  });
});
