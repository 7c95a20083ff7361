// Rules of HTTPRoutes and GRPCRoutes as routes of a VirtualService: one for each match, since each has its own precedence.
// https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
import { nanoseconds } from '../../../../duration.ts';
import type {
  gatewayApi,
  HTTPMatchRequest,
  HTTPRetry,
  HTTPRoute,
  HTTPRouteDestination,
  KindMap,
} from '../../../../../model/schema/index.ts';
import { at } from '../../../../../model/source.ts';
import type { SourcedRoute } from '../../../../../model/mesh/virtual-service.ts';
import type { Fault } from '../../status/conditions.ts';
import { backendHeaders, filtered, type BackendOf } from './filters.ts';
import { authorizerOf } from './external-auth.ts';
import { grpcMatch, httpMatch, regexLiteral } from './matches.ts';
import { persistentSession } from './session.ts';

/** Routes, and what is wrong with references in them. Without any the whole object is out of service. */
export interface ConvertedRules<R> {
  readonly routes: readonly SourcedRoute<R>[];
  readonly fault?: Fault;
}

/** What rules of both kinds have. */
interface Rule {
  readonly name?: string;
  readonly filters?: readonly gatewayApi.HTTPRouteFilter[];
  readonly backendRefs?: readonly (gatewayApi.BackendRef & {
    readonly filters?: readonly gatewayApi.HTTPRouteFilter[];
  })[];
  readonly sessionPersistence?: gatewayApi.SessionPersistence;
}

/** `authorizes`: whether others can be asked about requests. */
export const httpRules = (
  object: KindMap['HTTPRoute'],
  backendOf: BackendOf,
  authorizes: boolean,
): ConvertedRules<HTTPRoute> =>
  convert(
    object,
    object.spec.rules.map((rule) => ({ rule, matches: rule.matches.map(httpMatch), more: timing(rule) })),
    backendOf,
    authorizes,
  );

export const grpcRules = (object: KindMap['GRPCRoute'], backendOf: BackendOf): ConvertedRules<HTTPRoute> =>
  convert(
    object,
    (object.spec.rules ?? []).map((rule) => ({ rule, matches: (rule.matches ?? []).map(grpcMatch), more: {} })),
    backendOf,
    false,
  );

interface Convertible {
  readonly rule: Rule;
  readonly matches: readonly HTTPMatchRequest[];
  readonly more: Pick<HTTPRoute, 'timeout' | 'retries'>;
}

function convert(
  { source, metadata }: KindMap['HTTPRoute'] | KindMap['GRPCRoute'],
  rules: readonly Convertible[],
  backendOf: BackendOf,
  authorizes: boolean,
): ConvertedRules<HTTPRoute> {
  const routes: SourcedRoute<HTTPRoute>[] = [];
  let fault: Fault | undefined;
  for (const [i, { rule, matches, more }] of rules.entries()) {
    const place = at(source, `spec.rules[${i}]`);
    const filters = filtered(rule.filters, backendOf, authorizes);
    if (filters.broken !== undefined) return { routes: [], fault: filters.broken };
    const asked = authorizerOf(rule.filters, backendOf, `${metadata.namespace}.${metadata.name}.${i}`, place);
    if ('broken' in asked) return { routes: [], fault: asked.broken };
    const refused = 'refused' in asked ? asked.refused : undefined;
    const backends: Destinations =
      refused === undefined
        ? destinations(rule, filters.route.redirect !== undefined, backendOf)
        : { route: answered, fields: {}, fault: refused };
    if (backends.broken !== undefined) return { routes: [], fault: backends.broken };
    fault = joined(backends.fault, filters.fault) ?? fault;
    const route: HTTPRoute = {
      name: rule.name ?? `${metadata.namespace}.${metadata.name}.${i}`,
      ...(refused === undefined && filters.route),
      ...backends.route,
      ...more,
    };
    const fields = {
      ...filters.fields,
      timeout: 'timeouts',
      retries: 'retry',
      session: 'sessionPersistence',
      ...backends.fields,
    };
    const bound = {
      ...sessionOf(rule, `session.${metadata.namespace}.${metadata.name}.${i}`),
      ...('authorizer' in asked && asked),
    };
    if (matches.length === 0) routes.push({ source: place, route, fields, ...bound });
    for (const [j, match] of matches.entries())
      routes.push({
        source: place,
        route: { ...withStrippedPrefix(route, match), match: [match] },
        fields: { ...fields, 'match[0]': `matches[${j}]` },
        ...bound,
      });
  }
  return { routes, ...(fault !== undefined && { fault }) };
}

