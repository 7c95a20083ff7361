// What listeners of Gateways and of ListenerSets have in common: who may attach to them, and their TLS.
// https://gateway-api.sigs.k8s.io/reference/spec/#listener
import type { Static } from '../fields.ts';
import { integer, list, map, oneOf, openMessage, positivePort, string, withDefault } from '../fields.ts';
import { gatewayApiGroup, hostname, ObjectReference, SecretObjectReference } from './common.ts';

export const LabelSelector = openMessage({
  matchLabels: map(string),
  matchExpressions: list(openMessage({ key: string, operator: string, values: list(string) }, ['key', 'operator'])),
});

const RouteNamespaces = openMessage(
  { from: withDefault(oneOf('All', 'Selector', 'Same', 'None'), 'Same'), selector: LabelSelector },
  ['from'],
);

export const RouteGroupKind = openMessage({ group: withDefault(string, gatewayApiGroup), kind: string }, [
  'group',
  'kind',
]);
export type RouteGroupKind = Static<typeof RouteGroupKind>;

const AllowedRoutes = openMessage(
  { namespaces: withDefault(RouteNamespaces, { from: 'Same' }), kinds: list(RouteGroupKind, { maxItems: 8 }) },
  ['namespaces'],
);
export type AllowedRoutes = Static<typeof AllowedRoutes>;

export const ListenerTls = openMessage(
  {
    mode: withDefault(oneOf('Terminate', 'Passthrough'), 'Terminate'),
    certificateRefs: list(SecretObjectReference, { maxItems: 64 }),
    options: map(string),
  },
  ['mode'],
);
export type ListenerTls = Static<typeof ListenerTls>;

const listenerFields = {
  name: string,
  hostname,
  protocol: string,
  tls: ListenerTls,
  allowedRoutes: withDefault(AllowedRoutes, { namespaces: { from: 'Same' } }),
};

export const GatewayListener = openMessage({ ...listenerFields, port: positivePort }, [
  'name',
  'port',
  'protocol',
  'allowedRoutes',
]);
export type GatewayListener = Static<typeof GatewayListener>;

/** Port 0 is that of the protocol. */
export const ListenerEntry = openMessage({ ...listenerFields, port: withDefault(integer(0, 65535), 0) }, [
  'name',
  'port',
  'protocol',
  'allowedRoutes',
]);
export type ListenerEntry = Static<typeof ListenerEntry>;

export const FrontendTls = openMessage({
  validation: openMessage(
    {
      caCertificateRefs: list(ObjectReference, { maxItems: 8 }),
      mode: withDefault(oneOf('AllowValidOnly', 'AllowInsecureFallback'), 'AllowValidOnly'),
    },
    ['mode'],
  ),
});
export type FrontendTls = Static<typeof FrontendTls>;
