// How a stock Envoy speaks to servers and callers: HTTP versions, spelling of headers, PROXY protocol, tunnels.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy
import type { Lab, Port } from '../../support/mesh/lab.ts';
import type { Socket } from 'node:net';

import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { listening } from '../../support/servers/backend.ts';
import { http, startLab } from '../../support/mesh/lab.ts';
import { destinationRule, virtualService } from '../../support/objects/rules.ts';
import { arrival, sendLine } from '../../support/mesh/traffic.ts';

const modern: Port = { number: 18081, name: 'http-modern', app: 'http2' };
const tcp: Port = { number: 18084, name: 'tcp', app: 'tcp' };
const settings = `
proxyMetadata: { ISTIO_META_HTTP10: '1' }
proxyHeaders: { preserveHttp1HeaderCase: true }
`;
let lab: Lab;
let plain: Lab;
const closing: (() => Promise<unknown>)[] = [];
/** What the server of each of these names saw first. */
const first = new Map<string, string[]>();

beforeAll(async () => {
  const options = { workloads: ['store-v1'], ports: [http, modern, tcp] };
  lab = await startLab({ ...options, caller: { annotations: { 'proxy.istio.io/config': settings } } });
  closing.push(() => lab.stop());
  plain = await startLab(options);
  closing.push(() => plain.stop());
}, 60_000);
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

const raw = async (from: Lab, text: string) => (await sendLine(from.egress(), text, '\r\n\r\n')).split('\r\n');

describe('HTTP/1.0', () => {
  const request = 'GET / HTTP/1.0\r\nhost: store\r\n\r\n';

  test('is answered when the proxy is set to', async () => {
    expect((await raw(lab, request))[0]).toBe('HTTP/1.0 200 OK');
  });

  test('is refused otherwise', async () => {
    expect((await raw(plain, request))[0]).toMatch(/^HTTP\/1\.. 426 /);
  });
});

describe('the case of headers', () => {
  const call = { headers: { 'X-Shop-ID': '7' } };

  test('is kept when the proxy is set to', async () => {
    expect(arrival(await lab.call('store', call)).rawHeaders).toContain('X-Shop-ID');
  });

  test('is lower otherwise', async () => {
    expect(arrival(await plain.call('store', call)).rawHeaders).toContain('x-shop-id');
  });
});

describe('h2UpgradePolicy', () => {
  const policy = (value: string) =>
    plain.mesh.change('policy.yaml', destinationRule('store', `trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: ${value} } } }`)); // prettier-ignore

  test('UPGRADE speaks HTTP/2 to a server of a port named http', async () => {
    await policy('UPGRADE');
    expect(arrival(await plain.call('store', {}, modern)).httpVersion).toBe('2.0');
    expect((await plain.call('store')).status).toBe(502);
  });

  test('DO_NOT_UPGRADE speaks HTTP/1.1', async () => {
    await policy('DO_NOT_UPGRADE');
    expect((await plain.call('store', {}, modern)).status).toBe(502);
    expect(arrival(await plain.call('store')).httpVersion).toBe('1.1');
  });
});

const entry = (name: string, address: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: vault }
spec:
  hosts: [${name}.example]
  ports: [{ number: 18099, name: tcp, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: ${address} }]
`;
const ruleOf = (name: string, policy: string): string =>
  destinationRule(`${name}.example`, `trafficPolicy: ${policy}`).replace(/name: [^,]+/, `name: ${name}`);
/** Connections to `store` go to this host, under this policy. */
const leadTo = (name: string, address: string, policy: string) =>
  lab.mesh.change(
    'lead.yaml',
    [
      entry(name, address),
      ruleOf(name, policy),
      virtualService('store', `tcp: [{ route: [{ destination: { host: ${name}.example } }] }]`),
    ].join('---'),
  );
const note = (name: string, what: string): void => void first.set(name, [...(first.get(name) ?? []), what]);

describe('PROXY protocol', () => {
  let host: string;
  beforeAll(async () => {
    host = lab.egress().host.replace(/\d+$/, '201');
    // Sends back the first bytes in hex: one packet has the header and what follows.
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (data: Buffer) => {
        note('proxied', data.toString('latin1'));
        if (data.includes('hello')) socket.end('done');
      });
    });
    closing.push(await listening(server, { host, port: 18099 }));
  });
  const seen = async (policy: string): Promise<string> => {
    first.delete('proxied');
    await leadTo('proxied', host, policy);
    await sendLine(lab.egress(tcp), 'hello', 'done', '127.0.1.77');
    return (first.get('proxied') ?? []).join('');
  };

  test('without it bytes go as they are', async () => {
    expect(await seen('{ loadBalancer: { simple: RANDOM } }')).toBe('hello');
  });

  test('V1 tells the addresses in a line of text', async () => {
    const text = await seen('{ proxyProtocol: { version: V1 } }');
    expect(text).toMatch(new RegExp(`^PROXY TCP4 127\\.0\\.1\\.77 ${lab.egress().host} \\d+ ${tcp.number}\r\nhello$`));
  });

  test('V2 tells them in binary', async () => {
    const text = await seen('{ proxyProtocol: { version: V2 } }');
    expect(text.startsWith('\r\n\r\n\0\r\nQUIT\n!\x11')).toBe(true);
    expect([...Buffer.from(text.slice(16, 20), 'latin1')]).toEqual([127, 0, 1, 77]);
    expect(text.endsWith('hello')).toBe(true);
  });
});

describe('a tunnel', () => {
  let host: string;
  beforeAll(async () => {
    host = lab.egress().host.replace(/\d+$/, '202');
    const server = createHttpServer((request, response) => {
      note('forward', `${request.method} ${request.url} ${request.headers.host}`);
      // Nothing comes before the answer has begun.
      response.flushHeaders();
      request.pipe(response);
    });
    server.on('connect', (request, socket: Socket) => {
      note('forward', `CONNECT ${request.url}`);
      socket.on('error', () => socket.destroy());
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(socket);
    });
    closing.push(await listening(server, { host, port: 18099 }));
  });

  test.each([
    ['CONNECT', 'CONNECT far.example:8443'],
    ['POST', 'POST / far.example:8443'],
  ])('by %s names its destination and carries bytes both ways', async (protocol, request) => {
    first.delete('forward');
    await leadTo('forward', host, `{ tunnel: { protocol: ${protocol}, targetHost: far.example, targetPort: 8443 } }`);
    expect(await sendLine(lab.egress(tcp), 'through')).toBe('through');
    expect(first.get('forward')).toEqual([request]);
  });
});

test('nothing was refused', () => {
  for (const each of [lab, plain]) {
    expect(each.mesh.daemon.rejections()).toEqual([]);
    expect(each.mesh.complaints).toEqual([]);
  }
});
