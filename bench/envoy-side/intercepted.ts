// A sidecar in a mesh of any size as it is in a Pod: its own network, in which what an application sends is redirected to a
// stock Envoy, and every other address is answered by servers of ours. Has to run inside that network: `inOwnNetwork`.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listener_filters/original_dst_filter
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { text } from 'node:stream/consumers';

import { bootstrapMessage } from '../../src/bootstrap/message.ts';
import { invariant } from '../../src/model/invariant.ts';
import type { NodeInfo } from '../../src/model/envoy/resource.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import type { Translation } from '../../src/translate/translate.ts';
import { translate } from '../../src/translate/translate.ts';
import type { XdsServer } from '../../src/xds/server.ts';
import { createXdsServer } from '../../src/xds/server.ts';
import { anySecret } from '../../test/support/objects/any-secret.ts';
import type { Envoy } from '../../test/support/mesh/envoy.ts';
import { startEnvoy } from '../../test/support/mesh/envoy.ts';
import { listening } from '../../test/support/servers/backend.ts';

/** The application's address: only what comes from it is redirected, so that the proxy's own connections are not. */
const application = '10.1.1.1';

const prepare = [
  'ip link set lo up',
  'ip route add local 10.0.0.0/8 dev lo',
  `iptables -t nat -A OUTPUT -p tcp -s ${application} -j REDIRECT --to-ports 15001`,
  'exec "$@"',
].join(' && ');

const candidates = [
  ['unshare', '-n'],
  ['unshare', '-rn'],
].map((command) => [...command, 'sh', '-c', prepare, 'sh']);

/**
 * The beginning of a command line that runs the rest of it in a network where all of 10.0.0.0/8 is here; undefined where
 * that is forbidden.
 */
export const inOwnNetwork: readonly string[] | undefined = candidates.find(
  ([command = '', ...args]) => spawnSync(command, [...args, 'true'], { stdio: 'ignore' }).status === 0,
);