const sessionOf = ({ sessionPersistence: asked }: Rule, fallback: string): Pick<SourcedRoute<HTTPRoute>, 'session'> =>
  asked === undefined ? {} : { session: persistentSession(asked, fallback) };

/** A prefix replaced by nothing leaves the rest of the path with one slash before it. */
function withStrippedPrefix(route: HTTPRoute, { uri }: HTTPMatchRequest): HTTPRoute {
  if (route.rewrite?.uri !== '/') return route;
  const { uri: _replaced, ...rewrite } = route.rewrite;
  const prefix = regexLiteral((uri?.prefix ?? '').replace(/\/$/, ''));
  return { ...route, rewrite: { ...rewrite, uriRegexRewrite: { match: `^${prefix}(/?)(.*)`, rewrite: '/\\2' } } };
}

const joined = (a: Fault | undefined, b: Fault | undefined): Fault | undefined =>
  a === undefined || b === undefined ? (a ?? b) : { reason: a.reason, message: `${a.message}; ${b.message}` };

interface Destinations {
  readonly route: Pick<HTTPRoute, 'route' | 'directResponse'>;
  readonly fields: Readonly<Record<string, string>>;
  readonly fault?: Fault;
  readonly broken?: Fault;
}

const answered = { directResponse: { status: 500 } };

/** Those with a share of the requests; where there are none, requests are answered with 500. */
function destinations({ backendRefs = [] }: Rule, redirected: boolean, backendOf: BackendOf): Destinations {
  const used = backendRefs.flatMap((reference, i) => (reference.weight > 0 ? [{ reference, i }] : []));
  if (used.length === 0) return { route: redirected ? {} : answered, fields: {} };
  const route: HTTPRouteDestination[] = [];
  const fields: Record<string, string> = { route: 'backendRefs' };
  let fault: Fault | undefined;
  for (const [place, { reference, i }] of used.entries()) {
    const found = backendOf(reference);
    const headers = backendHeaders(reference.filters);
    if (headers === undefined)
      return {
        route: {},
        fields,
        broken: { reason: 'InvalidFilter', message: 'Filters of a backend change headers only' },
      };
    if (found.broken === true && found.fault !== undefined) return { route: {}, fields, broken: found.fault };
    fault = found.fault ?? fault;
    route.push({
      destination: found.destination,
      ...(used.length > 1 && { weight: reference.weight }),
      ...(Object.keys(headers).length > 0 && { headers }),
    });
    for (const part of ['', '.destination', '.headers']) fields[`route[${place}]${part}`] = `backendRefs[${i}]`;
  }
  return { route: { route }, fields, ...(fault !== undefined && { fault }) };
}

/** A timeout of 0 is none. One for a single attempt is one for the request where nothing is tried again. */
function timing({ timeouts, retry }: gatewayApi.HTTPRouteRule): Pick<HTTPRoute, 'timeout' | 'retries'> {
  const request = positive(timeouts?.request);
  const attempt = positive(timeouts?.backendRequest);
  if (retry === undefined) {
    const timeout = attempt ?? request;
    return timeout === undefined ? {} : { timeout };
  }
  const { attempts = 2, codes = [], backoff } = retry;
  const retries: HTTPRetry = {
    attempts,
    retryOn: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', ...codes].join(','),
    ...(attempt !== undefined && { perTryTimeout: attempt }),
    ...(positive(backoff) !== undefined && { backoff: backoff ?? '' }),
  };
  return { retries, ...(request !== undefined && { timeout: request }) };
}

const positive = (text: string | undefined): string | undefined =>
  text === undefined || nanoseconds(text) === 0 ? undefined : text;
