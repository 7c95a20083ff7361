// The gRPC service that Envoy calls, with messages left as bytes: they are read within limits and written from bytes
// that were encoded before.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/ads.proto
import type { MethodDefinition, ServerDuplexStream, status } from '@grpc/grpc-js';

export type AdsCall = ServerDuplexStream<Buffer, Buffer>;

const same = (bytes: Buffer): Buffer => bytes;

const method = (name: string): MethodDefinition<Buffer, Buffer> => ({
  path: `/envoy.service.discovery.v3.AggregatedDiscoveryService/${name}`,
  requestStream: true,
  responseStream: true,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

export const adsService = {
  StreamAggregatedResources: method('StreamAggregatedResources'),
  DeltaAggregatedResources: method('DeltaAggregatedResources'),
};

/** Ends a call with a status. What the client has sent meanwhile is read and ignored. */
export function endCall(call: AdsCall, code: status, details: string): void {
  call.removeAllListeners('data').resume();
  call.emit('error', { code, details });
}
