// External authorizers of our own, over HTTP and over gRPC: what has `forbidden` in its path does not pass.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/auth/v3/external_auth.proto
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Server, ServerCredentials } from '@grpc/grpc-js';

export interface AuthorizerServer {
  readonly port: number;
  /** What it was asked, oldest first. */
  readonly asked: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  readonly close: () => Promise<void>;
}

export async function startHttpAuthorizer(): Promise<AuthorizerServer> {
  const asked: AuthorizerServer['asked'] = [];
  const server = createServer((request, response) => {
    const { url: path = '', headers } = request;
    asked.push({ path, headers });
    if (path.includes('forbidden')) response.writeHead(403, { 'x-reason': 'forbidden' }).end('not you');
    else response.writeHead(200, { 'x-user': 'known' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** CheckResponse with a google.rpc.Status: code 0 (OK), or 7 (PERMISSION_DENIED). */
const passes = Buffer.from([0x0a, 0x00]);
const refuses = Buffer.from([0x0a, 0x02, 0x08, 0x07]);

export async function startGrpcAuthorizer(): Promise<AuthorizerServer> {
  const asked: AuthorizerServer['asked'] = [];
  const server = new Server();
  const bytes = (value: Buffer): Buffer => value;
  const check = {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const;
  server.addService(
    { check },
    {
      check: ({ request }: { request: Buffer }, answer: (error: null, value: Buffer) => void) => {
        const text = request.toString('latin1');
        asked.push({ path: text, headers: {} });
        answer(null, text.includes('forbidden') ? refuses : passes);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, asked, close: async () => server.forceShutdown() };
}
