// One request and the head of its answer, over either version of HTTP. All failures are ApiErrors.
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Agent, IncomingMessage } from 'node:http';
import type { Answer, Exchange } from './transport.ts';
import { once } from 'node:events';
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { connectionFault, isApiError } from './api-error.ts';

export async function requestHttp2(session: ClientHttp2Session, server: URL, exchange: Exchange): Promise<Answer> {
  const { method, path, headers, body, signal } = exchange;
  let stream: ClientHttp2Stream | undefined;
  try {
    signal.throwIfAborted();
    const head = { ':method': method, ':path': path, ':authority': server.host, ...headers };
    stream = session.request(head, { endStream: body === undefined });
    abortWith(stream, signal);
    if (body !== undefined) stream.end(body);
    const [answered] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    return {
      status: Number(answered[':status']),
      header: (name) => first(answered[name]),
      body: stream,
    };
  } catch (error) {
    stream?.destroy();
    throw asFault(error, signal);
  }
}

export async function requestHttp1(agent: Agent, server: URL, exchange: Exchange): Promise<Answer> {
  const { method, path, headers, body, signal } = exchange;
  const send = server.protocol === 'http:' ? http : https;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const request = send(new URL(path, server), { method, agent, headers: { ...headers, ...length } });
  abortWith(request, signal);
  request.end(body);
  try {
    const [message] = (await once(request, 'response')) as [IncomingMessage];
    abortWith(message, signal);
    return {
      status: message.statusCode ?? 0,
      header: (name) => first(message.headers[name]),
      body: message,
    };
  } catch (error) {
    request.destroy();
    throw asFault(error, signal);
  }
}

interface Destroyable {
  destroy(error?: Error): unknown;
  once(event: 'close', listener: () => void): unknown;
  on(event: 'error', listener: () => void): unknown;
}

/** `signal` ends it, and holds it no longer than it lives. An error that comes when nobody reads any more is nobody's. */
function abortWith(destroyable: Destroyable, signal: AbortSignal): void {
  const abort = (): void => void destroyable.destroy(asFault(signal.reason, signal));
  destroyable.on('error', () => {});
  if (signal.aborted) return abort();
  signal.addEventListener('abort', abort);
  destroyable.once('close', () => signal.removeEventListener('abort', abort));
}

/** Whatever went wrong with a connection. */
export function asFault(error: unknown, signal?: AbortSignal): Error {
  if (isApiError(error)) return error;
  const cause = signal?.aborted === true ? (signal.reason as unknown) : error;
  if (isApiError(cause)) return cause;
  const { name, message } = cause instanceof Error ? cause : { name: 'Error', message: String(cause) };
  return name === 'TimeoutError'
    ? connectionFault('Timeout', 'the API server did not answer in time', cause)
    : connectionFault('Unreachable', `the connection to the API server failed: ${message}`, cause);
}

const first = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0];
