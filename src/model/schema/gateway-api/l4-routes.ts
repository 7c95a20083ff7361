// TLSRoute, TCPRoute and UDPRoute: where connections go, by the server name that they ask for or by their port alone.
// https://gateway-api.sigs.k8s.io/reference/spec/#tcproute
import type { Static } from '../fields.ts';
import { list, openMessage, string } from '../fields.ts';
import { BackendRef, hostnames, parentRefs } from './common.ts';

export const L4RouteRule = openMessage({ name: string, backendRefs: list(BackendRef, { maxItems: 16 }) });
export type L4RouteRule = Static<typeof L4RouteRule>;
const rules = list(L4RouteRule, { maxItems: 16 });

export const TLSRouteBody = openMessage({ spec: openMessage({ parentRefs, hostnames, rules }) }, ['spec']);
export const TCPRouteBody = openMessage({ spec: openMessage({ parentRefs, rules }) }, ['spec']);
export const UDPRouteBody = openMessage({ spec: openMessage({ parentRefs, rules }) }, ['spec']);
