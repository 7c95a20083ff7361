// Somebody who looks into a control plane over xDS as istioctl does: one request, one answer, nothing acknowledged.
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

import { encodeMessage } from '../../src/xds/codec/encode.ts';
import { printAny } from '../../src/xds/codec/print.ts';
import { adsService } from '../../src/xds/grpc/service.ts';

export interface DebugResponse {
  readonly typeUrl: string;
  readonly resources: readonly { readonly type: string; readonly value: Uint8Array }[];
  readonly controlPlane: string;
}

export interface Asked {
  readonly port: number;
  /** Without them there is no TLS. */
  readonly roots?: string;
  readonly token?: string;
  readonly type: string;
  readonly names?: readonly string[];
}

/** Rejects with the stream's status. */
export async function askDebug({ port, roots, token, type, names = [] }: Asked): Promise<DebugResponse> {
  const client = new Client(
    `localhost:${port}`,
    roots === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(roots)),
  );
  const { path, requestSerialize, responseDeserialize } = adsService.StreamAggregatedResources;
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const node = { id: 'sidecar~0.0.0.0~tool.default~default.svc', metadata: { GENERATOR: 'event' } };
  // The client has a nonce before it was answered anything: the time.
  const request = { node, type_url: type, resource_names: names, response_nonce: new Date().toString() };
  try {
    return await new Promise((resolve, reject) => {
      call.on('data', (bytes: Buffer) => resolve(read(bytes)));
      call.on('error', reject);
      call.write(Buffer.from(encodeMessage('envoy.service.discovery.v3.DiscoveryRequest', request)));
    });
  } finally {
    call.cancel();
    client.close();
  }
}

/** As JSON: messages as Envoy's definitions print them, pages as they are. */
export const resourceJson = ({ type, value }: DebugResponse['resources'][number]): unknown =>
  type.startsWith('type.googleapis.com/') ? printAny(type, value) : JSON.parse(Buffer.from(value).toString());

type Fields = Readonly<Record<number, (reader: protobuf.Reader) => void>>;

function readFields(bytes: Uint8Array, fields: Fields): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = fields[tag >>> 3];
    if (field === undefined) reader.skipType(tag & 7);
    else field(reader);
  }
}

function read(bytes: Uint8Array): DebugResponse {
  const response = { typeUrl: '', controlPlane: '', resources: [] as { type: string; value: Uint8Array }[] };
  readFields(bytes, {
    2: (reader) => {
      const any: { type: string; value: Uint8Array } = { type: '', value: new Uint8Array() };
      readFields(reader.bytes(), {
        1: (inner) => void (any.type = inner.string()),
        2: (inner) => void (any.value = inner.bytes()),
      });
      response.resources.push(any);
    },
    4: (reader) => void (response.typeUrl = reader.string()),
    6: (reader) => readFields(reader.bytes(), { 1: (inner) => void (response.controlPlane = inner.string()) }),
  });
  return response;
}
