// Where stock Envoys stand as gateways: behind proxies that they believe, with client certificates that they forward or keep for
// themselves, between networks, and for Ingresses as for any other API.
import { request as httpsRequest } from 'node:https';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Arrival, Backend } from '../../support/servers/backend.ts';
import { listening, startHttp } from '../../support/servers/backend.ts';
import { gateway, gatewayTemplate, loopbackNet, pair, pod, routes, secret, selfSigned, server, service } from '../../support/mesh/gateway.ts'; // prettier-ignore
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { arrival, send, whoOf } from '../../support/mesh/traffic.ts';

const shop = selfSigned('shop.example.com');
const client = selfSigned('client.test');
const inside = selfSigned('inside.test');

const net = loopbackNet();
const [edge, behind, keeping, ingress, between, web, beds, meshed] = [1, 2, 3, 4, 5, 10, 11, 12].map((last) => `${net}.${last}`) as [string, string, string, string, string, string, string, string]; // prettier-ignore
const [plain, tls] = [18080, 18443];

const standing = (topology: string): string =>
  `{inject.istio.io/templates: gateway, proxy.istio.io/config: '{gatewayTopology: ${topology}}'}`;
const open = (at: string): readonly string[] => [
  server(at, 'http', 'HTTP', plain, 'shop.example.com'),
  server(at, 'https', 'HTTPS', tls, 'shop.example.com', 'mode: MUTUAL, credentialName: shop'),
];
const object = (kind: string, name: string, spec: string): string =>
  `---\napiVersion: networking.k8s.io/v1\nkind: ${kind}\nmetadata: {name: ${name}${kind === 'Ingress' ? ', namespace: shop' : ''}}\nspec: ${spec}\n`;
const to = (name: string): string => `backend: {service: {name: ${name}, port: {number: 18080}}}`;

const files = {
  'mesh.yaml':
    pod('edge', 'edge', edge, gatewayTemplate) +
    pod('behind', 'edge', behind, standing('{numTrustedProxies: 1, forwardClientCertDetails: APPEND_FORWARD}')) +
    pod('keeping', 'edge', keeping, standing('{forwardClientCertDetails: SANITIZE}')) +
    pod('ingress', 'istio-system', ingress, gatewayTemplate).replace('{app: ingress}', '{istio: ingressgateway}') +
    pod('between', 'edge', between, gatewayTemplate) +
    pod('meshed', 'shop', meshed).replace('{app: meshed}', '{app: meshed, security.istio.io/tlsMode: istio}') +
    service('meshed', '{name: tcp, port: 18082}') +
    pod('web', 'shop', web) +
    pod('beds', 'shop', beds) +
    service('web', '{name: http, port: 18080}') +
    service('beds', '{name: http, port: 18080}') +
    // An Ingress is for ports 80 and 443 of the Service in front of the gateway.
    service('ingress', `{name: http, port: 80, targetPort: ${plain + 1}}, {name: https, port: 443, targetPort: ${tls + 1}}`, 'istio-system').replace('{app: ingress}', '{istio: ingressgateway}'), // prettier-ignore
  'gateways.yaml': Object.entries({ edge, behind, keeping })
    .map(([app, at]) => gateway(app, app, open(at)))
    .join(''),
  'between.yaml': gateway('between', 'between', [server(between, 'tls', 'TLS', tls, '"*.shop.svc.cluster.local"', 'mode: AUTO_PASSTHROUGH')]), // prettier-ignore
  'routes.yaml': routes('web', ['shop.example.com'], 'edge/edge, edge/behind, edge/keeping', 'http: [{route: [{destination: {host: web}}]}]'), // prettier-ignore
  'secrets.yaml':
    secret('shop', { ...pair(shop), 'ca.crt': client.certificate }) +
    secret('shop', pair(shop)).replace('namespace: edge', 'namespace: istio-system'),
  'ingress.yaml':
    object('IngressClass', 'mesh', '{controller: istio.io/ingress-controller}') +
    object('Ingress', 'shop', `{ingressClassName: mesh, tls: [{hosts: [shop.example.com], secretName: shop}], rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, ${to('web')}}, {path: /beds, pathType: Prefix, ${to('beds')}}, {path: /beds/exact, pathType: Exact, ${to('web')}}]}}]}`) + // prettier-ignore
    object('Ingress', 'foreign', `{ingressClassName: other, rules: [{host: foreign.test, http: {paths: [{path: /, pathType: Prefix, ${to('web')}}]}}]}`), // prettier-ignore
};

const apps: Backend[] = [];
const stops: (() => Promise<void>)[] = [];
let mesh: LiveMesh;

beforeAll(async () => {
  apps.push(await startHttp('web', { host: web, port: 18080 }), await startHttp('beds', { host: beds, port: 18080 }));
  const proxies = ['edge-1.edge', 'behind-1.edge', 'keeping-1.edge', 'between-1.edge', 'ingress-1.istio-system'];
  const echo = createTlsServer({ cert: inside.certificate, key: inside.key, ALPNProtocols: ['istio'] }, (socket) => socket.pipe(socket)); // prettier-ignore
  stops.push(await listening(echo, { host: meshed, port: 18082 }));
  mesh = await startLiveMesh({ files, proxies });
}, 90_000);

