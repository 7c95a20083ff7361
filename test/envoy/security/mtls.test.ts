// Mutual TLS between stock Envoys: on by itself, required, or off, for HTTP and for TCP.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
import type { KeyPair } from '../../../src/ca/authority.ts';
import type { Arrival } from '../../support/servers/backend.ts';
import type { Lab, Port } from '../../support/mesh/lab.ts';
import type { Server } from 'node:https';

import { once } from 'node:events';
import { createServer } from 'node:https';
import { connect } from 'node:tls';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { workloadTemplate } from '../../../src/ca/certificate/template.ts';
import { directoryRoot } from '../../../src/daemon/authority/credentials.ts';
import { listening } from '../../support/servers/backend.ts';
import { http, startLab, yaml } from '../../support/mesh/lab.ts';
import { destinationRule, peerAuthentication } from '../../support/objects/rules.ts';
import { arrival, send, sendLine, whoOf } from '../../support/mesh/traffic.ts';

let lab: Lab;
const tcp: Port = { number: 18090, name: 'tcp', app: 'tcp' };
const ids = { caller: 'spiffe://cluster.local/ns/lab/sa/caller', store: 'spiffe://cluster.local/ns/lab/sa/store' };

beforeAll(async () => {
  lab = await startLab({ workloads: [{ name: 'store-v1', sidecar: true }], ports: [http, tcp] });
});
afterAll(() => lab?.stop());
beforeEach(() => peers('PERMISSIVE'));

let inForce = 'PERMISSIVE';
/** The mode of the namespace; PERMISSIVE is what holds when nothing is said. */
async function peers(mode: string): Promise<void> {
  if (mode !== inForce)
    await lab.mesh.change('peers.yaml', mode === 'PERMISSIVE' ? undefined : peerAuthentication(mode));
  inForce = mode;
}

/** Who talked to whom over mutual TLS, as the server's proxy tells its app. */
function peersOf({ headers }: Arrival): { readonly by: string; readonly uri: string } | undefined {
  const fields = new Map(
    String(headers['x-forwarded-client-cert'] ?? '')
      .split(';')
      .map((field) => field.split('=', 2) as [string, string]),
  );
  const [by, uri] = [fields.get('By'), fields.get('URI')];
  return by === undefined || uri === undefined ? undefined : { by, uri };
}

const throughMesh = async () => peersOf(arrival(await lab.call('store')));
const past = () => send(lab.ingress('store-v1'), { headers: { host: 'store' } });
const both = { by: ids.store, uri: ids.caller };

/** What a client that presents this certificate gets for a request; 'refused' when the connection ends without one. */
async function withCertificate({ certificate, privateKey }: Partial<KeyPair>): Promise<string> {
  const { host, port } = lab.ingress('store-v1');
  const credentials = { ...(certificate && { cert: certificate }), ...(privateKey && { key: privateKey }) };
  // The server's name is no host name, and it is the server that is asked here.
  const socket = connect({ host, port, ALPNProtocols: ['istio'], rejectUnauthorized: false, ...credentials });
  socket.on('error', () => socket.destroy());
  socket.write('GET /direct HTTP/1.1\r\nhost: store\r\nconnection: close\r\n\r\n');
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  await once(socket, 'close').catch(() => {});
  return received === '' ? 'refused' : received.slice(0, received.indexOf('\r'));
}

async function certificateOf(root: KeyPair, serviceAccount: string): Promise<KeyPair> {
  const identity = { trustDomain: 'cluster.local', namespace: 'lab', serviceAccount };
  return (await openAuthority(root)).issue(workloadTemplate(identity, {}, Date.now(), 3_600_000));
}
const meshRoot = () => directoryRoot(lab.mesh.state, 'cluster.local', Date.now());
const otherRoot = () => createRoot('cluster.local', Date.now(), 3_600_000);

describe('when nothing is said', () => {
  test('sidecars talk over mutual TLS, and each knows who the other is', async () => {
    expect(await throughMesh()).toEqual(both);
  });

  test('plaintext past the mesh is taken too', async () => {
    expect(peersOf(arrival(await past()))).toBeUndefined();
  });

  test('a header that claims an identity is not believed', async () => {
    const headers = { 'x-forwarded-client-cert': `By=${ids.store};URI=spiffe://cluster.local/ns/lab/sa/admin` };
    const plain = await send(lab.ingress('store-v1'), { headers: { host: 'store', ...headers } });
    expect(peersOf(arrival(plain))).toBeUndefined();
    expect(peersOf(arrival(await lab.call('store', { headers })))?.uri).toBe(ids.caller);
  });

  test('a TCP service takes both', async () => {
    expect(await sendLine(lab.egress(tcp), 'hello')).toBe('store-v1:hello');
    expect(await sendLine(lab.ingress('store-v1', tcp), 'hello')).toBe('store-v1:hello');
  });
});

