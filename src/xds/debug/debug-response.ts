// A DiscoveryResponse whose resources are any bytes under any type: JSON, too, which no message type describes.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto
import protobuf from 'protobufjs';
import type { TypeUrl } from '../../model/envoy/resource.ts';

export interface AnyBytes {
  readonly type: TypeUrl;
  readonly bytes: Uint8Array;
}

export interface DebugResponse {
  readonly typeUrl: TypeUrl;
  readonly nonce: string;
  readonly resources: readonly AnyBytes[];
  /** What istioctl reads as the name of the replica. */
  readonly controlPlane: string;
}

const tag = (field: number): number => (field << 3) | 2;

export function debugResponse({ typeUrl, nonce, resources, controlPlane }: DebugResponse): Buffer {
  const writer = protobuf.Writer.create().uint32(tag(1)).string(nonce);
  for (const { type, bytes } of resources)
    writer.uint32(tag(2)).fork().uint32(tag(1)).string(type).uint32(tag(2)).bytes(bytes).ldelim();
  writer.uint32(tag(4)).string(typeUrl).uint32(tag(5)).string(nonce);
  writer.uint32(tag(6)).fork().uint32(tag(1)).string(controlPlane).ldelim();
  return Buffer.from(writer.finish());
}
