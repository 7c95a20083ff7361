// Gateway of Gateway API, which has its name in common with Istio's Gateway: here it is a KubernetesGateway. Its class, and sets
// of listeners that others add to it.
// https://gateway-api.sigs.k8s.io/reference/spec/#gateway
import type { Static } from '../fields.ts';
import { list, map, openMessage, positivePort, string, struct, withDefault } from '../fields.ts';
import { gatewayApiGroup, SecretObjectReference } from './common.ts';
import { FrontendTls, GatewayListener, LabelSelector, ListenerEntry } from './listener.ts';

export const GatewayClassBody = openMessage(
  { spec: openMessage({ controllerName: string, parametersRef: struct, description: string }, ['controllerName']) },
  ['spec'],
);

const GatewayTls = openMessage({
  backend: openMessage({ clientCertificateRef: SecretObjectReference }),
  frontend: openMessage({
    default: FrontendTls,
    perPort: list(openMessage({ port: positivePort, tls: FrontendTls }, ['port', 'tls'])),
  }),
});
export type GatewayTls = Static<typeof GatewayTls>;

const AllowedListeners = openMessage({
  namespaces: withDefault(openMessage({ from: withDefault(string, 'None'), selector: LabelSelector }, ['from']), {
    from: 'None',
  }),
});

export const KubernetesGatewaySpec = openMessage(
  {
    gatewayClassName: string,
    listeners: list(GatewayListener, { maxItems: 64 }),
    addresses: list(openMessage({ type: withDefault(string, 'IPAddress'), value: string }, ['type'])),
    infrastructure: openMessage({
      labels: map(string),
      annotations: map(string),
      parametersRef: openMessage({ group: string, kind: string, name: string }, ['group', 'kind', 'name']),
    }),
    allowedListeners: AllowedListeners,
    tls: GatewayTls,
  },
  ['gatewayClassName'],
);
export type KubernetesGatewaySpec = Static<typeof KubernetesGatewaySpec>;

export const KubernetesGatewayBody = openMessage({ spec: KubernetesGatewaySpec }, ['spec']);

const ListenerSetSpec = openMessage(
  {
    parentRef: openMessage(
      {
        group: withDefault(string, gatewayApiGroup),
        kind: withDefault(string, 'Gateway'),
        namespace: string,
        name: string,
      },
      ['group', 'kind', 'name'],
    ),
    listeners: list(ListenerEntry, { maxItems: 64 }),
  },
  ['parentRef', 'listeners'],
);
export const ListenerSetBody = openMessage({ spec: ListenerSetSpec }, ['spec']);
