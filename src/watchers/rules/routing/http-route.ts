// An HTTP route of a VirtualService: which actions exclude each other, and what each of them takes.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
import type { Headers, HTTPRedirect, HTTPRetry, HTTPRewrite, HTTPRoute } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { conflict, deprecated, doubtful, invalid, missing } from '../../draft.ts';
import { atMostOne, checkDuration, checkPercent, checkPort } from '../common.ts';
import { checkDestination, checkWeights } from './destination.ts';
import { checkCors, checkFault, isHttpStatus } from './http-filters.ts';
import { checkHttpMatch } from './http-match.ts';
import { headerValueFault, isAuthority, isInternal } from '../syntax/header.ts';
import { regexFault } from '../syntax/regex.ts';

export function* checkHttpRoute(route: HTTPRoute, path: FieldPath, inDelegate: boolean): Drafts {
  yield* checkActions(route, path, inDelegate);
  for (const [index, match] of (route.match ?? []).entries()) yield* checkHttpMatch(match, [...path, 'match', index]);
  yield* checkHeaders(route.headers, [...path, 'headers']);
  yield* checkAuthority(route, path);
  yield* checkCors(route.corsPolicy, [...path, 'corsPolicy']);
  yield* checkFault(route.fault, [...path, 'fault']);
  yield* checkMirrors(route, path);
  if (route.redirect) yield* checkRedirect(route.redirect, route, [...path, 'redirect']);
  yield* checkDirectResponse(route, [...path, 'directResponse']);
  if (route.retries) yield* checkRetries(route.retries, [...path, 'retries']);
  if (route.rewrite) yield* checkRewrite(route.rewrite, [...path, 'rewrite']);
  for (const [index, target] of (route.route ?? []).entries()) {
    yield* checkHeaders(target.headers, [...path, 'route', index, 'headers']);
    yield* checkDestination(target.destination, [...path, 'route', index, 'destination']);
  }
  yield* checkWeights(route.route ?? [], [...path, 'route']);
  yield* checkDuration(route.timeout, [...path, 'timeout']);
}

/** One of route, redirect and directResponse; a route that delegates has none of them. */
function* checkActions(route: HTTPRoute, path: FieldPath, inDelegate: boolean): Drafts {
  const hasRoute = (route.route ?? []).length > 0;
  if (route.delegate && inDelegate) yield conflict([...path, 'delegate'], 'a delegate cannot delegate further');
  if (route.delegate && !inDelegate) {
    for (const action of ['route', 'redirect'] as const) {
      if (route[action]) yield conflict([...path, action], `a route with delegate has no ${action} of its own`);
    }
    return;
  }
  const action = route.redirect ? 'redirect' : route.directResponse ? 'directResponse' : undefined;
  if (action === undefined) {
    if (!hasRoute) yield missing(path, 'one of route, redirect and directResponse is required');
  } else {
    for (const other of ['route', 'fault', 'rewrite', 'directResponse'] as const) {
      const set = other === 'route' ? hasRoute : route[other] !== undefined;
      if (other !== action && set) yield conflict([...path, other], `${other} and ${action} exclude each other`);
    }
  }
  if (route.mirror && (route.mirrors ?? []).length > 0)
    yield conflict([...path, 'mirror'], 'mirror and mirrors exclude each other');
}

export function* checkHeaders(headers: Headers | undefined, path: FieldPath): Drafts {
  for (const side of ['request', 'response'] as const) {
    for (const operation of ['set', 'add'] as const) {
      for (const [name, value] of Object.entries(headers?.[side]?.[operation] ?? {})) {
        const at = [...path, side, operation, name];
        yield* checkHeaderName(name, at, side === 'request');
        const fault = headerValueFault(value);
        if (fault !== undefined) yield invalid(at, fault);
      }
    }
    for (const [index, name] of (headers?.[side]?.remove ?? []).entries())
      yield* checkHeaderName(name, [...path, side, 'remove', index], false);
  }
}

function* checkHeaderName(name: string, path: FieldPath, authorityAllowed: boolean): Drafts {
  if (name === '') yield invalid(path, 'a header name must not be empty');
  else if (isInternal(name) && !(authorityAllowed && isAuthority(name)))
    yield invalid(path, `the header "${name}" cannot be changed here`);
}

/** The authority is rewritten once: by rewrite, or by setting the Host header. */
function* checkAuthority({ rewrite, headers }: HTTPRoute, path: FieldPath): Drafts {
  const settings = [
    ...(rewrite?.authority ? [rewrite.authority] : []),
    ...Object.keys({ ...headers?.request?.set }).filter(isAuthority),
    ...Object.keys({ ...headers?.request?.add }).filter(isAuthority),
  ];
  if (settings.length > 1) yield conflict([...path, 'headers', 'request'], 'the authority is set more than once');
}

