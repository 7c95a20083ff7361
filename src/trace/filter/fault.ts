// Faults that a route asks for, and answers to browsers that ask first.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/fault_filter
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/cors_filter
import type { MessageOf } from '../../xds/generated/messages.ts';
import { matchesHeader, matchesString } from '../match/string-match.ts';
import { isPreflight } from './authentication.ts';
import type { Filter, Possibility } from './filter.ts';
import { ends, goesOn, share } from './filter.ts';

type Fault = MessageOf['envoy.extensions.filters.http.fault.v3.HTTPFault'];
type CorsPolicy = MessageOf['envoy.extensions.filters.http.cors.v3.CorsPolicy'];

export const fault: Filter = (config, filterPlace, { ofRoute, http }) => {
  const own = ofRoute('envoy.filters.http.fault');
  const { delay, abort, headers = [] } = (own?.config ?? config) as Fault;
  const place = own?.place ?? filterPlace;
  if (http === undefined || headers.some((header) => matchesHeader(header, http) === false)) return goesOn();
  const delays = chance(delay === undefined ? 0 : share(delay.percentage), {
    flags: 'DI',
    steps: [place.below('delay').step('fault', `is delayed by ${delay?.fixed_delay}`)],
  });
  const status = abort?.http_status ?? 503;
  const aborts = chance(abort === undefined ? 0 : share(abort.percentage), {
    ending: { kind: 'response', status, flags: 'FI', details: 'fault_filter_abort' },
    steps: [place.below('abort').step('fault', `is aborted with ${status}`)],
  });
  return delays.flatMap((late) =>
    aborts.map((aborted) => ({
      ...late,
      ...aborted,
      probability: late.probability * aborted.probability,
      steps: [...late.steps, ...aborted.steps],
    })),
  );
};

function chance(probability: number, happening: Omit<Possibility, 'probability'>): readonly Possibility[] {
  if (probability === 0) return goesOn();
  if (probability === 1) return [{ ...happening, probability }];
  return [
    { ...happening, probability },
    { probability: 1 - probability, steps: [] },
  ];
}

export const cors: Filter = (_config, _place, { ofRoute, http }) => {
  const own = ofRoute('envoy.filters.http.cors');
  if (own === undefined || http === undefined || !isPreflight(http.method, http.headers)) return goesOn();
  const policy = own.config as CorsPolicy;
  const origin = http.headers['origin'] ?? '';
  const allowed = (policy.allow_origin_string_match ?? []).some((matcher) => matchesString(matcher, origin) === true);
  if (!allowed)
    return goesOn(own.place.step('extension', `the origin ${origin} is not among those of the CORS policy`));
  const step = own.place.step('extension', `the preflight of ${origin} is answered`);
  return ends({ kind: 'response', status: 200, flags: '', details: 'cors_response' }, step);
};
