// A waypoint that is a stock Envoy: callers come through tunnels of mutual TLS, services are told apart by their addresses,
// and policies that name a service see who began the tunnel.
// https://istio.io/latest/docs/ambient/usage/waypoint/
import type { ClientHttp2Session } from 'node:http2';

import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { directoryRoot, directoryTokens, tokenAudience } from '../../../src/daemon/authority/credentials.ts';
import type { Backend, TcpBackend } from '../../support/servers/backend.ts';
import { startHttp, startTcpEcho } from '../../support/servers/backend.ts';
import { askForCertificate, signingRequest } from '../../support/kubernetes/certificate-client.ts';
import { yaml } from '../../support/mesh/lab.ts';
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { p256 } from '../../support/mesh/openssl.ts';

const net = `127.${20 + Math.floor(Math.random() * 200)}.${1 + Math.floor(Math.random() * 250)}`;
const [vip, app, way] = ['10.96.0.11', `${net}.10`, `${net}.50`];
const metadata = (name: string, labels: object = {}) => ({ name, namespace: 'lab', labels });
const pod = (name: string, address: string, labels: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata(name, labels),
  spec: { serviceAccountName: name, containers: [{ name: 'app' }] },
  status: { podIP: address },
});
const gatewayName = { 'gateway.networking.k8s.io/gateway-name': 'way' };

const objects = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'lab', labels: { 'istio.io/use-waypoint': 'way' } },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: metadata('way'),
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
  },
  pod('way', way, { ...gatewayName, 'gateway.istio.io/managed': 'istio.io-mesh-controller' }),
  pod('lion', app, { app: 'lion' }),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('lion'),
    spec: {
      clusterIP: vip,
      selector: { app: 'lion' },
      ports: [
        { name: 'http', port: 80, targetPort: 18080 },
        { name: 'tcp', port: 90, targetPort: 18090 },
        { name: 'unnamed', port: 70, targetPort: 18080 },
      ],
    },
  },
];

const onlyKeeper = (action: string, rule: object, name = 'lion') =>
  yaml({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: metadata('keeper'),
    spec: { action, targetRefs: [{ kind: 'Service', group: '', name }], rules: [rule] },
  });

let mesh: LiveMesh;
let backends: readonly (Backend | TcpBackend)[];
const sessions = new Map<string, ClientHttp2Session>();

beforeAll(async () => {
  backends = [
    await startHttp('lion', { host: app, port: 18080 }),
    await startTcpEcho('lion', { host: app, port: 18090 }),
  ];
  mesh = await startLiveMesh({ files: { 'zoo.yaml': yaml(...objects) }, proxies: ['way.lab'] });
}, 120_000);

afterAll(async () => {
  for (const session of sessions.values()) session.destroy();
  await mesh?.stop();
  for (const backend of backends) await backend.close();
});

/** The tunnels of one identity share a connection. */
async function sessionOf(serviceAccount: string): Promise<ClientHttp2Session> {
  const known = sessions.get(serviceAccount);
  if (known !== undefined) return known;
  const roots = (await directoryRoot(mesh.state, 'cluster.local', Date.now())).certificate;
  const tokens = await directoryTokens(mesh.state);
  const identity = { trustDomain: 'cluster.local', namespace: 'lab', serviceAccount };
  const token = tokens.issue(identity, 3600_000, { audience: tokenAudience, now: Date.now() });
  const { csr, privateKey } = signingRequest(p256);
  const reply = await askForCertificate(mesh.daemon.port, roots, { csr, token });
  if (!('chain' in reply)) throw new Error(reply.details);
  const socket = connectTls({
    host: way,
    port: 15008,
    ALPNProtocols: ['h2'],
    ca: roots,
    cert: reply.chain.join('\n'),
    key: privateKey,
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  const session = connectHttp2(`https://${way}:15008`, { createConnection: () => socket });
  sessions.set(serviceAccount, session);
  return session;
}

/** What came back first on one connection through a tunnel; '' when it ended without. */
async function through(serviceAccount: string, target: string, sent: string): Promise<string> {
  const session = await sessionOf(serviceAccount);
  const stream = session.request({ ':method': 'CONNECT', ':authority': target });
  stream.on('error', () => {});
  stream.write(sent);
  const nothing = (): readonly [string] => [''];
  const first = once(stream, 'data').catch(nothing);
  const [chunk] = await Promise.race([first, once(stream, 'close').then(nothing, nothing)]);
  stream.destroy();
  return String(chunk);
}

const get = async (who: string, port = 80, path = '/'): Promise<string> => {
  const sent = `GET ${path} HTTP/1.1\r\nhost: lion\r\nconnection: close\r\n\r\n`;
  return (await through(who, `${vip}:${port}`, sent)).split('\r\n')[0] ?? '';
};

test('a stock Envoy takes what a waypoint is sent, and leads tunnels to the service', { timeout: 60_000 }, async () => {
  expect(mesh.complaints).toEqual([]);
  expect(await get('keeper')).toBe('HTTP/1.1 200 OK');
  expect(await get('keeper', 70)).toBe('HTTP/1.1 200 OK');
  expect(await through('keeper', `${vip}:90`, 'roar\n')).toContain('roar');
  expect(await get('keeper', 81)).toBe('');
});

test('policies know who began the tunnel', { timeout: 60_000 }, async () => {
  const keeper = { from: [{ source: { principals: ['cluster.local/ns/lab/sa/keeper'] } }] };
  await mesh.change('policy.yaml', onlyKeeper('ALLOW', keeper));
  expect(await get('keeper')).toBe('HTTP/1.1 200 OK');
  expect(await get('thief')).toBe('HTTP/1.1 403 Forbidden');
  expect(await get('keeper')).toBe('HTTP/1.1 200 OK');
  expect(await through('keeper', `${vip}:90`, 'roar\n')).toContain('roar');
  expect(await through('thief', `${vip}:90`, 'roar\n')).not.toContain('roar');

  await mesh.change('policy.yaml', onlyKeeper('DENY', { to: [{ operation: { paths: ['/den'] } }], ...keeper }));
  expect(await get('keeper', 80, '/den')).toBe('HTTP/1.1 403 Forbidden');
  expect(await get('thief', 80, '/den')).toBe('HTTP/1.1 200 OK');
});

test('callers of a service have limits of their own', { timeout: 60_000 }, async () => {
  await mesh.change('policy.yaml', undefined);
  const limit = {
    apiVersion: 'policy.keelson.io/v1alpha1',
    kind: 'RateLimitPolicy',
    metadata: metadata('limit'),
    spec: {
      targetRefs: [{ kind: 'Service', name: 'lion' }],
      local: [{ per: [{ principal: true }], requests: 2, interval: '1h' }],
      circuitBreaker: { maxRequests: 100 },
    },
  };
  await mesh.change('limit.yaml', yaml(limit));
  const statuses = async (who: string): Promise<readonly string[]> => {
    const found: string[] = [];
    for (let i = 0; i < 4; i++) found.push((await get(who)).slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    return found;
  };
  expect(await statuses('keeper')).toEqual(['200', '200', '429', '429']);
  expect(await statuses('thief')).toEqual(['200', '200', '429', '429']);
  const targetRefs = [{ kind: 'Gateway', group: 'gateway.networking.k8s.io', name: 'way' }];
  await mesh.change('limit.yaml', yaml({ ...limit, spec: { targetRefs, local: [{ requests: 3, interval: '1h' }] } }));
  expect(await statuses('keeper')).toEqual(['200', '200', '200', '429']);
});
