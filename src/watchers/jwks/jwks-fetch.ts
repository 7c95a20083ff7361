// One fetch of a JSON Web Key Set for a user who wrote its address.
// https://www.rfc-editor.org/rfc/rfc7517#section-5
import type { KeySource } from '../../model/external/key-source.ts';
import type { FetchOptions } from '../fetch/limited-fetch.ts';

import { fetchLimited } from '../fetch/limited-fetch.ts';
import { parseJson, usableKeySet } from './public-key.ts';
import { parseDuration } from '../../model/duration.ts';

export type { FetchOptions } from '../fetch/limited-fetch.ts';

const maxBytes = 1024 * 1024;
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

async function read(uri: string, options: FetchOptions, signal: AbortSignal): Promise<string> {
  const { body } = await fetchLimited({ uri, maxBytes, headers: { accept: 'application/json' } }, options, signal);
  return body.toString('utf8');
}

function keysUriOf(text: string): string {
  const document = parseJson(text);
  const uri =
    typeof document === 'object' && document !== null && 'jwks_uri' in document ? document.jwks_uri : undefined;
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw new Error('the discovery document has no jwks_uri');
  return uri;
}
