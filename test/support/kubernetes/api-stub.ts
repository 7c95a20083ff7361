// A server that answers as a test tells it, and a kubeconfig that leads there.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as http } from 'node:http';
import { createServer as https } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ApiStub {
  readonly port: number;
  readonly kubeconfig: string;
  /** Beside the kubeconfig, whose paths are relative to it. */
  readonly write: (file: string, text: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface StubOptions {
  readonly answer: (request: IncomingMessage, response: ServerResponse) => unknown;
  /** Without it there is no TLS. */
  readonly tls?: ServerOptions;
  readonly cluster?: object;
  readonly user?: object;
}

export async function startApiStub({ answer, tls, cluster, user }: StubOptions): Promise<ApiStub> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-api-'));
  const server = tls === undefined ? http(answer) : https(tls, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(directory, 'kubeconfig');
  const where =
    tls === undefined
      ? { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true }
      : { server: `https://127.0.0.1:${port}` };
  const config = {
    clusters: [{ name: 'stub', cluster: { ...where, ...cluster } }],
    users: [{ name: 'user', user: user ?? {} }],
    contexts: [{ name: 'stub', context: { cluster: 'stub', user: 'user', namespace: 'shop' } }],
    'current-context': 'stub',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  return {
    port,
    kubeconfig,
    write: (file, text) => writeFile(join(directory, file), text),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
