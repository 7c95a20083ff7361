// Which other origins may use a route from a browser.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy
import type { CorsPolicy } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { nanoseconds } from '../../duration.ts';
import { hundredths } from './fractional-percent.ts';
import { stringMatcher } from './string-matcher.ts';

export type HttpCors = MessageOf['envoy.extensions.filters.http.cors.v3.CorsPolicy'];

export function httpCors(policy: CorsPolicy): HttpCors {
  const origins = policy.allowOrigins ?? (policy.allowOrigin ?? []).map((exact) => ({ exact }));
  return {
    allow_origin_string_match: origins.flatMap((origin) => stringMatcher(origin) ?? []),
    ...joined('allow_methods', policy.allowMethods),
    ...joined('allow_headers', policy.allowHeaders),
    ...joined('expose_headers', policy.exposeHeaders),
    ...(policy.maxAge !== undefined && { max_age: String(Math.floor(nanoseconds(policy.maxAge) / 1e9)) }),
    ...(policy.allowCredentials !== undefined && { allow_credentials: policy.allowCredentials }),
    filter_enabled: { default_value: hundredths(100) },
    // A preflight from another origin goes on to the server unless the user wants it to end here.
    forward_not_matching_preflights: policy.unmatchedPreflights !== 'IGNORE',
  };
}

const joined = (field: 'allow_methods' | 'allow_headers' | 'expose_headers', values: readonly string[] = []) =>
  values.length === 0 ? {} : { [field]: values.join(',') };
