// HTTPRoute: how requests for a host are matched, changed and sent on.
// https://gateway-api.sigs.k8s.io/reference/spec/#httproute
import type { Static } from '../fields.ts';
import { boolean, integer, list, oneOf, openMessage, positivePort, string, text, withDefault } from '../fields.ts';
import {
  BackendObjectReference,
  gatewayDuration,
  HeaderModifier,
  hostname,
  hostnames,
  LocalObjectReference,
  NamedMatch,
  parentRefs,
  RequestMirror,
  SessionPersistence,
  weightedBackendFields,
} from './common.ts';

const everyPath = { type: 'PathPrefix', value: '/' } as const;

const PathMatch = openMessage(
  {
    type: withDefault(oneOf('Exact', 'PathPrefix', 'RegularExpression'), 'PathPrefix'),
    value: withDefault(string, '/'),
  },
  ['type', 'value'],
);

export const HTTPRouteMatch = openMessage(
  {
    path: withDefault(PathMatch, everyPath),
    headers: list(NamedMatch, { maxItems: 16 }),
    queryParams: list(NamedMatch, { maxItems: 16 }),
    method: string,
  },
  ['path'],
);
export type HTTPRouteMatch = Static<typeof HTTPRouteMatch>;

const PathModifier = openMessage(
  {
    type: oneOf('ReplaceFullPath', 'ReplacePrefixMatch'),
    replaceFullPath: string,
    replacePrefixMatch: string,
  },
  ['type'],
);

export const RequestRedirect = openMessage(
  {
    scheme: oneOf('http', 'https'),
    hostname,
    path: PathModifier,
    port: positivePort,
    statusCode: withDefault(integer(300, 399), 302),
  },
  ['statusCode'],
);
export type RequestRedirect = Static<typeof RequestRedirect>;

export const UrlRewrite = openMessage({ hostname, path: PathModifier });
export type UrlRewrite = Static<typeof UrlRewrite>;

export const HTTPCorsFilter = openMessage(
  {
    allowOrigins: list(string, { maxItems: 64 }),
    allowCredentials: boolean,
    allowMethods: list(string, { maxItems: 9 }),
    allowHeaders: list(string, { maxItems: 64 }),
    exposeHeaders: list(string, { maxItems: 64 }),
    maxAge: withDefault(integer(1, 2147483647), 5),
  },
  ['maxAge'],
);
export type HTTPCorsFilter = Static<typeof HTTPCorsFilter>;

const headerNames = list(string, { maxItems: 64 });
const authorizedPath = text({ maxLength: 1024, pattern: "^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})*$" });

/** https://gateway-api.sigs.k8s.io/geps/gep-1494/ */
export const HTTPExternalAuthFilter = openMessage(
  {
    protocol: oneOf('HTTP', 'GRPC'),
    backendRef: BackendObjectReference,
    grpc: openMessage({ allowedHeaders: headerNames }),
    http: openMessage({ path: authorizedPath, allowedHeaders: headerNames, allowedResponseHeaders: headerNames }),
    forwardBody: openMessage({ maxSize: integer(0, 65535) }),
  },
  ['protocol', 'backendRef'],
);
export type HTTPExternalAuthFilter = Static<typeof HTTPExternalAuthFilter>;

export const HTTPRouteFilter = openMessage(
  {
    type: string,
    requestHeaderModifier: HeaderModifier,
    responseHeaderModifier: HeaderModifier,
    requestMirror: RequestMirror,
    requestRedirect: RequestRedirect,
    urlRewrite: UrlRewrite,
    cors: HTTPCorsFilter,
    externalAuth: HTTPExternalAuthFilter,
    extensionRef: LocalObjectReference,
  },
  ['type'],
);
export type HTTPRouteFilter = Static<typeof HTTPRouteFilter>;

const HTTPBackendRef = openMessage({ ...weightedBackendFields, filters: list(HTTPRouteFilter, { maxItems: 16 }) }, [
  'group',
  'kind',
  'name',
  'weight',
]);

export const HTTPRouteRule = openMessage(
  {
    name: string,
    matches: withDefault(list(HTTPRouteMatch, { maxItems: 64 }), [{ path: everyPath }]),
    filters: list(HTTPRouteFilter, { maxItems: 16 }),
    backendRefs: list(HTTPBackendRef, { maxItems: 16 }),
    timeouts: openMessage({ request: gatewayDuration, backendRequest: gatewayDuration }),
    retry: openMessage({ codes: list(integer(400, 599)), attempts: integer(0, 2147483647), backoff: gatewayDuration }),
    sessionPersistence: SessionPersistence,
  },
  ['matches'],
);
export type HTTPRouteRule = Static<typeof HTTPRouteRule>;

const HTTPRouteSpec = openMessage(
  {
    parentRefs,
    hostnames,
    rules: withDefault(list(HTTPRouteRule, { maxItems: 16 }), [{ matches: [{ path: everyPath }] }]),
  },
  ['rules'],
);
export const HTTPRouteBody = openMessage({ spec: HTTPRouteSpec }, ['spec']);
