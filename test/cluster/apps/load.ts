// Calls URLs in turn: `node load.ts UNTIL PARALLEL URL...`, where UNTIL is how often, or a file that ends it by being there. A
// request is due when the one before it is answered; prints, as JSON, how often each version answered and what went wrong.
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const [until = '', parallel = '1', ...urls] = process.argv.slice(2);
const deadline = Date.now() + 15 * 60_000;
const pauseMs = 20;

const versions: Record<string, number> = {};
const failures: string[] = [];
let requests = 0;

const isOver = (): boolean =>
  Date.now() > deadline || (/^\d+$/.test(until) ? requests >= Number(until) : existsSync(until));

async function ask(url: string): Promise<void> {
  requests++;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(60_000) });
    const body = await response.text();
    if (response.status !== 200 || /"error"|unavailable/.test(body))
      failures.push(`${new Date().toISOString()} ${url} ${response.status} ${body.slice(0, 200)}`);
    const version = `${new URL(url).hostname} ${response.headers.get('x-version') ?? '-'}`;
    versions[version] = (versions[version] ?? 0) + 1;
  } catch (error) {
    failures.push(`${new Date().toISOString()} ${url} ${String((error as Error).cause ?? error)}`);
  }
}

async function worker(first: number): Promise<void> {
  for (let turn = first; !isOver(); turn++) {
    await ask(urls[turn % urls.length] ?? '');
    await delay(pauseMs);
  }
}

await Promise.all(Array.from({ length: Number(parallel) }, (_, index) => worker(index)));
process.stdout.write(
  `${JSON.stringify({ requests, versions, failed: failures.length, failures: failures.slice(0, 20) })}\n`,
);
