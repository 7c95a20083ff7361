// VirtualService: how requests for a host are matched and where they go.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/
import type { Static } from './fields.ts';
import { boolean, double, duration, int32, list, map, message, oneOf, port, string, uint32 } from './fields.ts';

export const PortSelector = message({ number: port });
export type PortSelector = Static<typeof PortSelector>;

export const Destination = message({ host: string, subset: string, port: PortSelector }, ['host']);
export type Destination = Static<typeof Destination>;

/** One of exact, prefix and regex. */
export const StringMatch = message({ exact: string, prefix: string, regex: string });
export type StringMatch = Static<typeof StringMatch>;

export const Percent = message({ value: double });
export type Percent = Static<typeof Percent>;

export const HeaderOperations = message({ set: map(string), add: map(string), remove: list(string) });
export type HeaderOperations = Static<typeof HeaderOperations>;

export const Headers = message({ request: HeaderOperations, response: HeaderOperations });
export type Headers = Static<typeof Headers>;

export const HTTPRouteDestination = message({ destination: Destination, weight: int32, headers: Headers }, [
  'destination',
]);
export type HTTPRouteDestination = Static<typeof HTTPRouteDestination>;

export const RouteDestination = message({ destination: Destination, weight: int32 }, ['destination']);
export type RouteDestination = Static<typeof RouteDestination>;

export const HTTPMatchRequest = message({
  name: string,
  uri: StringMatch,
  scheme: StringMatch,
  method: StringMatch,
  authority: StringMatch,
  headers: map(StringMatch),
  port,
  sourceLabels: map(string),
  gateways: list(string),
  queryParams: map(StringMatch),
  ignoreUriCase: boolean,
  withoutHeaders: map(StringMatch),
  sourceNamespace: string,
  statPrefix: string,
});
export type HTTPMatchRequest = Static<typeof HTTPMatchRequest>;

/** At most one of port and derivePort. */
export const HTTPRedirect = message({
  uri: string,
  prefixRewrite: string,
  authority: string,
  port,
  derivePort: oneOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
  scheme: string,
  redirectCode: uint32,
});
export type HTTPRedirect = Static<typeof HTTPRedirect>;

/** One of string and bytes (base64). */
export const HTTPBody = message({ string, bytes: string });
export type HTTPBody = Static<typeof HTTPBody>;

export const HTTPDirectResponse = message({ status: uint32, body: HTTPBody }, ['status']);
export type HTTPDirectResponse = Static<typeof HTTPDirectResponse>;

export const Delegate = message({ name: string, namespace: string });
export type Delegate = Static<typeof Delegate>;

export const RegexRewrite = message({ match: string, rewrite: string });
export type RegexRewrite = Static<typeof RegexRewrite>;

export const HTTPRewrite = message({ uri: string, authority: string, uriRegexRewrite: RegexRewrite });
export type HTTPRewrite = Static<typeof HTTPRewrite>;

export const HTTPRetry = message({
  attempts: int32,
  perTryTimeout: duration,
  retryOn: string,
  retryRemoteLocalities: boolean,
  retryIgnorePreviousHosts: boolean,
  backoff: duration,
});
export type HTTPRetry = Static<typeof HTTPRetry>;

export const HTTPFaultInjectionDelay = message({
  percent: int32,
  fixedDelay: duration,
  exponentialDelay: duration,
  percentage: Percent,
});
export type HTTPFaultInjectionDelay = Static<typeof HTTPFaultInjectionDelay>;

export const HTTPFaultInjectionAbort = message({
  httpStatus: int32,
  grpcStatus: string,
  http2Error: string,
  percentage: Percent,
});
export type HTTPFaultInjectionAbort = Static<typeof HTTPFaultInjectionAbort>;

export const HTTPFaultInjection = message({ delay: HTTPFaultInjectionDelay, abort: HTTPFaultInjectionAbort });
export type HTTPFaultInjection = Static<typeof HTTPFaultInjection>;

export const HTTPMirrorPolicy = message({ destination: Destination, percentage: Percent }, ['destination']);
export type HTTPMirrorPolicy = Static<typeof HTTPMirrorPolicy>;

export const CorsPolicy = message({
  allowOrigin: list(string),
  allowOrigins: list(StringMatch),
  allowMethods: list(string),
  allowHeaders: list(string),
  exposeHeaders: list(string),
  maxAge: duration,
  allowCredentials: boolean,
  unmatchedPreflights: oneOf('UNSPECIFIED', 'FORWARD', 'IGNORE'),
});
export type CorsPolicy = Static<typeof CorsPolicy>;

export const HTTPRoute = message({
  name: string,
  match: list(HTTPMatchRequest),
  route: list(HTTPRouteDestination),
  redirect: HTTPRedirect,
  directResponse: HTTPDirectResponse,
  delegate: Delegate,
  rewrite: HTTPRewrite,
  timeout: duration,
  retries: HTTPRetry,
  fault: HTTPFaultInjection,
  mirror: Destination,
  mirrors: list(HTTPMirrorPolicy),
  mirrorPercent: uint32,
  mirror_percent: uint32,
  mirrorPercentage: Percent,
  corsPolicy: CorsPolicy,
  headers: Headers,
});
export type HTTPRoute = Static<typeof HTTPRoute>;

export const L4MatchAttributes = message({
  destinationSubnets: list(string),
  port,
  sourceSubnet: string,
  sourceLabels: map(string),
  gateways: list(string),
  sourceNamespace: string,
});
export type L4MatchAttributes = Static<typeof L4MatchAttributes>;

export const TCPRoute = message({ match: list(L4MatchAttributes), route: list(RouteDestination) });
export type TCPRoute = Static<typeof TCPRoute>;

export const TLSMatchAttributes = message(
  {
    sniHosts: list(string),
    destinationSubnets: list(string),
    port,
    sourceLabels: map(string),
    gateways: list(string),
    sourceNamespace: string,
  },
  ['sniHosts'],
);
export type TLSMatchAttributes = Static<typeof TLSMatchAttributes>;

export const TLSRoute = message({ match: list(TLSMatchAttributes), route: list(RouteDestination) }, ['match']);
export type TLSRoute = Static<typeof TLSRoute>;

export const VirtualServiceSpec = message({
  hosts: list(string),
  gateways: list(string),
  http: list(HTTPRoute),
  tls: list(TLSRoute),
  tcp: list(TCPRoute),
  exportTo: list(string),
});
export type VirtualServiceSpec = Static<typeof VirtualServiceSpec>;
