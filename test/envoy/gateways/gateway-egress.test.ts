// Gateways on the way out, and towards backends: mutual TLS of the mesh up to an egress gateway that begins the partner's own TLS,
// backends of Gateway API that want to see a certificate, and clients that stay with their backend.
import type { TLSSocket } from 'node:tls';
import { createServer as createHttpsServer } from 'node:https';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import type { Backend } from '../../support/servers/backend.ts';
import { listening, startHttp } from '../../support/servers/backend.ts';
import { configMap, gateway, gatewayTemplate, loopbackNet, pair, pod, secret, selfSigned, server, service } from '../../support/mesh/gateway.ts'; // prettier-ignore
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { arrival, send, whoOf } from '../../support/mesh/traffic.ts';

const partner = selfSigned('partner.example');
const customer = selfSigned('customer.test');
const pass = selfSigned('pass.test');

const net = loopbackNet();
const [caller, out, quay, outside, inner] = [`${net}.1`, `${net}.2`, `${net}.3`, `${net}.20`, `${net}.21`];
const berths = [`${net}.31`, `${net}.32`, `${net}.33`];
const [plain, tunnel, secured] = [18080, 18448, 18443];
const port = await freePort();

/** HTTPS that asks for a certificate and answers who showed which, and what the request had. */
const startHttps = (at: string, keys: { readonly certificate: string; readonly key: string }, ca: string) => {
  const options = { cert: keys.certificate, key: keys.key, ca, requestCert: true, rejectUnauthorized: true };
  const https = createHttpsServer(options, ({ headers, socket }, response) => {
    const { subject } = (socket as TLSSocket).getPeerCertificate();
    response.end(JSON.stringify({ subject: subject.CN, servername: (socket as TLSSocket & { servername?: string }).servername, headers })); // prettier-ignore
  });
  return listening(https, { host: at, port: secured });
};

