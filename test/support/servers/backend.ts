// Servers of our own behind the proxies: they say what arrived, count it, and fail on demand.
import type { IncomingHttpHeaders } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { Server, Socket } from 'node:net';

import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A request as it arrived. */
export interface Arrival {
  /** Who answered. */
  readonly instance: string;
  readonly method: string;
  readonly path: string;
  readonly httpVersion: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they were written. */
  readonly rawHeaders: readonly string[];
  /** Which connection it came on: the port of the other side. */
  readonly connection: number;
}

/** An answer's status; 'reset' breaks the connection; 'hang' never answers. */
export type Behavior = number | 'reset' | 'hang';

export interface Backend {
  readonly instance: string;
  /** Everything that arrived, oldest first. */
  readonly arrivals: Arrival[];
  /** What to do with the next requests, one each; after that every answer is 200. */
  readonly behaviors: Behavior[];
  readonly close: () => Promise<void>;
}

interface Incoming {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: Socket | undefined;
  resume(): unknown;
}
interface Outgoing {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body: string): unknown;
}

/** HTTP/1.1: the answer is the Arrival as JSON. The query `delay=MS` has the answer wait. */
export async function startHttp(instance: string, at: Address): Promise<Backend> {
  const [backend, serve] = httpBackend(instance);
  const server = createHttpServer((request, response) => void serve(request, response));
  server.on('upgrade', (request, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${request.headers.upgrade}\r\n\r\n`,
    );
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  return { ...backend, close: await listening(server, at) };
}

/** HTTP/2 without TLS, the same otherwise; a request of type application/grpc is answered as gRPC answers. */
export async function startHttp2(instance: string, at: Address): Promise<Backend> {
  const [backend, serve] = httpBackend(instance);
  const server = createHttp2Server((request, response) => {
    if (request.headers['content-type'] === 'application/grpc') {
      response.writeHead(200, { 'content-type': 'application/grpc' });
      response.addTrailers({ 'grpc-status': '0' });
      response.end();
      return;
    }
    void serve(request, response);
  });
  return { ...backend, close: await listening(server, at) };
}

function httpBackend(
  instance: string,
): [Omit<Backend, 'close'>, (request: Incoming, response: Outgoing) => Promise<void>] {
  const arrivals: Arrival[] = [];
  const behaviors: Behavior[] = [];
  const serve = async (request: Incoming, response: Outgoing): Promise<void> => {
    request.resume();
    const { method = '', url: path = '', httpVersion, headers, rawHeaders } = request;
    const connection = request.socket?.remotePort ?? 0;
    const arrival = { instance, method, path, httpVersion, headers, rawHeaders, connection };
    arrivals.push(arrival);
    const behavior = behaviors.shift() ?? 200;
    if (behavior === 'hang') return;
    if (behavior === 'reset') return void request.socket?.destroy();
    const wait = Number(new URL(path, 'http://any').searchParams.get('delay') ?? 0);
    if (wait > 0) await delay(wait);
    response.writeHead(behavior, { 'content-type': 'application/json', 'x-instance': instance });
    response.end(JSON.stringify(arrival));
  };
  return [{ instance, arrivals, behaviors }, serve];
}

/** HTTP/1.1 for those who speak it, an echo for the others. */
export async function startEither(instance: string, at: Address): Promise<Backend> {
  const [backend, serve] = httpBackend(instance);
  const http = createHttpServer((request, response) => void serve(request, response));
  const server = createTcpServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      if (/^[A-Z]+ [^ ]+ HTTP/.test(first.toString())) http.emit('connection', socket);
      else echo(instance, socket);
      socket.resume();
    });
  });
  return { ...backend, close: await listening(server, at) };
}

export interface TcpBackend {
  readonly instance: string;
  /** How many connections arrived. */
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

/** Sends back what it gets, after its name and a colon. */
export async function startTcpEcho(instance: string, at: Address): Promise<TcpBackend> {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections++;
    socket.on('error', () => socket.destroy());
    echo(instance, socket);
  });
  return { instance, connections: () => connections, close: await listening(server, at) };
}

/** Speaks first, as mail and MySQL servers do: its name and a line end, and then nothing. */
export async function startGreeting(instance: string, at: Address): Promise<TcpBackend> {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections++;
    socket.on('error', () => socket.destroy());
    socket.write(`${instance} greets\n`);
  });
  return { instance, connections: () => connections, close: await listening(server, at) };
}

function echo(instance: string, socket: Socket): void {
  socket.once('data', (first: Buffer) => {
    socket.write(`${instance}:${first.toString()}`);
    socket.pipe(socket);
  });
}

/** Returns how to close the server at once, whoever is connected. */
export function listening(server: Server | Http2Server, { host, port }: Address): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(close));
  });
}
