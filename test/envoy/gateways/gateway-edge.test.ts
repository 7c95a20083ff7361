// What else stock Envoys do at the edge: client certificates that are asked for and not demanded, TLS around plain bytes, requests
// that came over the wrong connection, load balancers that speak the PROXY protocol, HTTP/3, and many hosts for clients of HTTP/2
// and of gRPC.
import type { ClientHttp2Session } from 'node:http2';
import { connect as connectHttp2 } from 'node:http2';
import type { ConnectionOptions } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import type { Arrival, Backend, TcpBackend } from '../../support/servers/backend.ts';
import { startHttp, startTcpEcho } from '../../support/servers/backend.ts';
import type { Envoy } from '../../support/mesh/envoy.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import { gateway, gatewayTemplate, loopbackNet, pair, pod, routes, secret, selfSigned, server, service } from '../../support/mesh/gateway.ts'; // prettier-ignore
import type { GrpcBackend } from '../../support/servers/grpc.ts';
import { grpcClient, startGrpc } from '../../support/servers/grpc.ts';
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { arrival, send, sendHttp2, sendLine } from '../../support/mesh/traffic.ts';

const wild = selfSigned('*.example.com');
const maybe = selfSigned('maybe.test');
const client = selfSigned('client.test');
const stranger = selfSigned('stranger.test');

const net = loopbackNet();
const [gate, hop, web, raw] = [`${net}.1`, `${net}.2`, `${net}.10`, `${net}.11`];
const [plain, tls, bytes, http3] = [18080, 18443, 18444, 18445];

const toWeb = 'http: [{route: [{destination: {host: web, port: {number: 18080}}}]}]';
const toGrpc = 'http: [{match: [{headers: {content-type: {prefix: application/grpc}}}], route: [{destination: {host: web, port: {number: 18090}}}]}, {route: [{destination: {host: web, port: {number: 18080}}}]}]'; // prettier-ignore
const behindBalancer =
  "{inject.istio.io/templates: gateway, proxy.istio.io/config: '{gatewayTopology: {proxyProtocol: {}}}'}";

const files = {
  'mesh.yaml':
    pod('gate', 'edge', gate, gatewayTemplate) +
    pod('hop', 'edge', hop, behindBalancer) +
    pod('web', 'shop', web) +
    pod('raw', 'shop', raw) +
    service('web', '{name: http, port: 18080}, {name: grpc, port: 18090}') +
    service('raw', '{name: tcp, port: 18080}') +
    service('gate', `{name: https, port: ${http3}}, {name: quic, port: ${http3}, protocol: UDP}`, 'edge'),
  'gateways.yaml':
    gateway('first', 'gate', [
      server(gate, 'http', 'HTTP', plain, '"*.many.test"'),
      server(gate, 'shop', 'HTTPS', tls, '"*.example.com"', 'mode: SIMPLE, credentialName: wild'),
      server(gate, 'pay', 'HTTPS', tls, 'pay.example.com', 'mode: SIMPLE, credentialName: wild'),
      server(gate, 'maybe', 'HTTPS', tls, 'maybe.test', 'mode: OPTIONAL_MUTUAL, credentialName: maybe'),
      server(gate, 'bytes', 'TLS', bytes, 'bytes.example.com', 'mode: SIMPLE, credentialName: wild'),
      server(gate, 'quick', 'HTTPS', http3, 'quick.example.com', 'mode: SIMPLE, credentialName: wild'),
    ]) + gateway('second', 'hop', [server(hop, 'http', 'HTTP', plain, 'shop.example.com')]),
  'routes.yaml':
    routes('web', ['"*.example.com"', 'maybe.test'], 'edge/first, edge/second', toWeb) +
    routes('raw', ['bytes.example.com'], 'edge/first', 'tcp: [{route: [{destination: {host: raw}}]}]'),
  'secrets.yaml': secret('wild', pair(wild)) + secret('maybe', { ...pair(maybe), 'ca.crt': client.certificate }),
};

