// What a port speaks, by its name or by looking, and what a stock Envoy makes of it on either side.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
import type { Lab, Port } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { http, startLab } from '../../support/mesh/lab.ts';
import { versions, virtualService } from '../../support/objects/rules.ts';
import { arrival, repeat, sendHttp2, sendLine, tally } from '../../support/mesh/traffic.ts';

const http2: Port = { number: 18082, name: 'http2', app: 'http2' };
const grpc: Port = { number: 18083, name: 'grpc-api', app: 'http2' };
const tcp: Port = { number: 18084, name: 'tcp', app: 'tcp' };
const auto: Port = { number: 18085, name: 'any', app: 'either' };
const webSocket: Port = { number: 18086, name: 'any-http', app: 'http' };
const autoHttp2: Port = { number: 18087, name: 'any-http2', app: 'http2' };

/** Rules that only requests that are understood as HTTP can feel. */
const marked = virtualService(
  'store',
  `
http:
  - match: [{ uri: { prefix: /teapot } }]
    directResponse: { status: 418 }
  - match: [{ uri: { prefix: /fault } }]
    fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 100 } } }
    route: [{ destination: { host: store } }]
  - headers: { request: { set: { x-mark: seen } } }
    route: [{ destination: { host: store } }]
`,
);

// Once between the caller's Envoy and the app, in plaintext, and once with an Envoy in front of the app, in mutual TLS.
describe.each([
  ['to an app', false],
  ['to an app behind a proxy', true],
])('%s', (_name, sidecar) => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab({
      workloads: [{ name: 'store-v1', sidecar }],
      ports: [http, http2, grpc, tcp, auto, webSocket, autoHttp2],
      files: { 'marked.yaml': marked },
    });
  });
  afterAll(() => lab?.stop());

  const version = (port: Port, send: typeof sendHttp2) =>
    send(lab.egress(port), { headers: { host: 'store' } }).then((answer) => arrival(answer).httpVersion);
  const sendHttp1: typeof sendHttp2 = (at, call) => lab.call('store', call, { ...http, number: at.port });

  test('an http port is HTTP/1.1 to the app, whatever the caller speaks', async () => {
    expect(await version(http, sendHttp1)).toBe('1.1');
    expect(await version(http, sendHttp2)).toBe('1.1');
  });

  test('an http2 port is HTTP/2 to the app, whatever the caller speaks', async () => {
    expect(await version(http2, sendHttp1)).toBe('2.0');
    expect(await version(http2, sendHttp2)).toBe('2.0');
  });

  test('a gRPC call comes back with its trailers', async () => {
    const headers = { host: 'store', 'content-type': 'application/grpc', te: 'trailers' };
    const answer = await sendHttp2(lab.egress(grpc), { path: '/shop.Store/List', method: 'POST', headers });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'grpc-status': '0', 'content-type': 'application/grpc' });
  });

  test('a fault of a gRPC status', async () => {
    const headers = { host: 'store', 'content-type': 'application/grpc', te: 'trailers' };
    const answer = await sendHttp2(lab.egress(grpc), { path: '/fault', method: 'POST', headers });
    expect(answer.headers).toMatchObject({ 'grpc-status': '14' });
  });

  test('TCP passes bytes', async () => {
    expect(await sendLine(lab.egress(tcp), 'hello')).toBe('store-v1:hello');
  });

  test('on a port of no known protocol HTTP/1.1 and HTTP/2 are recognized, and rules apply', async () => {
    const one = arrival(await lab.call('store', {}, auto));
    expect([one.httpVersion, one.headers['x-mark']]).toEqual(['1.1', 'seen']);
    const two = arrival(await sendHttp2(lab.egress(autoHttp2), { headers: { host: 'store' } }));
    expect([two.httpVersion, two.headers['x-mark']]).toEqual(['2.0', 'seen']);
    expect((await lab.call('store', { path: '/teapot' }, auto)).status).toBe(418);
  });

  test('on the same port anything else passes as it is', async () => {
    expect(await sendLine(lab.egress(auto), 'hello\n')).toBe('store-v1:hello\n');
    expect(await sendLine(lab.egress(auto), '\u0000\u0001\u0002')).toBe('store-v1:\u0000\u0001\u0002');
  });

  test.each([
    ['http', http],
    ['detected', webSocket],
  ])('a websocket is opened and carries both ways (%s)', async (_kind, port) => {
    const upgrade = 'GET /socket HTTP/1.1\r\nhost: store\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nping';
    const received = await sendLine(lab.egress(port), upgrade, 'ping');
    expect(received).toMatch(/^HTTP\/1.1 101 /);
    expect(received).toMatch(/\r\n\r\nping$/);
  });

  test('nothing was refused', () => {
    expect(lab.mesh.daemon.rejections()).toEqual([]);
    expect(lab.mesh.complaints).toEqual([]);
  });
});

describe('TCP rules', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({
      workloads: ['store-v1', 'store-v2'],
      ports: [tcp],
      files: { 'subsets.yaml': versions('store') },
    });
  });
  afterAll(() => lab?.stop());

  const line = async () => (await sendLine(lab.egress(tcp), 'hello')).split(':')[0] ?? '';
  const rules = (route: string) => lab.mesh.change('rules.yaml', virtualService('store', `tcp: [{ route: ${route} }]`));

  test('to a subset', async () => {
    await rules('[{ destination: { host: store, subset: v2 } }]');
    expect(tally(await repeat(10, line))).toEqual({ 'store-v2': 10 });
  });

  test('by weights', async () => {
    const to = (subset: string, weight: number) =>
      `{ destination: { host: store, subset: ${subset} }, weight: ${weight} }`;
    await rules(`[${to('v1', 30)}, ${to('v2', 70)}]`);
    const { 'store-v1': one = 0, 'store-v2': two = 0 } = tally(await repeat(200, line));
    expect(one + two).toBe(200);
    expect(one).toBeGreaterThan(25);
    expect(one).toBeLessThan(100);
  });

  test('by port', async () => {
    const other = `tcp: [{ match: [{ port: 9999 }], route: [{ destination: { host: store, subset: v1 } }] },
      { match: [{ port: ${tcp.number} }], route: [{ destination: { host: store, subset: v2 } }] }]`;
    await lab.mesh.change('rules.yaml', virtualService('store', other));
    expect(tally(await repeat(10, line))).toEqual({ 'store-v2': 10 });
  });
});
