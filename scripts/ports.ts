// TCP ports for processes that are told theirs in advance.
import { createServer } from 'node:net';

/** A port nobody listens on now. Somebody may be quicker: use it at once. */
export const freePort = (host = '127.0.0.1'): Promise<number> =>
  bind(0, host).then((port) => port ?? Promise.reject(new Error(`no free port on ${host}`)));

export const isFree = (port: number, host: string): Promise<boolean> =>
  bind(port, host).then((bound) => bound !== undefined);

/** The port that could be bound, and is free again; undefined if it could not. */
function bind(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}
