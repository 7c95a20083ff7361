// Requests as an application sends them, and what came of them.
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Address, Arrival } from '../servers/backend.ts';

import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Call {
  readonly path?: string;
  readonly method?: string;
  /** `host` says which service is meant. */
  readonly headers?: OutgoingHttpHeaders;
  /** The address to call from. */
  readonly from?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly milliseconds: number;
}

const patience = 15_000;

/** Over HTTP/1.1 on a connection of its own. Rejects only when there was no answer. */
export async function send(
  { host, port }: Address,
  { path = '/', method = 'GET', headers = {}, from }: Call = {},
): Promise<Answer> {
  const began = performance.now();
  const local = from === undefined ? {} : { localAddress: from };
  const outgoing = request({ host, port, path, method, headers, ...local, agent: false, timeout: patience });
  outgoing.once('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer in ${patience} ms`)));
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  const body = await text(incoming);
  return { status: incoming.statusCode, headers: incoming.headers, body, milliseconds: performance.now() - began };
}

/** The same over HTTP/2 without TLS. */
export async function sendHttp2(at: Address, { path = '/', method = 'GET', headers = {} }: Call = {}): Promise<Answer> {
  const began = performance.now();
  const { host: authority = at.host, ...others } = headers;
  const session = connectHttp2(`http://${at.host}:${at.port}`);
  try {
    const stream = session.request({ ':path': path, ':method': method, ':authority': authority, ...others });
    stream.end();
    const trailers: IncomingHttpHeaders = {};
    stream.on('trailers', (received) => Object.assign(trailers, received));
    const failed = once(session, 'error').then(([error]) => Promise.reject(error as Error));
    const [received] = await Promise.race([once(stream, 'response'), failed]);
    const body = await text(stream);
    const { ':status': status, ...rest } = received as Record<string, string | number>;
    const all = { ...rest, ...trailers } as IncomingHttpHeaders;
    return { status: Number(status), headers: all, body, milliseconds: performance.now() - began };
  } finally {
    session.destroy();
  }
}

/** What the backend saw, as it answered. */
export function arrival({ status, body }: Answer): Arrival {
  if (!body.startsWith('{')) throw new Error(`no backend answered, but ${status} ${body}`);
  return JSON.parse(body) as Arrival;
}

/** Who answered, or the status when it was not 200. */
export const whoOf = (answer: Answer): string =>
  answer.status === 200 ? arrival(answer).instance : String(answer.status);

/** `count` calls, at most `parallel` at a time. */
export async function repeat<T>(count: number, call: (index: number) => Promise<T>, parallel = 8): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) results.push(await call(next++));
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return results;
}

/** How often each value is there. */
export function tally(values: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(values, (value) => value)].map(([value, all]) => [value, all.length]));
}

/** Sends a line over TCP and returns what came back by the time that `until` is in it or the other side ended. */
export async function sendLine({ host, port }: Address, line: string, until = line, from?: string): Promise<string> {
  const socket = connect({ host, port, ...(from !== undefined && { localAddress: from }) });
  let received = '';
  socket.setEncoding('utf8');
  socket.setTimeout(patience, () => socket.destroy(new Error(`'${received}' was all in ${patience} ms`)));
  socket.write(line);
  try {
    for await (const chunk of socket) {
      received += chunk;
      if (received.includes(until)) break;
    }
  } finally {
    socket.destroy();
  }
  return received;
}
