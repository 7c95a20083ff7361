// What `istioctl admin log` and `istioctl dashboard controlz` look for: how much the daemon's log tells, shown and changed while
// it runs. It listens on the machine itself only; whoever may forward its port may change it.
// https://istio.io/latest/docs/ops/diagnostic-tools/controlz/
import type { FastifyRequest } from 'fastify';

import type { AdminServer, LogLevelSwitch } from './http.ts';
import { isOfThisMachine, newApp, serverOf } from './http.ts';

/** istiod has a scope for each of its parts; here one stands for all of them. */
const scope = 'default';

/** Levels that nothing is told at, by those next to them. */
const nearest: Readonly<Record<string, string>> = { debug: 'info', fatal: 'error' };

/** /scopej/ with GET and PUT, and a page for browsers. */
export function controlzServer({ current, change }: LogLevelSwitch, onFault: (fault: unknown) => void): AdminServer {
  const app = newApp({ onFault });
  const shown = () => ({
    name: scope,
    description: 'Everything that the control plane tells.',
    output_level: current(),
    stack_trace_level: 'none',
    log_callers: false,
  });
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, parsed) => parsed(null, body));
  app.addHook('onRequest', async (request, reply) => {
    if (!isOfThisMachine(request)) await reply.code(403).type('text/plain').send('for callers of this machine\n');
  });
  app.get('/', (_request, reply) => reply.type('text/html').send(page(current())));
  app.get('/scopej', () => [shown()]);
  app.get('/scopej/*', (request, reply) => {
    const name = nameOf(request);
    if (name === '') return [shown()];
    return name === scope ? shown() : reply.callNotFound();
  });
  app.put('/scopej/*', (request, reply) => {
    const wanted = levelIn(request.body);
    if (nameOf(request) !== scope) return reply.callNotFound();
    // What is told beside the level has no meaning here, and may stand there.
    if (wanted !== undefined && !change(nearest[wanted] ?? wanted))
      return reply.code(400).send('there is no such level\n');
    return reply.code(202).send();
  });
  return serverOf(app);
}

const nameOf = ({ params }: FastifyRequest): string => (params as { readonly '*': string })['*'].replaceAll('/', '');

/** `{"name":"default","output_level":"warn"}`, however the request says what it is. */
function levelIn(body: unknown): string | undefined {
  const fields = typeof body === 'string' ? parsed(body) : body;
  const { output_level: level } = (fields ?? {}) as { readonly output_level?: unknown };
  return typeof level === 'string' && level !== '' ? level : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const page = (level: string): string =>
  `<!doctype html><html lang="en"><title>Keelson</title><h1>Keelson</h1><p>Log level: ${level} (<a href="/scopej/">as JSON</a>)</p></html>`;
