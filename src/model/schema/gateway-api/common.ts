// What the kinds of Gateway API have in common: references to objects, parents of routes, and their backends. Defaults are those
// of the API's own definitions, which an API server fills in.
// https://gateway-api.sigs.k8s.io/reference/spec/
import type { Static } from '../fields.ts';
import { integer, list, oneOf, openMessage, positivePort, string, text, withDefault } from '../fields.ts';

export const gatewayApiGroup = 'gateway.networking.k8s.io';

export const ParentReference = openMessage(
  {
    group: withDefault(string, gatewayApiGroup),
    kind: withDefault(string, 'Gateway'),
    namespace: string,
    name: string,
    sectionName: string,
    port: positivePort,
  },
  ['group', 'kind', 'name'],
);
export type ParentReference = Static<typeof ParentReference>;
export const parentRefs = list(ParentReference, { maxItems: 32 });

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
/** A DNS name, perhaps with `*` for its first label. */
export const hostname = text({ maxLength: 253, pattern: `^(\\*\\.)?${label}(\\.${label})*$` });
export const hostnames = list(hostname, { maxItems: 16 });

/** https://gateway-api.sigs.k8s.io/geps/gep-2257/ */
export const gatewayDuration = text({ maxLength: 32, pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' });

/** Of a Secret unless it says otherwise. */
export const SecretObjectReference = openMessage(
  { group: withDefault(string, ''), kind: withDefault(string, 'Secret'), name: string, namespace: string },
  ['group', 'kind', 'name'],
);
export type SecretObjectReference = Static<typeof SecretObjectReference>;

/** Says itself of what. */
export const ObjectReference = openMessage({ group: string, kind: string, name: string, namespace: string }, [
  'group',
  'kind',
  'name',
]);
export type ObjectReference = Static<typeof ObjectReference>;

export const LocalObjectReference = openMessage({ group: string, kind: string, name: string }, [
  'group',
  'kind',
  'name',
]);

const backendFields = {
  group: withDefault(string, ''),
  kind: withDefault(string, 'Service'),
  name: string,
  namespace: string,
  port: positivePort,
};

export const BackendObjectReference = openMessage(backendFields, ['group', 'kind', 'name']);
export type BackendObjectReference = Static<typeof BackendObjectReference>;

export const weightedBackendFields = { ...backendFields, weight: withDefault(integer(0, 1_000_000), 1) };
export const BackendRef = openMessage(weightedBackendFields, ['group', 'kind', 'name', 'weight']);
export type BackendRef = Static<typeof BackendRef>;

export const HTTPHeader = openMessage({ name: string, value: string }, ['name', 'value']);
export const HeaderModifier = openMessage({ set: list(HTTPHeader), add: list(HTTPHeader), remove: list(string) });
export type HeaderModifier = Static<typeof HeaderModifier>;

export const RequestMirror = openMessage(
  {
    backendRef: BackendObjectReference,
    percent: integer(0, 100),
    fraction: openMessage(
      { numerator: integer(0, 2147483647), denominator: withDefault(integer(1, 2147483647), 100) },
      ['numerator', 'denominator'],
    ),
  },
  ['backendRef'],
);
export type RequestMirror = Static<typeof RequestMirror>;

/** A header or query parameter to look for. */
export const NamedMatch = openMessage(
  { type: withDefault(oneOf('Exact', 'RegularExpression'), 'Exact'), name: string, value: string },
  ['type', 'name', 'value'],
);
export type NamedMatch = Static<typeof NamedMatch>;

/** A name that cookies and headers can have. */
const sessionName = text({ maxLength: 128, pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]*$" });

export const SessionPersistence = openMessage(
  {
    sessionName,
    absoluteTimeout: gatewayDuration,
    type: withDefault(oneOf('Cookie', 'Header'), 'Cookie'),
    cookieConfig: openMessage({ lifetimeType: withDefault(oneOf('Permanent', 'Session'), 'Session') }),
  },
  ['type'],
);
export type SessionPersistence = Static<typeof SessionPersistence>;
