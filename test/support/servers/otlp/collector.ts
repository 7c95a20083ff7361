// What takes spans in the tests: OTLP over gRPC and over HTTP, on ports of its own. It keeps everything.
// https://opentelemetry.io/docs/specs/otlp/
import type { ServiceClientConstructor, ServiceDefinition } from '@grpc/grpc-js';

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { loadPackageDefinition, Server, ServerCredentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface Span {
  readonly trace: string;
  readonly id: string;
  /** '' of the first one. */
  readonly parent: string;
  readonly name: string;
  readonly kind: 'server' | 'client' | 'other';
  /** Whose it is. */
  readonly service: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Nanoseconds since 1970. */
  readonly from: bigint;
  readonly to: bigint;
  readonly failed: boolean;
  readonly over: 'grpc' | 'http';
}

export interface Collector {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** In the order in which they came. */
  readonly spans: readonly Span[];
  readonly close: () => Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const spans: Span[] = [];
  const grpc = new Server();
  grpc.addService(traceService, {
    export: ({ request }: { readonly request: Export }, answer: (error: null, response: object) => void) => {
      spans.push(...spansOf(request, 'grpc'));
      answer(null, {});
    },
  });
  const http = createServer((request, response) => {
    void buffer(request).then((body) => {
      const known = request.url === '/v1/traces';
      if (known) spans.push(...spansOf(traceService['Export']?.requestDeserialize(body) as Export, 'http'));
      response.writeHead(known ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  const grpcPort = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    grpc.forceShutdown();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };
  return { grpcPort, httpPort: (http.address() as AddressInfo).port, spans, close };
}

const protos = join(import.meta.dirname, '../../../../protos');
const traceService = service(
  loadPackageDefinition(
    loadSync('trace.proto', { includeDirs: [import.meta.dirname, protos], longs: String, defaults: true }),
  ),
);

function service(root: object): ServiceDefinition {
  const path = ['opentelemetry', 'proto', 'collector', 'trace', 'v1', 'TraceService'];
  const found = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], root);
  return (found as ServiceClientConstructor).service;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>> | null;
}
interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] } | null;
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}
interface WireSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code: number } | null;
}

const spansOf = ({ resourceSpans }: Export, over: Span['over']): readonly Span[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = attributesOf(resource?.attributes ?? [])['service.name'] ?? '';
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => spanOf(span, service, over)));
  });

const spanOf = (span: WireSpan, service: string, over: Span['over']): Span => ({
  trace: span.traceId.toString('hex'),
  id: span.spanId.toString('hex'),
  parent: span.parentSpanId.toString('hex'),
  name: span.name,
  kind: span.kind === 2 ? 'server' : span.kind === 3 ? 'client' : 'other',
  service,
  attributes: attributesOf(span.attributes),
  from: BigInt(span.startTimeUnixNano),
  to: BigInt(span.endTimeUnixNano),
  failed: span.status?.code === 2,
  over,
});

const attributesOf = (attributes: readonly Attribute[]): Readonly<Record<string, string>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, textOf(value ?? {})]));

function textOf(value: Readonly<Record<string, unknown>>): string {
  const [, set] = Object.entries(value).find(([kind, each]) => kind.endsWith('Value') && hasValue(each)) ?? [];
  return set === undefined ? '' : typeof set === 'string' ? set : JSON.stringify(set);
}

/** Fields that are not set have their type's empty value. */
const hasValue = (value: unknown): boolean => ![null, undefined, '', '0', 0, false].includes(value as null);
