// A service that Envoy asks, with messages as Envoy's documentation prints them: authorizers, services that count, processors.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/service
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js';
import type protobuf from 'protobufjs';

import { Server, ServerCredentials } from '@grpc/grpc-js';

import { protoRoot } from '../src/xds/codec/protos.ts';

export interface EnvoyService {
  readonly port: number;
  /** Ends it at once, whoever is asking. */
  readonly close: () => void;
}

/**
 * Serves the method of the service `name` (`envoy.service.auth.v3.Authorization`) at a port of the loopback, 0 for any that is free.
 * `answer` gets each message and gives the one that goes back, also where messages are streams.
 */
export async function startEnvoyService<Q extends object, A extends object>(
  name: string,
  answer: (question: Q) => A,
  port = 0,
): Promise<EnvoyService> {
  const [method] = protoRoot().lookupService(name).methodsArray;
  method?.resolve();
  const { resolvedRequestType: question, resolvedResponseType: reply } = method ?? {};
  if (!method || !question || !reply) throw new Error(`${name} has no method`);
  const streams = method.requestStream === true;
  const definition = {
    path: `/${name}/${method.name}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: encoder(question),
    requestDeserialize: decoder(question),
    responseSerialize: encoder(reply),
    responseDeserialize: decoder(reply),
  };
  const each = (call: ServerDuplexStream<Q, A>): void =>
    void call
      .on('data', (message: Q) => call.write(answer(message)))
      .on('error', () => {})
      .on('end', () => call.end());
  const once = ({ request }: ServerUnaryCall<Q, A>, done: sendUnaryData<A>): void => done(null, answer(request));
  const server = new Server();
  server.addService({ ask: definition }, { ask: streams ? each : once });
  return new Promise((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve({ port: bound, close: () => server.forceShutdown() }) : reject(error),
    ),
  );
}

const encoder = (type: protobuf.Type) => (message: object) =>
  Buffer.from(type.encode(type.fromObject(message)).finish());
const decoder = (type: protobuf.Type) => (bytes: Uint8Array) =>
  type.toObject(type.decode(bytes), { enums: String, longs: Number, bytes: String });