let app: Backend;
let grpc: GrpcBackend;
let echo: TcpBackend;
let mesh: LiveMesh;

beforeAll(async () => {
  vi.stubEnv('KEELSON_STRICT_GATEWAYS', 'true');
  vi.stubEnv('PILOT_ENABLE_QUIC_LISTENERS', 'true');
  app = await startHttp('web', { host: web, port: 18080 });
  grpc = await startGrpc('web', { host: web, port: 18090 });
  echo = await startTcpEcho('raw', { host: raw, port: 18080 });
  mesh = await startLiveMesh({ files, proxies: ['gate-1.edge', 'hop-1.edge'] });
}, 60_000);

afterAll(async () => {
  await mesh?.stop();
  await Promise.all([app?.close(), grpc?.close(), echo?.close()]);
  vi.unstubAllEnvs();
});

/** What came back for `sent` over TLS for this server name by the time that the other side ended or fell silent. */
const overTls = (port: number, servername: string, sent: string, options: ConnectionOptions = {}): Promise<string> =>
  new Promise((resolve) => {
    let received = '';
    const socket = connectTls({ host: gate, port, servername, rejectUnauthorized: false, ...options });
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve(received));
    socket.on('secureConnect', () => socket.write(sent));
    socket.setTimeout(1_000, () => socket.destroy());
  });

const get = (host: string): string => `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
const seen = (answer: string): Arrival => JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Arrival; // prettier-ignore

describe('OPTIONAL_MUTUAL', () => {
  it('serves clients with and without a certificate, and says which it was', async () => {
    const none = seen(await overTls(tls, 'maybe.test', get('maybe.test')));
    expect(none.headers['x-forwarded-client-cert']).toBeUndefined();
    const shown = { cert: client.certificate, key: client.key };
    const known = seen(await overTls(tls, 'maybe.test', get('maybe.test'), shown));
    expect(known.headers['x-forwarded-client-cert']).toContain('Subject="CN=client.test"');
  });

  it('refuses a certificate of somebody else', async () => {
    const shown = { cert: stranger.certificate, key: stranger.key };
    expect(await overTls(tls, 'maybe.test', get('maybe.test'), shown)).toMatch(/ALERT|UNKNOWN_CA|ECONNRESET|^$/);
  });
});

it('takes TLS off plain bytes', async () => {
  expect(await overTls(bytes, 'bytes.example.com', 'hello')).toBe('raw:hello');
  expect(await overTls(bytes, 'other.example.com', 'hello')).toMatch(/ECONNRESET|^$/);
});

describe('a certificate for several servers', () => {
  const ask = async (session: ClientHttp2Session, authority: string): Promise<number> => {
    const stream = session.request({ ':authority': authority, ':path': '/' });
    const status = new Promise<number>((resolve, reject) => {
      stream.on('response', (headers) => resolve(Number(headers[':status']))).on('error', reject);
    });
    stream.end();
    await text(stream);
    return status;
  };
  const connected = (servername: string): ClientHttp2Session =>
    connectHttp2(`https://${gate}:${tls}`, { servername, ca: wild.certificate });

  it('has a reused connection answered 421 for the host of another one', async () => {
    const session = connected('shop.example.com');
    expect(await ask(session, 'shop.example.com')).toBe(200);
    expect(await ask(session, 'pay.example.com')).toBe(421);
    expect(await ask(session, 'news.example.com')).toBe(200);
    session.close();
    const own = connected('pay.example.com');
    expect(await ask(own, 'pay.example.com')).toBe(200);
    expect(await ask(own, 'shop.example.com')).toBe(421);
    own.close();
  });
});

it('believes a load balancer that says in the PROXY protocol who connects', async () => {
  const request = get('shop.example.com');
  const answer = await sendLine(
    { host: hop, port: plain },
    `PROXY TCP4 203.0.113.7 ${hop} 4711 80\r\n${request}`,
    '\0',
  );
  expect(seen(answer).headers['x-forwarded-for']).toBe('203.0.113.7');
  // Who does not speak it is not let in.
  expect(await sendLine({ host: hop, port: plain }, request, '\0').catch(() => '')).toBe('');
});

