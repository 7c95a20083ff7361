// Server-sent events for open pages: that something may have changed, at most once in a second; what it is, a page asks for.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
import type { ServerResponse } from 'node:http';

import type { ConsoleSource } from './source.ts';

const gather = 1000;
/** So that whoever is between knows that the connection is in use. */
const heartbeat = 15_000;
const mostPages = 100;

export class Events {
  readonly #source: ConsoleSource;
  readonly #pages = new Set<ServerResponse>();
  /** There is news, and it is not told yet. */
  #isPending = false;
  #heart: NodeJS.Timeout | undefined;
  #stop: (() => void) | undefined;
  #count = 0;

  constructor(source: ConsoleSource) {
    this.#source = source;
  }

  /** False when too many pages are open. Listens only while somebody does. */
  open(page: ServerResponse, headers: Readonly<Record<string, string>>): boolean {
    if (this.#pages.size >= mostPages) return false;
    page.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
    page.write('retry: 2000\n\n');
    this.#pages.add(page);
    this.#stop ??= this.#source.onChange(() => this.#touch());
    this.#heart ??= setInterval(() => this.#send(':\n\n'), heartbeat).unref();
    page.on('close', () => this.#forget(page));
    return true;
  }

  close(): void {
    for (const page of this.#pages) page.end();
  }

  #touch(): void {
    if (this.#isPending) return;
    this.#isPending = true;
    setTimeout(() => {
      this.#isPending = false;
      this.#send(`event: change\ndata: ${++this.#count}\n\n`);
    }, gather).unref();
  }

  /** Who does not read misses news rather than filling memory. */
  #send(text: string): void {
    for (const page of this.#pages) if (!page.writableNeedDrain) page.write(text);
  }

  #forget(page: ServerResponse): void {
    this.#pages.delete(page);
    if (this.#pages.size > 0) return;
    this.#stop?.();
    clearInterval(this.#heart);
    this.#stop = undefined;
    this.#heart = undefined;
  }
}
