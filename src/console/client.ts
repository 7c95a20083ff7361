// The daemon as the page sees it: questions answered with JSON, and a stream that tells when to ask again. Who has no
// business here is asked for a token, which stays in this tab.
const key = 'keelson.token';

/** What the daemon says no to. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Query = Readonly<Record<string, string>>;

export function enterToken(token: string): void {
  sessionStorage.setItem(key, token.trim());
  dispatchEvent(new Event('keelson:token'));
}

function authorization(): Record<string, string> {
  const token = sessionStorage.getItem(key);
  return token === null || token === '' ? {} : { authorization: `Bearer ${token}` };
}

export interface Answer<T> {
  readonly data: T;
  /** What is missing in it, in the daemon's words. */
  readonly warnings: readonly string[];
}

/** Throws a Refusal, or what is to be said of a daemon that is not reached. */
export async function ask<T>(name: string, query: Query = {}, signal?: AbortSignal): Promise<Answer<T>> {
  const wanted = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''));
  const response = await reached(`/console/api/${name}?${wanted}`, {
    headers: authorization(),
    ...(signal && { signal }),
  });
  return answered<T>(response);
}

/** JSON for an object, YAML for text. */
export async function send<T extends object>(name: string, body: string | object): Promise<Answer<T>> {
  const isText = typeof body === 'string';
  const type = isText ? 'application/yaml' : 'application/json';
  const response = await reached(`/console/api/${name}`, {
    method: 'POST',
    headers: { ...authorization(), 'content-type': type },
    body: isText ? body : JSON.stringify(body),
  });
  const { data, warnings } = await answered<T | { readonly refused: string }>(response);
  if ('refused' in data) throw new Refusal(200, data.refused);
  return { data, warnings };
}

let known: Promise<Readonly<Record<string, string>>> | undefined;

/** What to do about problems, by their code; read once. */
export function remedies(): Promise<Readonly<Record<string, string>>> {
  known ??= reached('/console/problems.json', {}).then((response) => response.json());
  known.catch(() => (known = undefined));
  return known;
}

/** Browsers say of a connection that is refused nothing but that. */
async function reached(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error('The control plane cannot be reached: is its port still forwarded? What is shown may be old.', {
      cause: error,
    });
  }
}

async function answered<T>(response: Response): Promise<Answer<T>> {
  if (response.ok) {
    const warned = (response.headers.get('warning') ?? '').matchAll(/299 - "([^"]*)"/g);
    return { data: (await response.json()) as T, warnings: Array.from(warned, ([, words = '']) => words) };
  }
  const text = await response.text();
  if (response.status === 401) dispatchEvent(new Event('keelson:unknown'));
  throw new Refusal(response.status, refusedWords(text) ?? `the daemon answers ${response.status}`);
}

function refusedWords(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { readonly refused?: string }).refused;
  } catch {
    return undefined;
  }
}

/** Calls for every piece of news until it is aborted; `onState` tells whether there is a connection. */
export async function follow(onNews: () => void, onState: (live: boolean) => void, signal: AbortSignal): Promise<void> {
  for (let wait = 1000; !signal.aborted; wait = Math.min(30_000, wait * 2)) {
    try {
      const response = await fetch('/console/api/events', { headers: authorization(), signal });
      if (response.ok && response.body !== null) {
        onState(true);
        onNews();
        wait = 1000;
        await readNews(response.body, onNews);
      }
    } catch {
      // Whatever it was, it is tried again.
    }
    if (signal.aborted) return;
    onState(false);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function readNews(body: ReadableStream<Uint8Array>, onNews: () => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n\n');
    rest = parts.pop() ?? '';
    if (parts.some((part) => part.startsWith('event: change'))) onNews();
  }
}
