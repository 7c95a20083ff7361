// One app of the book shop in a Pod: `node serve.ts SERVICE VERSION`. It calls the others by their names, as if there were
// no mesh. It says `x-version` so that callers can count who answered.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Handler, Reply } from '../../../demo/apps/app.ts';
import type { ServiceName } from '../../../demo/pods.ts';

import { createServer } from 'node:http';
import { hostname } from 'node:os';

import { details } from '../../../demo/apps/details.ts';
import { frontPage } from '../../../demo/apps/front-page.ts';
import { ratings } from '../../../demo/apps/ratings.ts';
import { reviews } from '../../../demo/apps/reviews.ts';
import { store } from '../../../demo/apps/store.ts';
import { send } from '../../../demo/http.ts';

const port = 9080;
/** For so long connections still come in after Kubernetes has said that this Pod ends. */
const lastCallsMs = 10_000;
const handlers: Readonly<Record<ServiceName, Handler>> = { front: frontPage, details, ratings, reviews, store };

const [service = 'front', version = 'v1'] = process.argv.slice(2) as [ServiceName?, string?];
const pod = { name: hostname(), service, version, address: '', egress: '', appPort: port, adminPort: 0 };

const server = createServer((incoming, outgoing) => void answer(incoming, outgoing));
server.keepAliveTimeout = 600_000;
server.listen(port);
process.once('SIGTERM', () => setTimeout(() => process.exit(0), lastCallsMs));

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const url = new URL(incoming.url ?? '/', 'http://app');
  // Probes ask whether the process answers, and nothing of the others.
  const { status = 200, body } = url.pathname === '/healthz' ? { body: 'ok' } : await handled(url);
  const client = String(incoming.headers['x-forwarded-client-cert'] ?? '');
  outgoing.writeHead(status, { 'x-version': version, 'x-client': client });
  outgoing.end(typeof body === 'string' ? body : JSON.stringify(body));
}

async function handled(url: URL): Promise<Reply> {
  const call = (name: ServiceName, path: string) => send({ host: name, port, path });
  try {
    return await handlers[service]({ url, user: undefined, call }, pod);
  } catch (error) {
    return { status: 500, body: { error: (error as Error).message } };
  }
}
