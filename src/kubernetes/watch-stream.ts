// The body of an answer as JSON: one value, or the events of a watch, one on each line, as they arrive.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
import type { Readable } from 'node:stream';
import type { KubernetesObject } from './resource.ts';
import { connectionFault } from './api-error.ts';
import { asFault } from './exchange.ts';

export interface WatchEvent {
  /** The object of an ERROR is a Status, that of a BOOKMARK has nothing but its metadata. */
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubernetesObject;
}

/** etcd holds no object above 1.5 MiB, and admission may add to it. */
const longestLine = 32 << 20;
const lineFeed = 0x0a;

/** Everything in `body`, which must not be larger than `largest` bytes. Throws an ApiError. */
export async function readJson(body: Readable, largest: number, signal: AbortSignal): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > largest) throw connectionFault('TooLarge', `the API server's answer is larger than ${largest} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw asFault(error, signal);
  } finally {
    body.destroy();
  }
  return parseJson(Buffer.concat(chunks));
}

/** One group for each piece that arrives. A line that the end cuts off was not sent: whoever resumes gets it again. */
export async function* watchEvents(body: Readable, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
  const rest: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const end = chunk.lastIndexOf(lineFeed);
      size += chunk.length;
      if (size > longestLine && end < 0) throw connectionFault('TooLarge', 'an event of the API server is too large');
      if (end < 0) {
        rest.push(chunk);
        continue;
      }
      const whole = Buffer.concat([...rest.splice(0), chunk.subarray(0, end)]);
      if (end + 1 < chunk.length) rest.push(chunk.subarray(end + 1));
      size = chunk.length - end - 1;
      yield lines(whole);
    }
  } catch (error) {
    throw asFault(error, signal);
  } finally {
    body.destroy();
  }
}

function lines(bytes: Buffer): readonly WatchEvent[] {
  const events: WatchEvent[] = [];
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(lineFeed, from);
    const end = found < 0 ? bytes.length : found;
    if (end > from) events.push(toEvent(parseJson(bytes.subarray(from, end))));
    from = end + 1;
  }
  return events;
}

function toEvent(value: unknown): WatchEvent {
  const event = value as WatchEvent | null;
  if (typeof event?.type !== 'string' || (event.type !== 'ERROR' && !isObject(event.object)))
    throw connectionFault('Unreadable', 'the API server sent an event that is none');
  return event;
}

/** What everything else relies on. */
export const isObject = (value: unknown): boolean => {
  const metadata = (value as { metadata?: unknown } | null | undefined)?.metadata;
  return typeof metadata === 'object' && metadata !== null;
};

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw connectionFault('Unreadable', "the API server's answer is no JSON", error);
  }
}
