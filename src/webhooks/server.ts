// The HTTPS server that the API server asks: /validate and /inject, and /ready for whoever wants to know that it serves.
// Its certificate is replaced while it runs.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#configure-admission-webhooks-on-the-fly
import type { Server } from 'node:https';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fastify } from 'fastify';

import type { TlsIdentity, TlsSource } from '../model/external/secret-source.ts';
import type { AdmissionHandler, AdmissionResponse } from './admission-review.ts';
import { readReview, reviewOf } from './admission-review.ts';

export interface WebhookServerOptions {
  readonly tls: TlsSource;
  /** Answers /validate. */
  readonly validate: AdmissionHandler;
  /** Answers /inject and everything below it; absent: nothing is injected here. */
  readonly inject?: AdmissionHandler;
  /** A bug of ours: told here, answered as one. */
  readonly onFault: (error: unknown) => void;
  /** How many requests are answered at a time. */
  readonly mostRequests?: number;
}

export interface WebhookServer {
  /** `host:port`; resolves with the port. */
  listen(address: string): Promise<number>;
  /** Lets requests under way finish. */
  close(): Promise<void>;
}

/** A review carries an object twice, each of at most 3 MiB (the API server's own limit), escaped. */
const largestBody = 16 << 20;
/** Milliseconds: the API server itself waits for 30 seconds at most. */
const requestTimeout = 30_000;
const mostConnections = 1000;

export function createWebhookServer(options: WebhookServerOptions): WebhookServer {
  const secure = { current: undefined as ReturnType<typeof createServer> | undefined };
  const app = fastify({
    bodyLimit: largestBody,
    requestTimeout,
    connectionTimeout: 2 * requestTimeout,
    routerOptions: { maxParamLength: 2048 },
    serverFactory: (handler) => {
      const server: Server = createServer({ minVersion: 'TLSv1.2' }, handler);
      server.maxConnections = mostConnections;
      return (secure.current = server);
    },
  });
  const stopRenewal = options.tls.subscribe((identity) => secure.current?.setSecureContext(contextOf(identity)));
  addRoutes(app, options);
  return {
    listen: async (address) => {
      const { host, port } = splitAddress(address);
      await app.listen({ host, port });
      return (app.server.address() as AddressInfo).port;
    },
    close: async () => {
      stopRenewal();
      await app.close();
    },
  };
}

const contextOf = ({ certificateChain, privateKey }: TlsIdentity) => ({
  cert: certificateChain,
  key: privateKey,
  minVersion: 'TLSv1.2' as const,
});

function addRoutes(
  app: FastifyInstance,
  { validate, inject, onFault, mostRequests = 100 }: WebhookServerOptions,
): void {
  app.get('/ready', (_request, reply) => reply.type('text/plain').send('ready\n'));
  const running = { count: 0 };
  const answer =
    (handler: AdmissionHandler) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const question = readReview(request.body);
      if ('fault' in question) return reply.code(400).type('text/plain').send(`${question.fault}\n`);
      // Told at once, the API server can ask another replica or decide by its failure policy.
      if (running.count >= mostRequests) return reply.code(503).header('retry-after', '1').send();
      running.count += 1;
      try {
        const path = request.url.split('?', 1)[0] ?? request.url;
        return reviewOf(question, await handler(question.request, path).catch(broken(onFault)));
      } finally {
        running.count -= 1;
      }
    };
  for (const path of ['/validate', '/validate/', '/admitpilot']) app.post(path, answer(validate));
  if (inject !== undefined) for (const path of ['/inject', '/inject/*']) app.post(path, answer(inject));
}

const broken =
  (onFault: (error: unknown) => void) =>
  (error: unknown): AdmissionResponse => {
    onFault(error);
    return { allowed: false, code: 500, message: 'the control plane could not decide, which is an error of its own' };
  };

/** `0.0.0.0:15017`, `[::]:15017`, `:15017` for all addresses. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return { host: host === '' ? '::' : host, port: Number(address.slice(at + 1)) };
}