afterAll(async () => {
  await mesh?.stop();
  for (const app of apps) await app.close();
  for (const stop of stops) await stop();
});

const host = 'shop.example.com';

async function overTls(at: string, port: number, path: string, headers = {}): Promise<Arrival> {
  const shown = { cert: client.certificate, key: client.key };
  const outgoing = httpsRequest({ host: at, port, path, servername: host, headers: { host, ...headers }, agent: false, rejectUnauthorized: false, ...shown }).end(); // prettier-ignore
  const [answer] = await once(outgoing, 'response');
  return JSON.parse(await text(answer)) as Arrival;
}

describe('who the client is', () => {
  const claimed = { host, 'x-forwarded-for': '198.51.100.7, 203.0.113.9' };
  const told = async (at: string) => {
    const { headers } = arrival(await send({ host: at, port: plain }, { headers: claimed, from: '127.0.0.1' }));
    // The last is this machine, by whichever name Envoy calls it.
    const chain = String(headers['x-forwarded-for']).split(/, ?/).slice(0, -1);
    return [chain, headers['x-envoy-external-address']];
  };

  it('is who connects to a gateway at the edge', async () => {
    expect(await told(edge)).toEqual([['198.51.100.7', '203.0.113.9'], '127.0.0.1']);
  });

  it('is who a trusted proxy says it was, behind one', async () => {
    expect(await told(behind)).toEqual([['198.51.100.7', '203.0.113.9'], '203.0.113.9']);
  });
});

describe('the certificate of a client', () => {
  const claimed = { 'x-forwarded-client-cert': 'Subject="CN=claimed"' };
  const forwarded = async (at: string) =>
    String((await overTls(at, tls, '/', claimed)).headers['x-forwarded-client-cert']);

  it('is told instead of what was claimed', async () => {
    expect(await forwarded(edge)).toContain('CN=client.test');
    expect(await forwarded(edge)).not.toContain('claimed');
  });

  it('is added to what was told before, where topology says so', async () => {
    expect(await forwarded(behind)).toMatch(/^Subject="CN=claimed",.*CN=client\.test/);
  });

  it('stays here, where topology says so', async () => {
    expect(await forwarded(keeping)).toBe('undefined');
  });
});

describe('an Ingress', () => {
  const asked = async (path: string, of = host): Promise<string> =>
    whoOf(await send({ host: ingress, port: plain + 1 }, { path, headers: { host: of } }));

  it('leads by host and path, whole segments of a prefix, exact paths first', async () => {
    expect(await Promise.all(['/', '/beds', '/beds/roses', '/bedsheets', '/beds/exact'].map((path) => asked(path)))).toEqual(['web', 'beds', 'beds', 'web', 'web']); // prettier-ignore
    expect(await asked('/', 'other.test')).toBe('404');
  });

  it('ends TLS with its Secret', async () => {
    // Its listener comes once the Secret has been read.
    const answers = (): Promise<string | undefined> =>
      overTls(ingress, tls + 1, '/beds').then(
        ({ instance }) => instance,
        (error: unknown) => String(error),
      );
    await expect.poll(answers, { timeout: 20_000 }).toBe('beds');
  });

  it('of another class is none of ours', async () => {
    expect(await asked('/', 'foreign.test')).toBe('404');
  });
});

describe('a gateway between networks', () => {
  /** The certificate that is shown, and what comes back; or why nothing does. */
  const through = (servername: string, ALPNProtocols = ['istio']): Promise<string> =>
    new Promise((resolve) => {
      const socket = connectTls({ host: between, port: tls, servername, ALPNProtocols, rejectUnauthorized: false });
      socket.on('secureConnect', () => socket.write('hello'));
      socket.on('data', (bytes) => {
        resolve(`${String(socket.getPeerCertificate().subject.CN)} ${String(bytes)}`);
        socket.destroy();
      });
      socket.on('error', () => resolve('refused'));
      socket.on('close', () => resolve('refused'));
    });

  it('passes mutual TLS of the mesh on to the service that its server name says, and decrypts nothing', async () => {
    expect(await through('outbound_.18082_._.meshed.shop.svc.cluster.local')).toBe('inside.test hello');
  });

  it.each<[string, string, readonly string[]]>([
    ['for services that are not there', 'outbound_.18082_._.nobody.shop.svc.cluster.local', ['istio']],
    ['for endpoints that take no mutual TLS', 'outbound_.18080_._.web.shop.svc.cluster.local', ['istio']],
    ['from clients that are none of the mesh', 'outbound_.18082_._.meshed.shop.svc.cluster.local', ['h2']],
  ])('passes nothing on %s', async (_what, name, protocols) => {
    expect(await through(name, [...protocols])).toBe('refused');
  });
});
