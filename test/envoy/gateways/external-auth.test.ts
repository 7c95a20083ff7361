// ExternalAuth filters of HTTPRoutes on a stock Envoy: services over HTTP and over gRPC are asked about the requests of single rules,
// see what the filter says of them, and their answer goes on with the request.
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';

import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import type { AuthorizerServer } from '../../support/servers/authorizers.ts';
import { startGrpcAuthorizer, startHttpAuthorizer } from '../../support/servers/authorizers.ts';
import type { Backend } from '../../support/servers/backend.ts';
import { startHttp } from '../../support/servers/backend.ts';
import { gatewayTemplate, loopbackNet, pod, service } from '../../support/mesh/gateway.ts';
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { arrival, send } from '../../support/mesh/traffic.ts';

const net = loopbackNet();
const [gate, web] = [`${net}.1`, `${net}.10`];
const plain = await freePort();

let http: AuthorizerServer;
let grpc: AuthorizerServer;
let app: Backend;
let mesh: LiveMesh;

const rule = (prefix: string, auth: string, backend = 'name: web, port: 18080'): string => `
  - matches: [{path: {value: ${prefix}}}]
    ${auth === '' ? '' : `filters: [{type: ExternalAuth, externalAuth: {${auth}}}]`}
    backendRefs: [{${backend}}]`;

const files = (): Readonly<Record<string, string>> => ({
  'mesh.yaml':
    pod('gate', 'edge', gate, gatewayTemplate) +
    pod('web', 'edge', web) +
    pod('asked', 'edge', '127.0.0.1') +
    service('web', '{name: http, port: 18080}', 'edge') +
    service('asked', `{name: http, port: ${http.port}}, {name: grpc, port: ${grpc.port}}`, 'edge') +
    service('gate', `{name: http, port: ${plain}}`, 'edge'),
  'gateway.yaml': `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: edge}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: gate}]
  listeners: [{name: http, port: ${plain}, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: edge}
spec:
  parentRefs: [{name: front}]
  rules:
${rule('/open', '')}
${rule('/http', `protocol: HTTP, backendRef: {name: asked, port: ${http.port}}, http: {path: /check, allowedHeaders: [x-token], allowedResponseHeaders: [X-User]}`)}
${rule('/all', `protocol: HTTP, backendRef: {name: asked, port: ${http.port}}`)}
${rule('/grpc', `protocol: GRPC, backendRef: {name: asked, port: ${grpc.port}}, grpc: {allowedHeaders: [x-token]}`)}
${rule('/body', `protocol: GRPC, backendRef: {name: asked, port: ${grpc.port}}, forwardBody: {maxSize: 100}`)}
${rule('/gone', 'protocol: HTTP, backendRef: {name: nobody, port: 80}')}
`,
});

beforeAll(async () => {
  vi.stubEnv('KEELSON_STRICT_GATEWAYS', 'true');
  http = await startHttpAuthorizer();
  grpc = await startGrpcAuthorizer();
  app = await startHttp('web', { host: web, port: 18080 });
  mesh = await startLiveMesh({ files: files(), proxies: ['gate-1.edge'] });
}, 60_000);

afterAll(async () => {
  await mesh?.stop();
  await Promise.all([app?.close(), http?.close(), grpc?.close()]);
  vi.unstubAllEnvs();
});

beforeEach(() => {
  http.asked.length = 0;
  grpc.asked.length = 0;
});

const get = (path: string, headers: IncomingHttpHeaders = {}) => send({ host: gate, port: plain }, { path, headers });

async function post(path: string, body: string): Promise<number> {
  const outgoing = request({ host: gate, port: plain, path, method: 'POST', agent: false }).end(body);
  const [answer] = await once(outgoing, 'response');
  await text(answer);
  return answer.statusCode;
}

describe('a service that is asked over HTTP', () => {
  it('lets requests on, with what of its answer is to go with them', async () => {
    const { headers } = arrival(await get('/http/a?b', { 'x-token': 'secret', 'x-other': 'mine' }));
    expect(headers).toMatchObject({ 'x-token': 'secret', 'x-other': 'mine', 'x-user': 'known' });
    expect(http.asked).toHaveLength(1);
    expect(http.asked[0]?.path).toBe('/check/http/a?b');
    expect(http.asked[0]?.headers).toMatchObject({ 'x-token': 'secret', 'content-length': '0' });
    expect(http.asked[0]?.headers).not.toHaveProperty('x-other');
  });

  it('refuses requests with its own answer', async () => {
    const { status, body } = await get('/http/forbidden');
    expect([status, body]).toEqual([403, 'not you']);
  });

  it('sees no more than it has to, and all of its answer goes on, unless it says otherwise', async () => {
    const { headers, path } = arrival(
      await get('/all', { 'x-token': 'secret', authorization: 'me', host: 'shop.test' }),
    );
    expect(headers).toMatchObject({ 'x-user': 'known', host: 'shop.test' });
    expect(path).toBe('/all');
    expect(http.asked[0]?.headers).toMatchObject({ authorization: 'me', host: 'shop.test' });
    expect(http.asked[0]?.headers).not.toHaveProperty('x-token');
  });

  it('is not asked about the requests of other rules', async () => {
    expect((await get('/open/forbidden')).status).toBe(200);
    expect(http.asked).toEqual([]);
  });

  it('stands for its rule: where it is not there, nothing passes', async () => {
    expect((await get('/gone')).status).toBe(500);
  });
});

describe('a service that is asked over gRPC', () => {
  it('lets requests on, and sees the headers that it is to see', async () => {
    expect((await get('/grpc/a', { 'x-token': 'secret', 'x-other': 'mine' })).status).toBe(200);
    expect(grpc.asked[0]?.headers).toMatchObject({ 'x-token': 'secret' });
    expect(grpc.asked[0]?.headers).not.toHaveProperty('x-other');
  });

  it('refuses requests', async () => {
    expect((await get('/grpc/forbidden')).status).toBe(403);
  });

  it('sees bodies up to their limit; larger ones are refused', async () => {
    expect(await post('/body', 'a few words')).toBe(200);
    expect(grpc.asked[0]?.body).toBe('a few words');
    expect(await post('/body', 'x'.repeat(200))).toBe(413);
  });
});