function* checkMirrors(route: HTTPRoute, path: FieldPath): Drafts {
  const percent = route.mirrorPercent ?? route.mirror_percent;
  if (percent !== undefined) {
    yield* checkPercent(percent, [...path, 'mirrorPercent']);
    yield deprecated([...path, 'mirrorPercent'], 'mirrorPercent is deprecated; use mirrorPercentage');
  }
  yield* checkPercent(route.mirrorPercentage?.value, [...path, 'mirrorPercentage', 'value']);
  if (route.mirror) yield* checkDestination(route.mirror, [...path, 'mirror']);
  for (const [index, mirror] of (route.mirrors ?? []).entries()) {
    yield* checkDestination(mirror.destination, [...path, 'mirrors', index, 'destination']);
    yield* checkPercent(mirror.percentage?.value, [...path, 'mirrors', index, 'percentage', 'value']);
  }
}

function* checkRedirect(redirect: HTTPRedirect, route: HTTPRoute, path: FieldPath): Drafts {
  yield* atMostOne(redirect, path, ['uri', 'prefixRewrite']);
  yield* atMostOne(redirect, path, ['port', 'derivePort']);
  const { uri, prefixRewrite, authority, port, derivePort, scheme, redirectCode } = redirect;
  if (![uri, prefixRewrite, authority, scheme].some(Boolean) && port === undefined && derivePort === undefined)
    yield missing(path, 'a redirect must change the uri, prefix, authority, port or scheme');
  if (prefixRewrite && route.match?.some((match) => match.uri && match.uri.prefix === undefined))
    yield conflict([...path, 'prefixRewrite'], 'a prefix can only be rewritten where every uri match is by prefix');
  if (redirectCode && (redirectCode < 300 || redirectCode > 399))
    yield invalid([...path, 'redirectCode'], `${redirectCode} is not a redirect status: 300 to 399`);
  if (scheme && scheme !== 'http' && scheme !== 'https')
    yield invalid([...path, 'scheme'], `"${scheme}" is neither http nor https`);
  if (port) yield* checkPort(port, [...path, 'port']);
}

const largestBody = 1 << 20;
const largeBody = 100 << 10;

function* checkDirectResponse({ directResponse }: HTTPRoute, path: FieldPath): Drafts {
  if (!directResponse) return;
  const { status, body } = directResponse;
  if (!isHttpStatus(status)) yield invalid([...path, 'status'], `${status} is not an HTTP status: 200 to 599`);
  if (!body) return;
  yield* atMostOne(body, [...path, 'body'], ['string', 'bytes']);
  const size = Math.max(body.string?.length ?? 0, ((body.bytes?.length ?? 0) * 3) / 4);
  if (size > largestBody) yield invalid([...path, 'body'], 'the body must not be larger than 1 MiB');
  else if (size > largeBody)
    yield doubtful([...path, 'body'], 'a body of more than 100 KiB is sent to every proxy with its configuration');
}

/** https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on */
const retryConditions: ReadonlySet<string> = new Set(
  (
    '5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream retriable-headers ' +
    'retriable-status-codes envoy-ratelimited http3-post-connect-failure ' +
    'cancelled deadline-exceeded internal resource-exhausted unavailable'
  ).split(' '),
);

function* checkRetries(retries: HTTPRetry, path: FieldPath): Drafts {
  const { attempts = 0, perTryTimeout, retryOn = '', retryRemoteLocalities, backoff } = retries;
  if (attempts < 0) yield invalid([...path, 'attempts'], `${attempts} is not a number of attempts`);
  if (attempts === 0 && (perTryTimeout !== undefined || retryOn !== '' || retryRemoteLocalities !== undefined))
    yield conflict(path, 'with attempts 0 nothing is retried, so nothing else can be set');
  yield* checkDuration(perTryTimeout, [...path, 'perTryTimeout']);
  yield* checkDuration(backoff, [...path, 'backoff']);
  const unknown = retryOn === '' ? [] : retryOn.split(',').filter((item) => !isRetryCondition(item));
  if (unknown.length > 0)
    yield invalid([...path, 'retryOn'], `${JSON.stringify(unknown[0])} is neither a retry condition nor a status`);
}

const isRetryCondition = (text: string): boolean => retryConditions.has(text) || /^[1-5]\d\d$/.test(text);

function* checkRewrite(rewrite: HTTPRewrite, path: FieldPath): Drafts {
  const { uri, uriRegexRewrite, authority } = rewrite;
  if (uri && uriRegexRewrite) yield conflict(path, 'uri and uriRegexRewrite exclude each other');
  if (!uri && !uriRegexRewrite && !authority) yield missing(path, 'uri, uriRegexRewrite or authority is required');
  if (!uriRegexRewrite) return;
  if (!uriRegexRewrite.match || !uriRegexRewrite.rewrite)
    yield missing([...path, 'uriRegexRewrite'], 'both match and rewrite are required');
  const fault = uriRegexRewrite.match ? regexFault(uriRegexRewrite.match) : undefined;
  if (fault !== undefined) yield invalid([...path, 'uriRegexRewrite', 'match'], fault);
}
