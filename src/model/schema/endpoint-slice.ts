// EndpointSlice: the addresses behind a Service.
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
import type { Static } from './fields.ts';
import { boolean, list, map, openMessage, port, string } from './fields.ts';

export const EndpointConditions = openMessage({ ready: boolean, serving: boolean, terminating: boolean });
export type EndpointConditions = Static<typeof EndpointConditions>;

export const ObjectReference = openMessage({ kind: string, namespace: string, name: string, uid: string });
export type ObjectReference = Static<typeof ObjectReference>;

export const Endpoint = openMessage(
  {
    addresses: list(string, { minItems: 1 }),
    conditions: EndpointConditions,
    hostname: string,
    targetRef: ObjectReference,
    nodeName: string,
    zone: string,
    deprecatedTopology: map(string),
    hints: openMessage({ forZones: list(openMessage({ name: string }, ['name'])) }),
  },
  ['addresses'],
);
export type Endpoint = Static<typeof Endpoint>;

export const EndpointPort = openMessage({ name: string, protocol: string, port, appProtocol: string });
export type EndpointPort = Static<typeof EndpointPort>;

export const EndpointSliceBody = openMessage(
  { addressType: string, endpoints: list(Endpoint), ports: list(EndpointPort) },
  ['addressType', 'endpoints', 'ports'],
);
