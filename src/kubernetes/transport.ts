// HTTP to the API server: all requests on one HTTP/2 connection where the server speaks it, else on kept-alive HTTP/1.1
// connections. A connection whose other end has silently gone is found out by pings, and then all of its streams fail.
// https://kubernetes.io/docs/reference/using-api/api-concepts/
import type { ClientHttp2Session } from 'node:http2';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Credential, Credentials, TlsOptions } from './credentials.ts';
import { connect as connectHttp2 } from 'node:http2';
import { Agent as HttpsAgent } from 'node:https';
import { Agent as HttpAgent } from 'node:http';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { connectionFault } from './api-error.ts';
import { requestHttp1, requestHttp2 } from './exchange.ts';

export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** Errors when the connection ends before the answer does, or `signal` says so. */
  readonly body: Readable;
}

export interface TransportLimits {
  /** Until a connection stands. */
  readonly connectMs: number;
  /** Between two pings. */
  readonly pingMs: number;
  /** Until a ping must have been answered. */
  readonly pongMs: number;
}

export const defaultLimits: TransportLimits = { connectMs: 10_000, pingMs: 15_000, pongMs: 15_000 };

type Connection =
  | { readonly tls: TlsOptions; readonly session: ClientHttp2Session }
  | { readonly tls: TlsOptions; readonly agent: HttpAgent | HttpsAgent };

/** Each watch of each kind is a stream of its own, and none may hold up another. */
const streamWindow = 1 << 20;
const connectionWindow = 1 << 24;

export class Transport {
  readonly #credentials: Credentials;
  readonly #limits: TransportLimits;
  #connection: Promise<Connection> | undefined;
  #closed = false;

  constructor(credentials: Credentials, limits: Partial<TransportLimits> = {}) {
    this.#credentials = credentials;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** Resolves with the head of the answer. Throws an ApiError. */
  async send(exchange: Exchange): Promise<Answer> {
    if (this.#closed) throw connectionFault('Unreachable', 'the client is closed');
    const { server } = this.#credentials;
    const credential = await this.#credentials.current();
    const connection = await this.#connect(credential);
    const path = `${server.pathname.replace(/\/$/, '')}${exchange.path}`;
    const complete: Exchange = { ...exchange, path, headers: { ...exchange.headers, ...credential.headers } };
    return 'session' in connection
      ? requestHttp2(connection.session, server, complete)
      : requestHttp1(connection.agent, server, complete);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connection = await this.#connection?.catch(() => undefined);
    if (connection === undefined) return;
    if ('session' in connection) connection.session.destroy();
    else connection.agent.destroy();
  }

  /** The connection in use, or another one if that has ended or our certificates have changed since. */
  async #connect(credential: Credential): Promise<Connection> {
    const current = this.#connection;
    const connection = await current?.catch(() => undefined);
    if (connection !== undefined && isUsable(connection) && sameTls(connection.tls, credential.tls)) return connection;
    // Somebody else may have begun another one meanwhile.
    if (this.#connection !== undefined && this.#connection !== current) return this.#connection;
    if (connection !== undefined && 'session' in connection) connection.session.close();
    return (this.#connection = this.#open(credential));
  }

  async #open({ tls, agent }: Credential): Promise<Connection> {
    const { server } = this.#credentials;
    if (agent !== undefined) return { tls, agent };
    const keepAlive = { keepAlive: true, keepAliveMsecs: this.#limits.pingMs };
    if (server.protocol === 'http:') return { tls, agent: new HttpAgent(keepAlive) };
    const socket = await openTls(server, tls, this.#limits.connectMs);
    if (socket.alpnProtocol === 'h2') return { tls, session: this.#session(socket) };
    socket.destroy();
    return { tls, agent: new HttpsAgent({ ...keepAlive, ...tls }) };
  }

  #session(socket: TLSSocket): ClientHttp2Session {
    const session = connectHttp2(this.#credentials.server, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: streamWindow },
    });
    session.once('connect', () => session.setLocalWindowSize(connectionWindow));
    session.on('error', () => {}); // each of its streams tells
    const stopPings = keepAsking(session, socket, this.#limits);
    session.once('close', stopPings);
    return session;
  }
}

/** Pings. When neither an answer nor anything else has come in time, nothing on this connection can be trusted to arrive. */
function keepAsking(session: ClientHttp2Session, socket: TLSSocket, { pingMs, pongMs }: TransportLimits): () => void {
  let giveUp: NodeJS.Timeout | undefined;
  const pings = setInterval(() => {
    if (session.destroyed || giveUp !== undefined) return;
    const received = socket.bytesRead;
    giveUp = setTimeout(() => {
      giveUp = undefined;
      if (socket.bytesRead === received)
        session.destroy(connectionFault('Unreachable', 'the API server has fallen silent'));
    }, pongMs);
    session.ping(() => {
      clearTimeout(giveUp);
      giveUp = undefined;
    });
  }, pingMs);
  return () => {
    clearInterval(pings);
    clearTimeout(giveUp);
  };
}

const isUsable = (connection: Connection): boolean =>
  'agent' in connection || !(connection.session.closed || connection.session.destroyed);

function sameTls(a: TlsOptions, b: TlsOptions): boolean {
  const text = (value: string | Buffer | undefined): string | undefined => value?.toString();
  return (['ca', 'cert', 'key'] as const).every((field) => a[field] === b[field] || text(a[field]) === text(b[field]));
}

function openTls(server: URL, tls: TlsOptions, connectMs: number): Promise<TLSSocket> {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        connectionFault('Unreachable', `the API server at ${server.host} cannot be reached: ${cause.message}`, cause),
      );
    const socket = connectTls({
      host,
      port: Number(server.port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      ...tls,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    socket.setTimeout(connectMs, () => socket.destroy(new Error(`no connection within ${connectMs} ms`)));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, defaultLimits.pingMs);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}
