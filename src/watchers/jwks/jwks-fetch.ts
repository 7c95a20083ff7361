// One fetch of a JSON Web Key Set for a user who wrote its address: little is read, not for long, and only from where the
// control plane has nothing to lose. What was looked up and checked is what is connected to.
// https://www.rfc-editor.org/rfc/rfc7517#section-5
import type { IncomingMessage } from 'node:http';
import type { KeySource } from '../../model/key-source.ts';

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';

import { isFetchable } from './public-address.ts';
import { usableKeySet } from './public-key.ts';
import { parseDuration } from '../../model/duration.ts';

export interface FetchOptions {
  /** Which addresses may be connected to; by default those that are neither local nor a cloud's own. */
  readonly isAllowed?: (address: string) => boolean;
  /** Certificates to trust besides those of Node. */
  readonly ca?: string;
  /** Addresses of a host name, for tests. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

const maxBytes = 1024 * 1024;
const maxRedirects = 3;
const defaultTimeout = 5_000;
const maxTimeout = 30_000;

/** The text of the key set. Throws with a reason that a user can read. */
export async function fetchKeys(source: KeySource, options: FetchOptions, stop: AbortSignal): Promise<string> {
  const timeout = AbortSignal.timeout(Math.min(milliseconds(source.timeout), maxTimeout));
  const signal = AbortSignal.any([stop, timeout]);
  try {
    const keysUri = source.discovery ? keysUriOf(await read(source.uri, options, signal)) : source.uri;
    const text = await read(keysUri, options, signal);
    const keys = usableKeySet(text);
    if (keys === undefined) throw new Error(`${keysUri} has no JSON Web Key Set with a key that can be used`);
    return keys;
  } catch (error) {
    throw timeout.aborted ? new Error(`${source.uri} did not answer in time`) : error;
  }
}

const milliseconds = (duration: string | undefined): number =>
  duration === undefined ? defaultTimeout : (parseDuration(duration) ?? defaultTimeout);

/** A document, after few redirects that keep the scheme. */
async function read(uri: string, options: FetchOptions, signal: AbortSignal): Promise<string> {
  let url = new URL(uri);
  const { protocol } = url;
  if (protocol !== 'https:' && protocol !== 'http:') throw new Error(`${uri} is neither http nor https`);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await open(url, options, signal);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200) return await limitedText(response, url);
    response.destroy();
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined)
      throw new Error(`${url.href} answered ${statusCode}`);
    url = new URL(headers.location, url);
    if (url.protocol !== protocol) throw new Error(`${uri} redirects to another scheme: ${url.protocol}`);
  }
  throw new Error(`${uri} redirects more than ${maxRedirects} times`);
}

async function open(url: URL, options: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const address = await allowedAddress(host, options, signal);
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const outgoing = request({
    host: address,
    port: url.port === '' ? undefined : Number(url.port),
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, accept: 'application/json', 'accept-encoding': 'identity' },
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

async function limitedText(response: IncomingMessage, url: URL): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      response.destroy();
      throw new Error(`${url.href} has more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function keysUriOf(text: string): string {
  const document = parseJson(text);
  const uri =
    typeof document === 'object' && document !== null && 'jwks_uri' in document ? document.jwks_uri : undefined;
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw new Error('the discovery document has no jwks_uri');
  return uri;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
