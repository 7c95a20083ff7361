// What every app of the book shop has: a small HTTP server that notes who called it, and a way to call the others
// through its proxy. The caller's headers that matter are passed on, as any traced service does.
import type { IncomingMessage } from 'node:http';

import type { Answer } from '../http.ts';
import type { Pod, ServiceName } from '../pods.ts';

import { createServer } from 'node:http';

import { send } from '../http.ts';

const passedOn: readonly string[] = ['x-user', 'x-chaos', 'x-request-id', ...traceContext()];

/** What joins the spans of one request: of the W3C, and of Zipkin. https://www.w3.org/TR/trace-context/ */
function traceContext(): readonly string[] {
  const ofZipkin = ['traceid', 'spanid', 'parentspanid', 'sampled', 'flags'].map((part) => `x-b3-${part}`);
  return ['traceparent', 'tracestate', 'baggage', 'b3', ...ofZipkin];
}

export interface Reply {
  readonly status?: number;
  /** An object is sent as JSON, a string as an HTML page. */
  readonly body: object | string;
}

export interface Request {
  readonly url: URL;
  readonly user: string | undefined;
  /** Calls another service of the shop as part of answering this request. */
  readonly call: (service: ServiceName, path: string) => Promise<Answer>;
}

export type Handler = (request: Request, pod: Pod) => Promise<Reply> | Reply;

/** A call as the app saw it; both identities are '' when it did not come through mutual TLS. */
export interface Received {
  readonly path: string;
  readonly caller: string;
  readonly server: string;
}

export interface App {
  readonly pod: Pod;
  /** All calls since the start, oldest first, at most 20,000. */
  readonly received: readonly Received[];
  readonly close: () => Promise<void>;
}

export async function startApp(pod: Pod, meshPort: number, handler: Handler): Promise<App> {
  const received: Received[] = [];
  const server = createServer((incoming, outgoing) => {
    note(received, incoming);
    const request = readRequest(incoming, pod, meshPort);
    void answer(request, pod, handler).then(({ status = 200, body }) => {
      const [type, text] = typeof body === 'string' ? ['text/html', body] : ['application/json', JSON.stringify(body)];
      outgoing.writeHead(status, { 'content-type': `${type}; charset=utf-8` }).end(text);
    });
  });
  // Longer than a proxy keeps an idle connection in use, so that it never sends into one that was just closed.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(pod.appPort, '127.0.0.1', resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { pod, received, close };
}

async function answer(request: Request, pod: Pod, handler: Handler): Promise<Reply> {
  try {
    return await handler(request, pod);
  } catch (error) {
    return { status: 500, body: { error: (error as Error).message } };
  }
}

function readRequest(incoming: IncomingMessage, pod: Pod, meshPort: number): Request {
  const url = new URL(incoming.url ?? '/', 'http://app');
  const headers: Readonly<Record<string, string>> = Object.fromEntries(
    passedOn.flatMap((name) => (typeof incoming.headers[name] === 'string' ? [[name, incoming.headers[name]]] : [])),
  );
  const user = headers['x-user'] ?? url.searchParams.get('user') ?? undefined;
  const identified = user === undefined ? headers : { ...headers, 'x-user': user };
  return {
    url,
    user,
    call: (service, path) =>
      send({ host: pod.egress, port: meshPort, path, headers: { ...identified, host: service } }),
  };
}

function note(received: Received[], { url = '/', headers }: IncomingMessage): void {
  const certificate = String(headers['x-forwarded-client-cert'] ?? '');
  if (received.length >= 20_000) return;
  received.push({ path: url, server: element(certificate, 'By'), caller: element(certificate, 'URI') });
}

/** One element of `By=…;Hash=…;Subject="…";URI=…`. There is one hop only: the apps do not pass this header on. */
function element(certificate: string, key: string): string {
  const found = certificate.split(';').find((part) => part.startsWith(`${key}=`));
  return found?.slice(key.length + 1) ?? '';
}
