// A proxy for the benchmark: one delta ADS stream that subscribes to everything its configuration has, as Envoy does, asks
// for the endpoints of clusters that it is sent later, and acknowledges every response without looking further into it.
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Client, credentials, Metadata } from '@grpc/grpc-js';

import type { Configuration, NodeInfo, TypeUrl } from '../src/model/envoy/resource.ts';
import { resourceTypes } from '../src/model/envoy/resource.ts';
import { encodeMessage } from '../src/xds/codec/encode.ts';
import { protoRoot } from '../src/xds/codec/protos.ts';
import { adsService } from '../src/xds/grpc/service.ts';

const request = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';

interface Response {
  readonly type_url: string;
  readonly nonce: string;
  readonly resources: readonly { readonly name: string }[];
}

export interface BenchClient {
  close(): void;
}

export function connect(port: number, node: NodeInfo, configuration: Configuration): BenchClient {
  const response = protoRoot().lookupType('envoy.service.discovery.v3.DeltaDiscoveryResponse');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = adsService.DeltaAggregatedResources;
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
  );
  const send = (message: object): boolean => call.write(Buffer.from(encodeMessage(request, message)));
  const known = new Set(namesOf(configuration.endpoint));
  call.on('data', (bytes: Buffer) => {
    const { type_url, nonce, resources } = response.decode(bytes) as unknown as Response;
    send({ type_url, response_nonce: nonce });
    if (type_url !== resourceTypes.cluster) return;
    const added = resources.map(({ name }) => name).filter((name) => name.startsWith('outbound|') && !known.has(name));
    if (added.length > 0) send({ type_url: resourceTypes.endpoint, resource_names_subscribe: added });
    for (const name of added) known.add(name);
  });
  call.on('error', () => {});
  const { id, cluster, metadata } = node;
  const subscribe = (type_url: TypeUrl, names: readonly string[], first?: object): boolean =>
    send({ ...first, type_url, resource_names_subscribe: names });
  subscribe(resourceTypes.cluster, ['*'], { node: { id, cluster, metadata } });
  subscribe(resourceTypes.endpoint, namesOf(configuration.endpoint));
  subscribe(resourceTypes.listener, ['*']);
  subscribe(resourceTypes.route, namesOf(configuration.route));
  return { close: () => (call.cancel(), client.close()) };
}

const namesOf = (layers: Configuration['endpoint']): readonly string[] =>
  layers.flatMap((layer) => [...layer.resources.keys()]);
