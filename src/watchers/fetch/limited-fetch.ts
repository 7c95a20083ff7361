// Fetching what a user wrote the address of: little is read, not for long, and only from where the control plane has nothing
// to lose. What was looked up and checked is what is connected to.
// https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';

import { isFetchable } from './public-address.ts';

export interface FetchOptions {
  /** Which addresses may be connected to; by default those that are neither local nor a cloud's own. */
  readonly isAllowed?: (address: string) => boolean;
  /** Certificates to trust besides those of Node. */
  readonly ca?: string;
  /** Addresses of a host name, for tests. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

export interface FetchRequest {
  readonly uri: string;
  readonly maxBytes: number;
  /** Sent to the first host only. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the answer, besides 200, that are no fault. */
  readonly alsoExpected?: readonly number[];
}

export interface Fetched {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const maxRedirects = 3;

/** A document, after few redirects that keep the scheme. Throws with a reason that a user can read. */
export async function fetchLimited(
  { uri, maxBytes, headers = {}, alsoExpected = [] }: FetchRequest,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<Fetched> {
  let url = new URL(uri);
  const { protocol, host } = url;
  if (protocol !== 'https:' && protocol !== 'http:') throw new Error(`${uri} is neither http nor https`);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await open(url, url.host === host ? headers : {}, options, signal);
    const { statusCode: status = 0, headers: answered } = response;
    if (status === 200 || alsoExpected.includes(status))
      return { status, headers: answered, body: await limitedBody(response, url, maxBytes) };
    response.destroy();
    if (![301, 302, 303, 307, 308].includes(status) || answered.location === undefined)
      throw new Error(`${url.origin}${url.pathname} answered ${status}`);
    url = new URL(answered.location, url);
    if (url.protocol !== protocol) throw new Error(`${uri} redirects to another scheme: ${url.protocol}`);
  }
  throw new Error(`${uri} redirects more than ${maxRedirects} times`);
}

async function open(
  url: URL,
  headers: Readonly<Record<string, string>>,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const address = await allowedAddress(host, options, signal);
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const outgoing = request({
    host: address,
    port: url.port === '' ? undefined : Number(url.port),
    path: `${url.pathname}${url.search}`,
    headers: { 'accept-encoding': 'identity', ...headers, host: url.host },
    agent: false,
    signal,
    ...(isIP(host) === 0 && { servername: host }),
    ...(options.ca !== undefined && { ca: options.ca }),
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response', { signal })) as [IncomingMessage];
  return response;
}

async function allowedAddress(
  host: string,
  { isAllowed = isFetchable, resolve = addressesOf }: FetchOptions,
  signal: AbortSignal,
): Promise<string> {
  const addresses = isIP(host) === 0 ? await abortable(resolve(host), signal) : [host];
  const allowed = addresses.find(isAllowed);
  if (allowed === undefined)
    throw new Error(`${host} is at an address that is not fetched from: ${addresses.join(', ')}`);
  return allowed;
}

const addressesOf = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** A lookup cannot be interrupted, but it need not be waited for. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    promise.then(resolve, reject);
  });
}

async function limitedBody(response: IncomingMessage, url: URL, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      response.destroy();
      throw new Error(`${url.origin}${url.pathname} has more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
