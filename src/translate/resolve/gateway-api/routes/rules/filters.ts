// What an HTTPRoute or a GRPCRoute does to requests on their way, in the words of a VirtualService.
// https://gateway-api.sigs.k8s.io/reference/spec/#httproutefilter
import type {
  CorsPolicy,
  gatewayApi,
  HeaderOperations,
  Headers,
  HTTPMirrorPolicy,
  HTTPRedirect,
  HTTPRewrite,
  HTTPRoute,
  StringMatch,
} from '../../../../../model/schema/index.ts';
import type { Fault } from '../../status/conditions.ts';
import type { Backend } from '../backends.ts';
import { regexLiteral } from './matches.ts';

type Filter = gatewayApi.HTTPRouteFilter;
export type BackendOf = (reference: gatewayApi.BackendObjectReference) => Backend;

export interface Filtered {
  readonly route: Pick<HTTPRoute, 'headers' | 'redirect' | 'rewrite' | 'mirrors' | 'corsPolicy'>;
  /** Field of the route to the field of the rule that it comes from. */
  readonly fields: Readonly<Record<string, string>>;
  /** Of a mirror that cannot be used: requests are served all the same. */
  readonly fault?: Fault;
  /** A filter that nobody here knows: without it the route would do something else than was asked for. */
  readonly broken?: Fault;
}

/** Where several filters say the same, the last one counts; mirrors add up. `authorizes`: whether others can be asked. */
export function filtered(filters: readonly Filter[] = [], backendOf: BackendOf, authorizes: boolean): Filtered {
  const route: { -readonly [K in keyof Filtered['route']]: Filtered['route'][K] } = {};
  const fields: Record<string, string> = {};
  let fault: Fault | undefined;
  for (const [i, filter] of filters.entries()) {
    const part = filter.type === 'ExternalAuth' && authorizes ? {} : partOf(filter, backendOf);
    if (part === undefined)
      return {
        route,
        fields,
        broken: { reason: 'InvalidFilter', message: `The filter ${filter.type} is not supported` },
      };
    if ('fault' in part) {
      fault = part.fault;
      continue;
    }
    const headers = { ...route.headers, ...part.headers };
    const mirrors = [...(route.mirrors ?? []), ...(part.mirrors ?? [])];
    Object.assign(route, part, Object.keys(headers).length > 0 && { headers }, mirrors.length > 0 && { mirrors });
    for (const field of Object.keys(part)) fields[field === 'mirrors' ? 'mirror' : field] ??= `filters[${i}]`;
  }
  return { route, fields, ...(fault !== undefined && { fault }) };
}

function partOf(filter: Filter, backendOf: BackendOf): Filtered['route'] | { readonly fault: Fault } | undefined {
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return { headers: { request: headerOperations(filter.requestHeaderModifier) } };
    case 'ResponseHeaderModifier':
      return { headers: { response: headerOperations(filter.responseHeaderModifier) } };
    case 'RequestRedirect':
      return { redirect: redirect(filter.requestRedirect ?? { statusCode: 302 }) };
    case 'URLRewrite':
      return rewritten(filter.urlRewrite ?? {});
    case 'RequestMirror':
      return filter.requestMirror === undefined ? {} : mirrored(filter.requestMirror, backendOf);
    case 'CORS':
      return filter.cors === undefined ? {} : { corsPolicy: corsPolicy(filter.cors) };
    default:
      return undefined;
  }
}

/** A backend's own filters change headers only; undefined for any other. */
export function backendHeaders(filters: readonly Filter[] = []): Headers | undefined {
  const headers: { request?: HeaderOperations; response?: HeaderOperations } = {};
  for (const { type, requestHeaderModifier, responseHeaderModifier } of filters) {
    if (type === 'RequestHeaderModifier') headers.request = headerOperations(requestHeaderModifier);
    else if (type === 'ResponseHeaderModifier') headers.response = headerOperations(responseHeaderModifier);
    else return undefined;
  }
  return headers;
}

/** Names are told apart without regard to case; the first of a name counts. */
function headerOperations({ set = [], add = [], remove = [] }: gatewayApi.HeaderModifier = {}): HeaderOperations {
  const record = (headers: typeof set): Readonly<Record<string, string>> =>
    Object.fromEntries(headers.toReversed().map(({ name, value }) => [name.toLowerCase(), value]));
  return {
    ...(set.length > 0 && { set: record(set) }),
    ...(add.length > 0 && { add: record(add) }),
    ...(remove.length > 0 && { remove }),
  };
}

const redirect = ({ scheme, hostname, port, path, statusCode }: gatewayApi.RequestRedirect): HTTPRedirect => ({
  redirectCode: statusCode,
  ...(scheme !== undefined && { scheme }),
  ...(hostname !== undefined && { authority: hostname }),
  ...(port !== undefined
    ? { port }
    : { derivePort: scheme === undefined ? 'FROM_REQUEST_PORT' : 'FROM_PROTOCOL_DEFAULT' }),
  ...(path?.type === 'ReplaceFullPath' && { uri: path.replaceFullPath ?? '' }),
  ...(path?.type === 'ReplacePrefixMatch' && { prefixRewrite: path.replacePrefixMatch ?? '' }),
});

function rewritten({ hostname, path }: gatewayApi.UrlRewrite): { readonly rewrite?: HTTPRewrite } {
  if (hostname === undefined && path === undefined) return {};
  return {
    rewrite: {
      ...(hostname !== undefined && { authority: hostname }),
      ...(path?.type === 'ReplacePrefixMatch' && { uri: (path.replacePrefixMatch ?? '').replace(/\/$/, '') || '/' }),
      ...(path?.type === 'ReplaceFullPath' && {
        uriRegexRewrite: { match: '/.*', rewrite: path.replaceFullPath ?? '' },
      }),
    },
  };
}

function mirrored(
  { backendRef, percent, fraction }: gatewayApi.RequestMirror,
  backendOf: BackendOf,
): { readonly mirrors: readonly HTTPMirrorPolicy[] } | { readonly fault: Fault } {
  const { destination, fault } = backendOf(backendRef);
  if (fault !== undefined) return { fault };
  const share = fraction === undefined ? percent : (100 * fraction.numerator) / fraction.denominator;
  return { mirrors: [{ destination, ...(share !== undefined && { percentage: { value: share } }) }] };
}

function corsPolicy(cors: gatewayApi.HTTPCorsFilter): CorsPolicy {
  const { allowOrigins = [], allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAge } = cors;
  return {
    allowOrigins: allowOrigins.filter((origin) => origin !== '').map(originMatch),
    ...(allowMethods !== undefined && { allowMethods }),
    ...(allowHeaders !== undefined && { allowHeaders }),
    ...(exposeHeaders !== undefined && { exposeHeaders }),
    ...(allowCredentials === true && { allowCredentials }),
    maxAge: `${maxAge}s`,
    unmatchedPreflights: 'IGNORE',
  };
}

/** `*` stands for any text, alone for any origin. */
function originMatch(origin: string): StringMatch {
  if (origin === '*') return { regex: '^[a-zA-Z][a-zA-Z0-9+.-]*://[^/\\s?#]+$' };
  const parts = origin.split('*');
  if (parts.length === 1) return { exact: origin };
  if (parts.length === 2 && parts[1] === '') return { prefix: parts[0] ?? '' };
  return { regex: `^${parts.map(regexLiteral).join('.*')}$` };
}