describe('STRICT', () => {
  beforeEach(() => peers('STRICT'));
  const refused = (call: Promise<unknown>) => expect(call).rejects.toThrow(/ECONNRESET|socket hang up/);

  test('takes mutual TLS', async () => {
    expect(await throughMesh()).toEqual(both);
    expect(await sendLine(lab.egress(tcp), 'hello')).toBe('store-v1:hello');
  });

  test('refuses plaintext, HTTP and TCP', async () => {
    await refused(past());
    const line = sendLine(lab.ingress('store-v1', tcp), 'hello').catch((error: Error) => error.message);
    expect(await line).not.toContain('store-v1');
    expect(lab.tcpApp('store-v1', tcp).connections()).toBeGreaterThan(0);
  });

  test('takes a certificate of its own authority, refuses one of another and none at all', async () => {
    expect(await withCertificate(await certificateOf(await meshRoot(), 'visitor'))).toBe('HTTP/1.1 200 OK');
    expect(await withCertificate(await certificateOf(await otherRoot(), 'visitor'))).toBe('refused');
    expect(await withCertificate({})).toBe('refused');
  });

  test('a caller told to use no TLS is refused', async () => {
    await lab.mesh.change('plain.yaml', destinationRule('store', 'trafficPolicy: { tls: { mode: DISABLE } }'));
    expect(whoOf(await lab.call('store'))).toBe('503');
    await lab.mesh.change('plain.yaml', undefined);
    expect(await throughMesh()).toEqual(both);
  });
});

describe('DISABLE', () => {
  beforeEach(() => peers('DISABLE'));

  test('takes plaintext from everybody, and callers in the mesh know', async () => {
    expect(peersOf(arrival(await past()))).toBeUndefined();
    expect(await throughMesh()).toBeUndefined();
    expect(await sendLine(lab.egress(tcp), 'hello')).toBe('store-v1:hello');
  });

  test('takes no TLS', async () => {
    expect(await withCertificate(await certificateOf(await meshRoot(), 'visitor'))).not.toMatch(/ 200 /);
  });
});

describe('a DestinationRule', () => {
  test.each([
    ['DISABLE', undefined],
    ['ISTIO_MUTUAL', both],
  ])('mode %s', async (mode, expected) => {
    await lab.mesh.change('tls.yaml', destinationRule('store', `trafficPolicy: { tls: { mode: ${mode} } }`));
    expect(await throughMesh()).toEqual(expected);
    await lab.mesh.change('tls.yaml', undefined);
  });
});

describe('a caller checks who the server is', () => {
  let server: Server;
  const at = { host: '', port: http.number };
  const pod = () => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'depot-v1', namespace: 'lab', labels: { app: 'depot', 'security.istio.io/tlsMode': 'istio' } },
    spec: { serviceAccountName: 'depot', containers: [{ name: 'app' }] },
    status: { podIP: at.host },
  });
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'depot', namespace: 'lab' },
    spec: { selector: { app: 'depot' }, ports: [{ name: 'http', port: http.number }] },
  };
  let close: () => Promise<void>;

  beforeAll(async () => {
    at.host = lab.egress().host.replace(/\d+$/, '200');
    const { certificate, privateKey } = await certificateOf(await meshRoot(), 'depot');
    server = createServer({ cert: certificate, key: privateKey, ALPNProtocols: ['istio'] }, (_request, response) =>
      response.end('depot'),
    );
    close = await listening(server, at);
    await lab.mesh.change('depot.yaml', yaml(pod(), service));
  });
  afterAll(() => close());

  test('it is the service account of the Pod', async () => {
    expect((await lab.call('depot')).body).toBe('depot');
  });

  test.each([
    ['another service account', meshRoot, 'visitor'],
    ['another authority', otherRoot, 'depot'],
  ])('%s is refused', async (_name, root, serviceAccount) => {
    const { certificate, privateKey } = await certificateOf(await root(), serviceAccount);
    server.setSecureContext({ cert: certificate, key: privateKey });
    server.closeAllConnections();
    expect((await lab.call('depot')).status).toBe(503);
  });
});

test('one port may differ from the others', async () => {
  await lab.mesh.change(
    'ports.yaml',
    `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: store, namespace: lab }
spec:
  selector: { matchLabels: { app: store } }
  mtls: { mode: STRICT }
  portLevelMtls: { 18080: { mode: DISABLE } }
`,
  );
  expect(await throughMesh()).toBeUndefined();
  expect(peersOf(arrival(await past()))).toBeUndefined();
  expect(await sendLine(lab.egress(tcp), 'hello')).toBe('store-v1:hello');
  const line = sendLine(lab.ingress('store-v1', tcp), 'hello').catch((error: Error) => error.message);
  expect(await line).not.toContain('store-v1');
  await lab.mesh.change('ports.yaml', undefined);
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