describe('HTTP/3', () => {
  let port: number;
  let caller: Envoy;

  beforeAll(async () => {
    port = await freePort();
    caller = await startEnvoy({ bootstrap: http3Client(port), name: 'http3-client' });
  }, 30_000);
  afterAll(() => caller?.stop());

  it('is offered to clients of HTTPS, and serves the same routes', async () => {
    expect(await overTls(http3, 'quick.example.com', get('quick.example.com'))).toContain(`alt-svc: h3=":${http3}"`);
    const answer = await send({ host: '127.0.0.1', port }, { headers: { host: 'quick.example.com' } });
    expect([answer.status, arrival(answer).instance]).toEqual([200, 'web']);
    expect((await caller.stats('cluster.edge.upstream_cx_http3_total')).get('cluster.edge.upstream_cx_http3_total')).toBe(1); // prettier-ignore
  });
});

describe('a thousand hosts', () => {
  const hosts = Array.from({ length: 1000 }, (_, i) => `host-${i}.many.test`);
  const at = { host: gate, port: plain };

  beforeAll(async () => {
    await mesh.change('many.yaml', hosts.map((host, i) => routes(`many-${i}`, [host], 'edge/first', toGrpc)).join(''));
  }, 60_000);

  it('are there for clients of HTTP/2', async () => {
    for (const host of ['host-0.many.test', 'host-512.many.test', 'host-999.many.test'])
      expect((await sendHttp2(at, { headers: { host } })).status).toBe(200);
    expect((await sendHttp2(at, { headers: { host: 'none.many.test' } })).status).toBe(404);
  });

  it('are there for clients of gRPC', async () => {
    for (const host of ['host-1.many.test', 'host-998.many.test']) {
      const asking = grpcClient(at, host);
      expect(await asking.ask({ questions: 2, answers: 3, status: 0 })).toEqual({ status: 0, answers: 3 });
      asking.close();
    }
  });

  it('can change one by one', async () => {
    const changed = routes('many-7', ['host-7.many.test'], 'edge/first', 'http: [{directResponse: {status: 418}}]');
    const others = hosts.flatMap((host, i) => (i === 7 ? [] : routes(`many-${i}`, [host], 'edge/first', toGrpc)));
    await mesh.change('many.yaml', others.join('') + changed);
    expect((await sendHttp2(at, { headers: { host: 'host-7.many.test' } })).status).toBe(418);
    expect((await sendHttp2(at, { headers: { host: 'host-8.many.test' } })).status).toBe(200);
  });
});

it('complains of nothing', () => {
  expect(mesh.complaints).toEqual([]);
});

/** An Envoy that sends on over HTTP/3 what it gets over HTTP/1.1. */
function http3Client(port: number): object {
  const type = (name: string): string => `type.googleapis.com/envoy.${name}`;
  const address = (host: string, number: number) => ({ socket_address: { address: host, port_value: number } });
  const manager = {
    '@type': type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'in',
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'edge' } }] },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': type('extensions.filters.http.router.v3.Router') },
      },
    ],
  };
  return {
    static_resources: {
      listeners: [
        {
          name: 'in',
          address: address('127.0.0.1', port),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        {
          name: 'edge',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'edge',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(gate, http3) } }] }],
          },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': type('extensions.upstreams.http.v3.HttpProtocolOptions'),
              explicit_http_config: { http3_protocol_options: {} },
            },
          },
          transport_socket: {
            name: 'envoy.transport_sockets.quic',
            typed_config: {
              '@type': type('extensions.transport_sockets.quic.v3.QuicUpstreamTransport'),
              upstream_tls_context: {
                sni: 'quick.example.com',
                common_tls_context: { validation_context: { trusted_ca: { inline_string: wild.certificate } } },
              },
            },
          },
        },
      ],
    },
  };
}
