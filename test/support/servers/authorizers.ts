// External authorizers of our own, over HTTP and over gRPC: what has `forbidden` in its path does not pass.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/auth/v3/external_auth.proto
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { startEnvoyService } from '../../../scripts/envoy-service.ts';

export interface AuthorizerServer {
  readonly port: number;
  /** What it was asked, oldest first. */
  readonly asked: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body?: string }[];
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

interface CheckRequest {
  readonly attributes?: { readonly request?: { readonly http?: CheckedRequest } };
}

interface CheckedRequest {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Its answer is a google.rpc.Status: OK, or PERMISSION_DENIED. */
export async function startGrpcAuthorizer(): Promise<AuthorizerServer> {
  const asked: AuthorizerServer['asked'] = [];
  const service = await startEnvoyService('envoy.service.auth.v3.Authorization', ({ attributes }: CheckRequest) => {
    const { path = '', headers = {}, body = '' } = attributes?.request?.http ?? {};
    asked.push({ path, headers, body });
    return { status: { code: path.includes('forbidden') ? 7 : 0 } };
  });
  return { port: service.port, asked, close: () => Promise.resolve(service.close()) };
}