const istio = (kind: string, namespace: string, name: string, spec: string): string =>
  `---\napiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;
const gatewayApi = (kind: string, name: string, spec: string): string =>
  `---\napiVersion: gateway.networking.k8s.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: edge}\nspec: ${spec}\n`;

const host = 'out.edge.svc.cluster.local';
const egress =
  gateway('out', 'out', [server(out, 'mesh', 'HTTPS', tunnel, 'partner.example', 'mode: ISTIO_MUTUAL')]) +
  service('out', `{name: https, port: ${tunnel}}`, 'edge') +
  istio(
    'DestinationRule',
    'edge',
    'out',
    `{host: ${host}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: partner.example}}}`,
  ) + // prettier-ignore
  istio(
    'ServiceEntry',
    'edge',
    'partner',
    `{hosts: [partner.example], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: ${plain}, name: http, protocol: HTTP}, {number: ${secured}, name: http-tls, protocol: HTTP}], endpoints: [{address: ${outside}}]}`,
  ) + // prettier-ignore
  istio(
    'DestinationRule',
    'edge',
    'partner',
    `{host: partner.example, trafficPolicy: {portLevelSettings: [{port: {number: ${secured}}, tls: {mode: MUTUAL, credentialName: partner, sni: partner.example}}]}}`,
  ) + // prettier-ignore
  istio(
    'VirtualService',
    'edge',
    'partner',
    `
  hosts: [partner.example]
  gateways: [mesh, edge/out]
  http:
  - {match: [{gateways: [mesh], port: ${plain}}], route: [{destination: {host: ${host}, port: {number: ${tunnel}}}}]}
  - {match: [{gateways: [edge/out]}], headers: {request: {set: {x-way: out}}}, route: [{destination: {host: partner.example, port: {number: ${secured}}}}]}`,
  ) + // prettier-ignore
  istio(
    'Sidecar',
    'shop',
    'caller',
    `{workloadSelector: {labels: {app: caller}}, egress: [{port: {number: ${plain}, name: http, protocol: HTTP}, bind: ${caller}, captureMode: NONE, hosts: ['*/*']}]}`,
  ) + // prettier-ignore
  secret('partner', { ...pair(customer), 'ca.crt': partner.certificate });

const harbor =
  service('quay', `{name: http, port: ${port}}`, 'edge') +
  service('vault', `{name: https, port: ${secured}}`, 'edge') +
  service('berth', `{name: http, port: ${plain}}`, 'edge') +
  gatewayApi(
    'Gateway',
    'quay',
    `{gatewayClassName: istio, addresses: [{type: Hostname, value: quay.edge.svc.cluster.local}], tls: {backend: {clientCertificateRef: {name: pass}}}, listeners: [{name: web, port: ${port}, protocol: HTTP}]}`,
  ) + // prettier-ignore
  gatewayApi(
    'HTTPRoute',
    'vault',
    `{parentRefs: [{name: quay}], hostnames: [vault.test], rules: [{backendRefs: [{name: vault, port: ${secured}}]}]}`,
  ) + // prettier-ignore
  gatewayApi(
    'HTTPRoute',
    'berth',
    `{parentRefs: [{name: quay}], hostnames: [berth.test], rules: [{matches: [{path: {value: /header}}], sessionPersistence: {type: Header, sessionName: x-berth}, backendRefs: [{name: berth, port: ${plain}}]}, {sessionPersistence: {sessionName: berth, absoluteTimeout: 1h}, backendRefs: [{name: berth, port: ${plain}}]}]}`,
  ) + // prettier-ignore
  gatewayApi(
    'BackendTLSPolicy',
    'vault',
    `{targetRefs: [{group: '', kind: Service, name: vault}], validation: {hostname: partner.example, caCertificateRefs: [{group: '', kind: ConfigMap, name: vault}]}}`,
  ) + // prettier-ignore
  configMap('vault', 'edge', { 'ca.crt': partner.certificate }) +
  secret('pass', pair(pass));

const files = {
  'pods.yaml':
    pod('caller', 'shop', caller) +
    pod('out', 'edge', out, gatewayTemplate) +
    pod('quay', 'edge', quay, gatewayTemplate) +
    pod('vault', 'edge', inner) +
    berths.map((ip, i) => pod(`berth-${i}`, 'edge', ip, '{}', 'berth')).join(''),
  'egress.yaml': egress,
  'harbor.yaml': harbor,
};

let mesh: LiveMesh;
let apps: readonly Backend[] = [];
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  vi.stubEnv('KEELSON_STRICT_GATEWAYS', 'true');
  stops.push(await startHttps(outside, partner, customer.certificate));
  stops.push(await startHttps(inner, partner, pass.certificate));
  apps = await Promise.all(berths.map((at, i) => startHttp(`berth-${i}`, { host: at, port: plain })));
  mesh = await startLiveMesh({ files, proxies: ['caller-1.shop', 'out-1.edge', 'quay-1.edge'] });
}, 60_000);

afterAll(async () => {
  await mesh?.stop();
  await Promise.all([...apps.map((app) => app.close()), ...stops.map((stop) => stop())]);
  vi.unstubAllEnvs();
});

interface Shown {
  readonly subject: string;
  readonly servername: string;
  readonly headers: Readonly<Record<string, string>>;
}

it('goes out in mutual TLS of the mesh, and then in that of the partner', async () => {
  const answer = await send({ host: caller, port: plain }, { headers: { host: 'partner.example' } });
  expect(answer.status).toBe(200);
  const { subject, servername, headers } = JSON.parse(answer.body) as Shown;
  expect([subject, servername, headers['x-way']]).toEqual(['customer.test', 'partner.example', 'out']);
  expect(headers['x-forwarded-client-cert']).toContain('URI=spiffe://cluster.local/ns/shop/sa/caller');
});

it('does not let in at the egress gateway who has no certificate of the mesh', async () => {
  await expect(send({ host: out, port: tunnel }, { headers: { host: 'partner.example' } })).rejects.toThrow();
});

const edge = { host: '127.0.0.1', port };

it('shows the certificate of its Gateway to a backend of Gateway API', async () => {
  const answer = await send(edge, { headers: { host: 'vault.test' } });
  expect(answer.status).toBe(200);
  const { subject, servername } = JSON.parse(answer.body) as Shown;
  expect([subject, servername]).toEqual(['pass.test', 'partner.example']);
});

describe('a client that is bound', () => {
  it('stays with its backend by a cookie', async () => {
    const first = await send(edge, { headers: { host: 'berth.test' } });
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^berth="?[^;]+"?; Max-Age=3600; Path=\//);
    const bound = { host: 'berth.test', cookie: cookie.slice(0, cookie.indexOf(';')) };
    for (let i = 0; i < 9; i++) expect(whoOf(await send(edge, { headers: bound }))).toBe(whoOf(first));
    const others = new Set<string>();
    for (let i = 0; i < 9; i++) others.add(whoOf(await send(edge, { headers: { host: 'berth.test' } })));
    expect(others.size).toBeGreaterThan(1);
  });

  it('stays with its backend by a header', async () => {
    const first = await send(edge, { path: '/header', headers: { host: 'berth.test' } });
    const bound = { host: 'berth.test', 'x-berth': String(first.headers['x-berth']) };
    for (let i = 0; i < 9; i++)
      expect(arrival(await send(edge, { path: '/header', headers: bound })).instance).toBe(whoOf(first));
  });
});

it('complains of nothing', () => {
  expect(mesh.complaints).toEqual([]);
});
