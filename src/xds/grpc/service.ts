// The gRPC service that Envoy calls, with messages left as bytes: they are read within limits and written from bytes
// that were encoded before.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/ads.proto
import type { MethodDefinition, ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Message } from '../subscription/responses.ts';

export type AdsCall = ServerDuplexStream<Buffer, Message>;

const same = (bytes: Buffer): Buffer => bytes;

/** Of what a serializer returns gRPC asks how long it is, and has it copied behind the frame's head. */
const framed = (message: Message): Buffer => message as Buffer;

const method = (name: string) =>
  ({
    path: `/envoy.service.discovery.v3.AggregatedDiscoveryService/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: framed,
    responseDeserialize: same,
  }) satisfies MethodDefinition<Buffer, Message>;

export const adsService = {
  StreamAggregatedResources: method('StreamAggregatedResources'),
  DeltaAggregatedResources: method('DeltaAggregatedResources'),
};

/** Ends a call with a status. What the client has sent meanwhile is read and ignored. */
export function endCall(call: AdsCall, code: status, details: string): void {
  call.removeAllListeners('data').resume();
  call.emit('error', { code, details });
}
