// TCP ports for processes that are told theirs in advance.
import { createServer } from 'node:net';

export interface Reservation {
  readonly port: number;
  readonly release: () => Promise<void>;
}

/** A port nobody listens on now. Somebody may be quicker: use it at once. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const reservation = await reserve(0, host);
  if (reservation === undefined) throw new Error(`no free port on ${host}`);
  await reservation.release();
  return reservation.port;
}

/** Listens on a port until it is released, any port for 0; undefined if somebody else does. */
export function reserve(port: number, host: string): Promise<Reservation | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    const release = () => new Promise<void>((done) => server.close(() => done()));
    server.once('error', () => resolve(undefined));
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? { port: address.port, release } : undefined);
    });
  });
}
