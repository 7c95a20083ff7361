// Gateways on a stock Envoy, seen by real clients: TLS of every mode with certificates from Secrets, several Gateways on one
// port, redirects, passing through by server name, and certificates that change under open connections.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { connect as connectTls, createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Backend } from '../../support/servers/backend.ts';
import { listening, startHttp } from '../../support/servers/backend.ts';
import { gateway, gatewayTemplate, loopbackNet, pair, pod, routes, secret, selfSigned, server, service } from '../../support/mesh/gateway.ts'; // prettier-ignore
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { inScratch } from '../../support/mesh/openssl.ts';
import { send } from '../../support/mesh/traffic.ts';

const shop = selfSigned('shop.example.com');
const renewed = selfSigned('shop.example.com', 2);
const bank = selfSigned('bank.example.com');
const client = selfSigned('client.example.com');
const stranger = selfSigned('stranger.example.com');
const inside = selfSigned('raw.example.com');

const net = loopbackNet();
const [gate, web, raw] = [`${net}.1`, `${net}.10`, `${net}.11`];
const [plain, tls, passing] = [18080, 18443, 18444];

const at = (name: string, protocol: string, port: number, host: string, settings = ''): string =>
  server(gate, name, protocol, port, host, settings);
const toWeb = 'http: [{route: [{destination: {host: web}}]}]';

const files = {
  'mesh.yaml':
    pod('gate', 'edge', gate, gatewayTemplate) +
    pod('web', 'shop', web) +
    pod('raw', 'shop', raw) +
    service('web', '{name: http, port: 18080}') +
    service('raw', '{name: tls, port: 18444}'),
  'gateways.yaml':
    gateway('first', 'gate', [
      at('http', 'HTTP', plain, 'shop.example.com'),
      at('old', 'HTTP', plain, 'old.example.com', 'httpsRedirect: true'),
      at('shop', 'HTTPS', tls, 'shop.example.com', 'mode: SIMPLE, credentialName: shop'),
      at('late', 'HTTPS', tls, 'late.example.com', 'mode: SIMPLE, credentialName: late'),
      at('pass', 'TLS', passing, '"*.example.com"', 'mode: PASSTHROUGH'),
    ]) +
    gateway('second', 'gate', [at('bank', 'HTTPS', tls, 'bank.example.com', 'mode: MUTUAL, credentialName: bank')]),
  'routes.yaml':
    routes('web', ['"*.example.com"'], 'edge/first, edge/second', toWeb) +
    routes('raw', ['raw.example.com'], 'edge/first', 'tls: [{match: [{sniHosts: [raw.example.com]}], route: [{destination: {host: raw}}]}]'), // prettier-ignore
  'secrets.yaml': secret('shop', pair(shop)) + secret('bank', { ...pair(bank), 'ca.crt': client.certificate }),
};

let app: Backend;
let mesh: LiveMesh;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  app = await startHttp('web', { host: web, port: 18080 });
  const echo = createServer({ cert: inside.certificate, key: inside.key }, (socket) => socket.pipe(socket));
  stops.push(await listening(echo, { host: raw, port: passing }));
  mesh = await startLiveMesh({ files, proxies: ['gate-1.edge'] });
}, 60_000);

afterAll(async () => {
  await mesh?.stop();
  await app?.close();
  for (const stop of stops) await stop();
});

/** The certificate that is shown for a server name, or why the handshake failed. */
const handshake = (servername: string, port: number, options: ConnectionOptions = {}): Promise<string> =>
  new Promise((resolve) => {
    const socket = connectTls({ host: gate, port, servername, rejectUnauthorized: false, ...options }, () => {
      const { subject, serialNumber } = socket.getPeerCertificate();
      // In TLS 1.3 a refused client learns of it with the first bytes.
      socket.on('data', () => resolve(`${String(subject.CN)} ${serialNumber}`));
      socket.write('GET / HTTP/1.1\r\nhost: ' + servername + '\r\n\r\n');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('closed'));
    socket.setTimeout(5_000, () => resolve('silence'));
  });

const get = (host: string, agent: Agent): Promise<{ readonly status: number; readonly serial: string }> =>
  new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      { host: gate, port: tls, servername: host, headers: { host }, agent, rejectUnauthorized: false },
      (answer) => {
        const { serialNumber } = (answer.socket as ReturnType<typeof connectTls>).getPeerCertificate();
        answer.resume().on('end', () => resolve({ status: answer.statusCode ?? 0, serial: serialNumber }));
      },
    );
    outgoing.on('error', reject).end();
  });

