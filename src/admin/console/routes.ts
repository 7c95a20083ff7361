// The console over HTTP: its page, its questions under /console/api/, and the news of open pages. It reads only.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { DebugScope } from '../../model/proxy/debug.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Answer } from './answers/answers.ts';
import { answers, posted } from './answers/answers.ts';
import { asset, headers, keepable } from './assets.ts';
import { unheardWarning } from '../unheard.ts';
import { Events } from './events.ts';
import { NoAnswer } from './answers/question.ts';
import type { ConsoleSource } from './source.ts';

export interface ConsoleOptions {
  readonly plane: ControlPlane;
  readonly source: ConsoleSource;
  /** Whom a request speaks for; undefined for nobody. */
  readonly scopeOf: (request: FastifyRequest) => Promise<DebugScope | undefined>;
}

/** Of a manifest, in bytes. */
const longestBody = 1 << 20;

export function addConsole(app: FastifyInstance, options: ConsoleOptions): void {
  const { source } = options;
  const events = new Events(source);
  void app.register((console, _options, done) => {
    console.addHook('onSend', async (_request, reply) => void reply.headers({ ...headers, ...reply.getHeaders() }));
    console.addHook('onClose', async () => events.close());
    console.addContentTypeParser('application/yaml', { parseAs: 'string' }, (_request, body, parsed) =>
      parsed(null, body),
    );
    console.get('/console', (_request, reply) => reply.redirect('/console/'));
    console.get<{ Params: { '*': string } }>('/console/*', (request, reply) => page(request.params['*'], reply));
    console.get('/console/api/events', async (request, reply) => {
      if ((await options.scopeOf(request)) === undefined) return refuse(reply, 401, tokenNeeded);
      if (!events.open(reply.raw, headers)) return refuse(reply, 503, 'too many pages are open');
      return reply.hijack();
    });
    for (const [name, each] of answers)
      console.get(`/console/api/${name}`, (request, reply) => replyWith(request, reply, each, options));
    for (const [name, each] of posted)
      console.post(`/console/api/${name}`, { bodyLimit: longestBody }, (request, reply) =>
        replyWith(request, reply, each, options),
      );
    done();
  });
}

const tokenNeeded = 'a token of the mesh is needed';

async function page(path: string, reply: FastifyReply): Promise<unknown> {
  const found = await asset(path === '' ? 'index.html' : path);
  if (found === undefined) return reply.callNotFound();
  if (found === 'unbuilt') return refuse(reply, 404, 'the console is not built: run `make build`');
  if (keepable.has(path)) void reply.header('cache-control', 'private, max-age=86400');
  return reply.type(found.contentType).send(found.body);
}

async function replyWith(
  request: FastifyRequest,
  reply: FastifyReply,
  { scoped, wanted, missing, answer }: Answer,
  { plane, source, scopeOf }: ConsoleOptions,
): Promise<unknown> {
  const scope = await scopeOf(request);
  if (scope === undefined) return refuse(reply, 401, tokenNeeded);
  if (!scoped && scope !== 'mesh') return refuse(reply, 403, 'this is for callers of a system namespace');
  const { searchParams: query } = new URL(request.raw.url ?? '', 'http://console');
  const { plane: joint, unheard } = await plane.everywhere(wanted);
  if (unheard.length > 0) void reply.header('warning', unheardWarning(unheard, missing));
  try {
    return await answer({ plane: joint, source, scope, query, now: Date.now(), body: request.body });
  } catch (error) {
    if (error instanceof NoAnswer) return refuse(reply, error.status, error.message);
    throw error;
  }
}

const refuse = (reply: FastifyReply, status: number, message: string): FastifyReply =>
  reply.code(status).send({ refused: message });
