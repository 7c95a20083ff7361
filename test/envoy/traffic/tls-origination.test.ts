// A DestinationRule's TLS to servers that are not in the mesh: theirs is a certificate of another authority.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
import type { KeyPair } from '../../../src/ca/authority.ts';
import type { Lab, Port } from '../../support/mesh/lab.ts';
import type { TLSSocket } from 'node:tls';

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { serverTemplate, workloadTemplate } from '../../../src/ca/certificate/template.ts';
import { listening } from '../../support/servers/backend.ts';
import { http, startLab } from '../../support/mesh/lab.ts';

const second: Port = { number: 18081, name: 'http-second', app: 'http' };
const hour = 3_600_000;
let lab: Lab;
let directory: string;
/** Why the server let no connection come about. */
const refusals: (string | undefined)[] = [];
const closing: (() => Promise<unknown>)[] = [];
const file = (name: string): string => join(directory, name);

/** A TLS server that says who its client is and which server name was asked for, and asks for a certificate. */
async function startBank(host: string, { certificate, privateKey }: KeyPair, roots: string): Promise<void> {
  const options = { cert: certificate, key: privateKey, ca: roots, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, (request, response) => {
    const socket = request.socket as TLSSocket;
    const client = socket.authorized ? String(socket.getPeerCertificate().subjectaltname) : 'unknown';
    response.end(JSON.stringify({ client, name: socket.servername, host: request.headers.host }));
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => refusals.push(error.code));
  closing.push(await listening(server, { host, port: 18443 }));
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keelson-bank-'));
  closing.push(() => rm(directory, { recursive: true, force: true }));
  lab = await startLab({ workloads: ['store-v1'], ports: [http, second] });
  closing.push(() => lab.stop());
  const root = await createRoot('bank.example', Date.now(), hour);
  const authority = await openAuthority(root);
  const host = lab.egress().host.replace(/\d+$/, '200');
  await startBank(host, await authority.issue(serverTemplate(['bank.example'], [], Date.now(), hour)), authority.roots);
  const customer = { trustDomain: 'bank.example', namespace: 'customers', serviceAccount: 'lab' };
  const client = await authority.issue(workloadTemplate(customer, {}, Date.now(), hour));
  await writeFile(file('root.pem'), authority.roots);
  await writeFile(file('other-root.pem'), (await createRoot('other.example', Date.now(), hour)).certificate);
  await writeFile(file('client.pem'), client.certificate);
  await writeFile(file('client-key.pem'), client.privateKey);
  await lab.mesh.change('bank.yaml', bank(host));
}, 60_000);
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

const bank = (host: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: bank, namespace: lab }
spec:
  hosts: [bank.example]
  ports:
    - { number: 18080, name: http, protocol: HTTP, targetPort: 18443 }
    - { number: 18081, name: http-second, protocol: HTTP, targetPort: 18443 }
  resolution: STATIC
  endpoints: [{ address: ${host} }]
`;

const rule = (policy: string) =>
  lab.mesh.change(
    'tls.yaml',
    `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: bank, namespace: lab }
spec:
  host: bank.example
  trafficPolicy: ${policy}
`,
  );

interface Seen {
  readonly client: string;
  readonly name: string;
}
/** What the server saw, or the status when there was none. */
async function seen(port = http): Promise<Seen | number> {
  const { status, body } = await lab.call('bank.example', {}, port);
  return status === 200 ? (JSON.parse(body) as Seen) : status;
}

describe('SIMPLE', () => {
  test('the server has to have a certificate of the authority named, and is told its name', async () => {
    await rule(`{ tls: { mode: SIMPLE, caCertificates: ${file('root.pem')}, sni: bank.example } }`);
    expect(await seen()).toMatchObject({ client: 'unknown', name: 'bank.example' });
  });

  test('the request keeps its host', async () => {
    expect(JSON.parse((await lab.call('bank.example')).body)).toMatchObject({ host: 'bank.example' });
  });

  test('a server of another authority is refused', async () => {
    await rule(`{ tls: { mode: SIMPLE, caCertificates: ${file('other-root.pem')} } }`);
    expect(await seen()).toBe(503);
  });

  test('a server that is not one of subjectAltNames is refused', async () => {
    await rule(`{ tls: { mode: SIMPLE, caCertificates: ${file('root.pem')}, subjectAltNames: [shop.example] } }`);
    expect(await seen()).toBe(503);
    await rule(`{ tls: { mode: SIMPLE, caCertificates: ${file('root.pem')}, subjectAltNames: [bank.example] } }`);
    expect(await seen()).toMatchObject({ client: 'unknown' });
  });
});

test('MUTUAL presents a certificate', async () => {
  const credentials = `clientCertificate: ${file('client.pem')}, privateKey: ${file('client-key.pem')}`;
  await rule(`{ tls: { mode: MUTUAL, caCertificates: ${file('root.pem')}, ${credentials} } }`);
  expect(await seen()).toMatchObject({ client: 'URI:spiffe://bank.example/ns/customers/sa/lab' });
});

test('DISABLE speaks plaintext, which this server does not', async () => {
  await rule('{ tls: { mode: DISABLE } }');
  refusals.length = 0;
  expect(await seen()).toBe(503);
  expect(refusals).toContain('ERR_SSL_HTTP_REQUEST');
});

test('settings of one port are not for another', async () => {
  const simple = `{ mode: SIMPLE, caCertificates: ${file('root.pem')} }`;
  await rule(`{ tls: { mode: DISABLE }, portLevelSettings: [{ port: { number: 18081 }, tls: ${simple} }] }`);
  expect(await seen(second)).toMatchObject({ client: 'unknown' });
  expect(await seen(http)).toBe(503);
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
