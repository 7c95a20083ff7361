// What takes spans that are not OTLP's in the tests: whatever is sent, over HTTP or over gRPC, is kept as it came.
// https://zipkin.io/zipkin-api/, https://skywalking.apache.org/docs/main/latest/en/api/trace-data-protocol-v3/
import type { AddressInfo } from 'node:net';

import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { buffer } from 'node:stream/consumers';

export interface Report {
  readonly path: string;
  readonly body: Buffer;
}

export interface SpanSink {
  readonly port: number;
  readonly reports: readonly Report[];
  readonly close: () => Promise<void>;
}

export async function startHttpSink(): Promise<SpanSink> {
  const reports: Report[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      reports.push({ path: request.url ?? '', body });
      response.writeHead(202, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    reports,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Calls that stay open are kept message by message; no call is answered before its client has ended it. */
export async function startGrpcSink(): Promise<SpanSink> {
  const reports: Report[] = [];
  const server = createHttp2Server();
  const sessions = new Set<{ destroy: () => void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('data', (body: Buffer) => reports.push({ path: headers[':path'] ?? '', body }));
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('end', () => stream.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    reports,
    close: async () => {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
