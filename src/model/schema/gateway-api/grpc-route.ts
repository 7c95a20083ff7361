// GRPCRoute: how calls of methods are matched, changed and sent on.
// https://gateway-api.sigs.k8s.io/reference/spec/#grpcroute
import type { Static } from '../fields.ts';
import { list, oneOf, openMessage, string, withDefault } from '../fields.ts';
import {
  HeaderModifier,
  hostnames,
  LocalObjectReference,
  NamedMatch,
  parentRefs,
  RequestMirror,
  SessionPersistence,
  weightedBackendFields,
} from './common.ts';

export const GRPCRouteMatch = openMessage({
  method: openMessage(
    {
      type: withDefault(oneOf('Exact', 'RegularExpression'), 'Exact'),
      service: string,
      method: string,
    },
    ['type'],
  ),
  headers: list(NamedMatch, { maxItems: 16 }),
});
export type GRPCRouteMatch = Static<typeof GRPCRouteMatch>;

export const GRPCRouteFilter = openMessage(
  {
    type: string,
    requestHeaderModifier: HeaderModifier,
    responseHeaderModifier: HeaderModifier,
    requestMirror: RequestMirror,
    extensionRef: LocalObjectReference,
  },
  ['type'],
);

const GRPCBackendRef = openMessage({ ...weightedBackendFields, filters: list(GRPCRouteFilter, { maxItems: 16 }) }, [
  'group',
  'kind',
  'name',
  'weight',
]);

export const GRPCRouteRule = openMessage({
  name: string,
  matches: list(GRPCRouteMatch, { maxItems: 64 }),
  filters: list(GRPCRouteFilter, { maxItems: 16 }),
  backendRefs: list(GRPCBackendRef, { maxItems: 16 }),
  sessionPersistence: SessionPersistence,
});
export type GRPCRouteRule = Static<typeof GRPCRouteRule>;

export const GRPCRouteBody = openMessage(
  { spec: openMessage({ parentRefs, hostnames, rules: list(GRPCRouteRule, { maxItems: 16 }) }) },
  ['spec'],
);
