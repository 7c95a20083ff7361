// Gateway of Gateway API, which has its name in common with Istio's Gateway: here it is a KubernetesGateway.
// https://gateway-api.sigs.k8s.io/reference/spec/#gateway
import type { Static } from './fields.ts';
import { list, map, oneOf, openMessage, positivePort, string, struct } from './fields.ts';

const ObjectReference = openMessage({ group: string, kind: string, name: string, namespace: string }, ['name']);

const AllowedRoutes = openMessage({
  namespaces: openMessage({ from: string, selector: struct }),
  kinds: list(openMessage({ group: string, kind: string }, ['kind'])),
});

const ListenerTls = openMessage({
  mode: oneOf('Terminate', 'Passthrough'),
  certificateRefs: list(ObjectReference),
  options: map(string),
});

export const GatewayListener = openMessage(
  {
    name: string,
    hostname: string,
    port: positivePort,
    protocol: string,
    tls: ListenerTls,
    allowedRoutes: AllowedRoutes,
  },
  ['name', 'port', 'protocol'],
);
export type GatewayListener = Static<typeof GatewayListener>;

export const KubernetesGatewaySpec = openMessage(
  {
    gatewayClassName: string,
    listeners: list(GatewayListener),
    /** `type` is IPAddress when it is not set. */
    addresses: list(openMessage({ type: string, value: string })),
    infrastructure: openMessage({
      labels: map(string),
      annotations: map(string),
      parametersRef: openMessage({ group: string, kind: string, name: string }),
    }),
    allowedListeners: struct,
    tls: struct,
  },
  ['gatewayClassName'],
);
export type KubernetesGatewaySpec = Static<typeof KubernetesGatewaySpec>;

export const KubernetesGatewayBody = openMessage({ spec: KubernetesGatewaySpec }, ['spec']);
