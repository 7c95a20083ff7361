// A gRPC service of our own and its client: messages are any bytes, and the client says how many come back and with which
// status the call ends.
// https://grpc.io/docs/guides/status-codes/
import type { Address } from './backend.ts';

import { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';

export interface GrpcBackend {
  readonly instance: string;
  /** How many messages arrived. */
  readonly messages: () => number;
  readonly close: () => Promise<void>;
}

const bytes = (value: Buffer): Buffer => value;
const method = {
  path: '/lab.Shop/Ask',
  requestStream: true,
  responseStream: true,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
} as const;

/** Answers when the client has sent everything. */
export async function startGrpc(instance: string, { host, port }: Address): Promise<GrpcBackend> {
  let messages = 0;
  const server = new Server();
  server.addService(
    { ask: method },
    {
      ask: (call: {
        readonly metadata: Metadata;
        on(event: string, listener: () => void): unknown;
        write(message: Buffer): unknown;
        emit(event: string, error: object): unknown;
        end(): unknown;
      }) => {
        const asked = (name: string): number => Number(call.metadata.get(name)[0] ?? 0);
        call.on('data', () => messages++);
        call.on('end', () => {
          for (let i = 0; i < asked('answers'); i++) call.write(Buffer.from(`${instance} ${i}`));
          if (asked('status') === 0) call.end();
          else call.emit('error', { code: asked('status'), details: 'as asked' });
        });
      },
    },
  );
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
  return { instance, messages: () => messages, close: () => Promise.resolve(server.forceShutdown()) };
}

export interface GrpcCall {
  readonly questions: number;
  readonly answers: number;
  /** gRPC's number; 0 is success. */
  readonly status: number;
}

export interface GrpcClient {
  /** The status that the call ended with, and how many messages came back. */
  readonly ask: (call: GrpcCall) => Promise<{ readonly status: number; readonly answers: number }>;
  readonly close: () => void;
}

const patience = 15_000;

/** All calls on one connection to a proxy, for the service that `authority` names. */
export function grpcClient({ host, port }: Address, authority: string): GrpcClient {
  const client = new Client(`${host}:${port}`, credentials.createInsecure(), { 'grpc.default_authority': authority });
  return {
    ask: ({ questions, answers, status }) => {
      const metadata = new Metadata();
      metadata.set('answers', String(answers));
      metadata.set('status', String(status));
      const call = client.makeBidiStreamRequest(method.path, bytes, bytes, metadata, {
        deadline: Date.now() + patience,
      });
      for (let i = 0; i < questions; i++) call.write(Buffer.from(`question ${i}`));
      call.end();
      let received = 0;
      call.on('data', () => received++);
      call.on('error', () => {});
      return new Promise((resolve) => call.on('status', ({ code }) => resolve({ status: code, answers: received })));
    },
    close: () => client.close(),
  };
}