describe('a gateway', () => {
  it('routes plain requests by host, and answers 404 for the others', async () => {
    expect((await send({ host: gate, port: plain }, { headers: { host: 'shop.example.com' } })).status).toBe(200);
    expect((await send({ host: gate, port: plain }, { headers: { host: 'bank.example.com' } })).status).toBe(404);
  });

  it('sends clients to HTTPS where a server says so', async () => {
    const { status, headers } = await send(
      { host: gate, port: plain },
      { path: '/a?b', headers: { host: 'old.example.com' } },
    );
    expect([status, headers['location']]).toEqual([301, 'https://old.example.com/a?b']);
  });

  it('shows the certificate of the server that a name is of, whichever Gateway it is in', async () => {
    expect(await handshake('shop.example.com', tls)).toBe('shop.example.com 01');
    const shown = { cert: client.certificate, key: client.key };
    expect(await handshake('bank.example.com', tls, shown)).toBe('bank.example.com 01');
  });

  it('demands a certificate of the right authority from clients', async () => {
    expect(await handshake('bank.example.com', tls)).toMatch(/ALERT|CERTIFICATE_REQUIRED|ECONNRESET|closed/);
    const shown = { cert: stranger.certificate, key: stranger.key };
    expect(await handshake('bank.example.com', tls, shown)).toMatch(/ALERT|UNKNOWN_CA|ECONNRESET|closed/);
  });

  it('speaks HTTP/2, and what OpenSSL understands', async () => {
    const session: ClientHttp2Session = connectHttp2(`https://${gate}:${tls}`, {
      servername: 'shop.example.com',
      ca: shop.certificate,
    });
    const status = await new Promise((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({ ':authority': 'shop.example.com', ':path': '/' });
      stream.on('response', (headers) => resolve(headers[':status'])).on('error', reject).resume().end(); // prettier-ignore
    });
    session.close();
    expect(status).toBe(200);
    const seen = inScratch((directory) => {
      writeFileSync(join(directory, 'ca.pem'), shop.certificate);
      const names = ['-servername', 'shop.example.com', '-verify_hostname', 'shop.example.com', '-CAfile', 'ca.pem'];
      const args = ['s_client', '-connect', `${gate}:${tls}`, ...names, '-alpn', 'http/1.1', '-verify_return_error'];
      return execFileSync('openssl', args, { cwd: directory, input: '', encoding: 'utf8', stdio: 'pipe' });
    });
    expect(seen).toContain('Verify return code: 0 (ok)');
  });

  it('passes TLS through by its server name, and decrypts nothing', async () => {
    expect(await handshake('raw.example.com', passing)).toBe('raw.example.com 01');
    expect(await handshake('other.example.com', passing)).toMatch(/ECONNRESET|closed/);
  });

  it('serves all other names while the certificate of one is missing, and that one as soon as it is there', async () => {
    expect(await handshake('late.example.com', tls)).toMatch(/ECONNRESET|closed/);
    expect(await handshake('shop.example.com', tls)).toBe('shop.example.com 01');
    await mesh.change('late.yaml', secret('late', pair(selfSigned('late.example.com', 7))));
    expect(await handshake('late.example.com', tls)).toBe('late.example.com 07');
  });

  it('takes a new certificate without closing a connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await get('shop.example.com', agent)).toEqual({ status: 200, serial: '01' });
    await mesh.change('secrets.yaml', files['secrets.yaml'].replace(secret('shop', pair(shop)), secret('shop', pair(renewed)))); // prettier-ignore
    expect(await get('shop.example.com', agent)).toEqual({ status: 200, serial: '01' });
    agent.destroy();
    expect(await handshake('shop.example.com', tls)).toBe('shop.example.com 02');
  });

  it('has a thousand hosts', async () => {
    const hosts = Array.from({ length: 1000 }, (_, i) => `host-${i}.many.test`);
    const many = hosts.map((host, i) => routes(`many-${i}`, [host], 'edge/many', toWeb)).join('');
    await mesh.change('many.yaml', gateway('many', 'gate', [at('many', 'HTTP', plain, '"*.many.test"')]) + many);
    for (const host of ['host-0.many.test', 'host-999.many.test'])
      expect((await send({ host: gate, port: plain }, { headers: { host } })).status).toBe(200);
    expect((await send({ host: gate, port: plain }, { headers: { host: 'none.many.test' } })).status).toBe(404);
    await mesh.change('many.yaml', undefined);
  });

  it('complains of nothing', () => {
    expect(mesh.complaints).toEqual([]);
  });
});
