// How the port of a gRPC server is opened, and how the server ends: the library calls back, the rest waits for promises.
// https://grpc.github.io/grpc/node/grpc.Server.html
import type { Server, ServerCredentials } from '@grpc/grpc-js';

const closeGraceMs = 5000;

/** Resolves to the port. */
export const bind = (server: Server, address: string, credentials: ServerCredentials): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });

/** Streams that have not ended by then are cut, and the server with them. */
export const shutDown = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), closeGraceMs);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
