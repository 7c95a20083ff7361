// A TCP proxy between a client and a server that a test can make misbehave: cut all connections, fall silent with them
// open, refuse new ones, hand on a few bytes at a time.
import type { AddressInfo, Socket } from 'node:net';

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Transform } from 'node:stream';

export interface TcpProxy {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
  /** Breaks all connections there are. */
  readonly cut: () => void;
  /** Connections stay, nothing goes through them any more, and nobody is told. New ones work. */
  readonly silence: () => void;
  /** New connections are broken at once, or not. */
  readonly refuse: (refusing: boolean) => void;
  /** From now on at most so many bytes of an answer at a time, with a pause before each; 0 ends that. */
  readonly slow: (bytes: number) => void;
  readonly stop: () => Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const state = { accepted: 0, refusing: false, piece: 0 };
  const listener = createServer((client) => {
    if (state.refusing) return void client.destroy();
    state.accepted++;
    const server = connect(target, '127.0.0.1');
    const pair = { client, server };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    client.pipe(server);
    server.pipe(inPieces(() => state.piece)).pipe(client);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const cut = (): void => pairs.forEach(({ client }) => client.destroy());
  return {
    port: (listener.address() as AddressInfo).port,
    accepted: () => state.accepted,
    cut,
    silence: () => {
      for (const { client, server } of pairs) {
        client.unpipe();
        server.unpipe();
        client.resume();
        server.resume();
      }
    },
    refuse: (refusing) => (state.refusing = refusing),
    slow: (bytes) => (state.piece = bytes),
    stop: async () => {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** Passes everything on, in pieces of at most `size()` bytes a millisecond apart, or as it comes where that is 0. */
function inPieces(size: () => number): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const push = (from: number): void => {
        const piece = size() || chunk.length;
        this.push(chunk.subarray(from, from + piece));
        if (from + piece >= chunk.length) done();
        else setTimeout(() => push(from + piece), 1);
      };
      push(0);
    },
  });
}