export interface Intercepted {
  readonly envoy: Envoy;
  /** How long it took from its start until it was ready, in milliseconds. */
  readonly live: number;
  readonly server: XdsServer;
  /** What the proxy does not accept and what our server could not do, in their words. */
  readonly complaints: () => readonly string[];
  /** The application's request: to this address, for this host. Rejects when there is no answer. */
  readonly get: (address: string, host: string, port?: number) => Promise<HttpAnswer>;
  /** The application's connection: who answers; '' when it is closed instead. */
  readonly connect: (address: string, port: number) => Promise<string>;
  /** Another mesh; resolves when the proxy has all that it is to have of it. */
  readonly change: (snapshot: Snapshot) => Promise<void>;
  /** Ends the control plane; the proxy comes back to the next one. */
  readonly restart: () => Promise<void>;
  readonly settled: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface HttpAnswer {
  readonly status: number;
  /** Which address the request came to in the end. */
  readonly instance: string;
  readonly milliseconds: number;
}

/** Ports of Pods and of what is outside of the mesh; 80 and 9000 answer there, too. */
const httpPorts = [8080, 80];
const tcpPorts = [9001, 9000];
const xdsPort = 15010;

/** `adjust` changes the product's own bootstrap; `variables` are added to the Envoy's environment. */
export async function startIntercepted(
  initial: Snapshot,
  node: NodeInfo,
  adjust = (bootstrap: object): object => bootstrap,
  variables: Readonly<Record<string, string>> = {},
): Promise<Intercepted> {
  let translation = translate(initial);
  const complaints: string[] = [];
  const serve = () => startServer(node, () => translation, complaints);
  let server = await serve();
  const servers = await startServers();
  const began = performance.now();
  const envoy = await startEnvoy({ bootstrap: adjust(bootstrapOf(node)), name: node.id, variables });
  const live = performance.now() - began;
  const settled = () => waitUntilSettled(envoy, () => server);
  await settled();
  return {
    envoy,
    live,
    get server() {
      return server;
    },
    complaints: () => [...complaints, ...envoy.nacks()],
    get: httpGet,
    connect: tcpConnect,
    change: async (snapshot) => {
      translation = translate(snapshot);
      await server.update();
      await settled();
    },
    restart: async () => {
      await server.close();
      server = await serve();
      await settled();
    },
    settled,
    stop: async () => {
      await envoy.stop();
      await server.close();
      for (const close of servers) await close();
    },
  };
}

async function startServer(node: NodeInfo, current: () => Translation, complaints: string[]): Promise<XdsServer> {
  const complain = (message: string, fields?: object): number =>
    complaints.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const { NAMESPACE: namespace, SERVICE_ACCOUNT: serviceAccount } = node.metadata as Readonly<Record<string, string>>;
  const identity = { trustDomain: 'cluster.local', namespace: namespace ?? '', serviceAccount: serviceAccount ?? '' };
  const server = createXdsServer({
    plaintext: true,
    secrets: anySecret,
    authenticate: () => Promise.resolve(identity),
    translate: (asking) => {
      const configuration = current().configuration(asking);
      invariant(configuration !== undefined, `${asking.id} is a proxy`);
      return configuration;
    },
    log: { info: () => {}, warn: complain, error: complain },
  });
  await server.listen(`127.0.0.1:${xdsPort}`);
  return server;
}

/** The product's own settings, but without TLS to the control plane. */
function bootstrapOf(node: NodeInfo): object {
  const controlPlane = { host: '127.0.0.1', port: xdsPort, serverName: 'localhost' };
  const whole = bootstrapMessage({ node, controlPlane, adminPort: 15000, directory: '/' });
  const clusters = whole.static_resources?.clusters?.map(({ transport_socket: _tls, ...cluster }) => ({
    ...cluster,
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  }));
  return { ...whole, static_resources: { clusters } };
}

function startServers(): Promise<readonly (() => Promise<void>)[]> {
  const everywhere = (port: number) => ({ host: '0.0.0.0', port });
  const http = httpPorts.map((port) => {
    const server = createHttpServer((incoming, response) => response.end(incoming.socket.localAddress ?? ''));
    return listening(server, everywhere(port));
  });
  const tcp = tcpPorts.map((port) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(socket.localAddress ?? '');
    });
    return listening(server, everywhere(port));
  });
  return Promise.all([...http, ...tcp]);
}

const patience = 10_000;

async function httpGet(address: string, host: string, port = 80): Promise<HttpAnswer> {
  const began = performance.now();
  const outgoing = request({
    host: address,
    port,
    localAddress: application,
    agent: false,
    timeout: patience,
    headers: { host },
  });
  outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer from ${host} in ${patience} ms`)));
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  const instance = await text(incoming);
  return { status: incoming.statusCode, instance, milliseconds: performance.now() - began };
}

async function tcpConnect(address: string, port: number): Promise<string> {
  const socket = connect({ host: address, port, localAddress: application });
  socket.setTimeout(patience, () => socket.destroy(new Error(`no answer from ${address}:${port} in ${patience} ms`)));
  return text(socket).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') return '';
    throw error;
  });
}

/** In three looks one after the other nothing is on its way. */
async function waitUntilSettled(envoy: Envoy, server: () => XdsServer): Promise<void> {
  let quiet = 0;
  await envoy.eventually('the proxy has everything', async () => {
    const warming = await envoy.stats('warming_clusters|total_listeners_warming');
    const warm = [...warming.values()].every((count) => count === 0);
    quiet = warm && server().status()[0]?.synced === true ? quiet + 1 : 0;
    return quiet >= 3;
  });
}

/** The only child of ours that is one. */
export async function envoyPid(): Promise<number> {
  const children = (await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')).trim().split(' ');
  for (const child of children) {
    const command = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('--disable-hot-restart')) return Number(child);
  }
  throw new Error('no Envoy of ours is running');
}
