// A workload that keeps its key to itself asks the daemon for a certificate, and a stock Envoy takes it for what it is.
import type { Lab } from '../../support/mesh/lab.ts';

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { directoryRoot, directoryTokens, tokenAudience } from '../../../src/daemon/authority/credentials.ts';
import { askForCertificate, signingRequest } from '../../support/kubernetes/certificate-client.ts';
import { startLab } from '../../support/mesh/lab.ts';
import { p256, rsa2048 } from '../../support/mesh/openssl.ts';
import { peerAuthentication } from '../../support/objects/rules.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true }],
    files: { 'peers.yaml': peerAuthentication('STRICT') },
  });
});
afterAll(() => lab?.stop());

const hour = 3600_000;
const identity = { trustDomain: 'cluster.local', namespace: 'lab', serviceAccount: 'robot' };
const roots = async () => (await directoryRoot(lab.mesh.state, 'cluster.local', Date.now())).certificate;

async function chainFor(csr: string, shown?: { certificate: string; privateKey: string }): Promise<readonly string[]> {
  const tokens = await directoryTokens(lab.mesh.state);
  const token = tokens.issue(identity, hour, { audience: tokenAudience, now: Date.now() });
  const reply = await askForCertificate(lab.mesh.daemon.port, await roots(), {
    csr,
    ...(shown === undefined ? { token } : { shown }),
  });
  if (!('chain' in reply)) throw new Error(reply.details);
  return reply.chain;
}

/** The status line and headers that the store's app saw, through its Envoy; '' when the connection ends without. */
async function answerTo(credentials: { cert?: string; key?: string }, ca: string): Promise<string> {
  const { host, port } = lab.ingress('store-v1');
  const socket = connect({
    host,
    port,
    ALPNProtocols: ['istio'],
    ca,
    checkServerIdentity: () => undefined,
    ...credentials,
  });
  socket.on('error', () => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nhost: store\r\nconnection: close\r\n\r\n');
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  await once(socket, 'close').catch(() => {});
  return received;
}

test.each([
  ['P-256', p256],
  ['RSA', rsa2048],
])('a certificate for a key of %s is good for mutual TLS, under the identity that was proven', async (_what, key) => {
  const { csr, privateKey } = signingRequest(
    key,
    '-addext',
    'subjectAltName=URI:spiffe://cluster.local/ns/lab/sa/admin',
  );
  const chain = await chainFor(csr);
  const ca = chain.at(-1) ?? '';
  expect(ca).toBe(await roots());
  const answer = await answerTo({ cert: chain.slice(0, -1).join(''), key: privateKey }, ca);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).toContain('URI=spiffe://cluster.local/ns/lab/sa/robot');
  expect(answer).not.toContain('sa/admin');
});

test('without one there is no answer', async () => {
  expect(await answerTo({}, await roots())).toBe('');
});

test('the certificate is enough to get the next one', async () => {
  const { csr, privateKey } = signingRequest(p256);
  const shown = { certificate: (await chainFor(csr))[0] ?? '', privateKey };
  const [next = ''] = await chainFor(signingRequest(p256).csr, shown);
  expect(new X509Certificate(next).subjectAltName).toBe('URI:spiffe://cluster.local/ns/lab/sa/robot');
  expect(lab.mesh.complaints).toEqual([]);
});
