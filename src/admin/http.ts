// The daemon over HTTP, on istiod's two ports: 15014 has metrics, version and debug pages, 8080 readiness and debug
// pages. Debug pages are for callers of this machine and for who shows a token of a workload of the mesh.
// https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Fastify from 'fastify';

import type { DebugScope } from '../model/proxy/debug.ts';
import { debugScope } from '../model/proxy/debug.ts';
import { addConsole } from './console/routes.ts';
import type { ConsoleSource } from './console/source.ts';
import type { ControlPlane, VersionInfo } from './control-plane.ts';
import { debugPage } from './debug-page.ts';
import { unheardWarning } from './unheard.ts';

/** How much the daemon's log tells. */
export interface LogLevelSwitch {
  readonly current: () => string;
  /** False for what is no level. */
  readonly change: (level: string) => boolean;
}

export interface AdminOptions {
  /** Debug pages ask who is calling, unless it is this machine. */
  readonly guarded: boolean;
  /** What the console shows; without it there is none. */
  readonly console?: ConsoleSource;
  /** Without it there is no /logging. */
  readonly logLevel?: LogLevelSwitch;
  readonly onFault: (fault: unknown) => void;
}

export interface AdminServer {
  /** `host:port`; port 0 takes a free one. Returns the port. Throws when the address cannot be used. */
  listen(address: string): Promise<number>;
  close(): Promise<void>;
}

/** /metrics, /version, /logging, /debug/* and /console/* */
export function monitoringServer(plane: ControlPlane, options: AdminOptions): AdminServer {
  const app = newApp(options);
  app.get('/version', (_request, reply) => reply.type('text/plain').send(versionText(plane.version)));
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await plane.metricsText()),
  );
  const { console: source, guarded, logLevel } = options;
  if (logLevel !== undefined) addLogging(app, logLevel, (request) => scopeOf(plane, request, true));
  if (source !== undefined) addConsole(app, { plane, source, scopeOf: (request) => scopeOf(plane, request, guarded) });
  addDebugPages(app, plane, options);
  return serverOf(app);
}

/** /ready, /debug/* */
export function debugServer(plane: ControlPlane, options: AdminOptions): AdminServer {
  const app = newApp(options);
  app.get('/ready', (_request, reply) => reply.code(plane.isReady() ? 200 : 503).send());
  addDebugPages(app, plane, options);
  return serverOf(app);
}

/** /ready before there is anything to be ready: the reasons, one a line. */
export function startUpServer(
  reasons: () => readonly string[],
  { onFault }: Pick<AdminOptions, 'onFault'>,
): AdminServer {
  const app = newApp({ onFault });
  app.get('/ready', (_request, reply) =>
    reply
      .code(503)
      .type('text/plain')
      .send(['not ready yet', ...reasons(), ''].join('\n')),
  );
  return serverOf(app);
}

/** Shows the level; `POST /logging?level=warn` changes it. Always guarded: it hides what happens. */
function addLogging(
  app: FastifyInstance,
  { current, change }: LogLevelSwitch,
  scope: (request: FastifyRequest) => Promise<DebugScope | undefined>,
): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if ((await scope(request)) !== 'mesh') return reply.code(401).type('text/plain').send('not for you to change\n');
    const wanted =
      request.method === 'POST' ? new URL(request.raw.url ?? '', 'http://any').searchParams.get('level') : '';
    if (wanted === null || (wanted !== '' && !change(wanted)))
      return reply.code(400).type('text/plain').send('there is no such level\n');
    return reply.type('text/plain').send(`${current()}\n`);
  };
  app.get('/logging', answer);
  app.post('/logging', answer);
}

/** `1.2.3-revision-Clean`, which is what istioctl takes apart. */
const versionText = ({ version, revision, status }: VersionInfo): string => `${version}-${revision}-${status}`;

export function newApp({ onFault }: Pick<AdminOptions, 'onFault'>): FastifyInstance {
  // istioctl joins an address and a path with one slash more.
  const routerOptions = { ignoreDuplicateSlashes: true };
  const app = Fastify({ logger: false, bodyLimit: 64 << 10, requestTimeout: 30_000, trustProxy: false, routerOptions });
  app.setErrorHandler((error, _request, reply) => {
    onFault(error);
    return reply.code(500).type('text/plain').send('a fault of the control plane; its log tells more\n');
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('not found\n'));
  return app;
}

function addDebugPages(app: FastifyInstance, plane: ControlPlane, { guarded }: AdminOptions): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const scope = await scopeOf(plane, request, guarded);
    if (scope === undefined) return reply.code(401).type('text/plain').send('a token of the mesh is needed\n');
    const path = request.raw.url?.replace(/^\/+debug/, '') ?? '';
    const isForwarded = isOfThisMachine(request) && plane.isReachedElsewhere();
    const { status, contentType, body, unheard } = await debugPage(plane, path, scope, isForwarded);
    if (unheard.length > 0) void reply.header('warning', unheardWarning(unheard));
    return reply.code(status).type(contentType).send(body);
  };
  app.get('/debug', answer);
  app.get('/debug/*', answer);
}

/** This machine may see everything: who is on it can read the daemon's memory as well. */
async function scopeOf(
  plane: ControlPlane,
  request: FastifyRequest,
  guarded: boolean,
): Promise<DebugScope | undefined> {
  if (!guarded || isOfThisMachine(request)) return 'mesh';
  const identity = await plane.authenticate(request.headers.authorization ?? '');
  return debugScope(identity, plane.systemNamespaces);
}

/**
 * Other sites' pages in a browser on this machine are not: they cannot ask by an address or as localhost without the browser
 * saying so, and a name may be anybody's that resolves to here.
 */
export function isOfThisMachine({ socket, headers }: FastifyRequest): boolean {
  const { host = '', 'sec-fetch-site': site = 'none' } = headers;
  const isNamedSo = /^(?:localhost|[\d.]+|\[[\da-f:.]+\])(?::\d+)?$/i.test(host);
  return isLoopback(socket.remoteAddress ?? '') && isNamedSo && (site === 'none' || site === 'same-origin');
}

const isLoopback = (address: string): boolean => address === '::1' || /^(?:::ffff:)?127\./.test(address);

export const serverOf = (app: FastifyInstance): AdminServer => ({
  listen: async (address) => {
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    await app.listen({ host: host === '' ? '::' : host, port: Number(address.slice(colon + 1)) });
    const bound = app.server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : 0;
  },
  close: async () => {
    app.server.closeAllConnections();
    await app.close();
  },
});
