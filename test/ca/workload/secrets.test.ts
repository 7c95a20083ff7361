// Who gets which secrets, over the whole way: authority, secret source, xDS server with TLS and tokens, client.
import { credentials } from '@grpc/grpc-js';
import { X509Certificate } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Authority } from '../../../src/ca/authority.ts';
import type { WorkloadIdentity } from '../../../src/model/proxy/identity.ts';
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { SecretSource, Workload } from '../../../src/model/external/secret-source.ts';
import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { workloadSecrets } from '../../../src/ca/workload/secrets.ts';
import { serverIdentity } from '../../../src/ca/server-identity.ts';
import { tokenAuthority } from '../../../src/ca/identity/token.ts';
import { resourceTypes } from '../../../src/model/envoy/resource.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';
import { printAny } from '../../../src/xds/codec/print.ts';
import { DeltaClient } from '../../xds/ads-client.ts';
import { configuration, startMesh } from '../../xds/mesh.ts';
import { FakeClock } from '../fake-clock.ts';

const now = Date.now();
const hour = 60 * 60_000;
const web: WorkloadIdentity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const till: WorkloadIdentity = { trustDomain: 'cluster.local', namespace: 'bank', serviceAccount: 'till' };
const workload = (identity: WorkloadIdentity, pod = 'pod-1'): Workload => ({
  identity,
  node: { id: `sidecar~10.0.0.1~${pod}.${identity.namespace}~${identity.namespace}.svc`, cluster: '', metadata: {} },
});

let root: { certificate: string; privateKey: string };
let authority: Authority;
beforeAll(async () => {
  root = await createRoot('cluster.local', now, 1000 * hour);
  authority = await openAuthority(root);
});

let clock: FakeClock;
let source: SecretSource;
let faults: unknown[];
const ends: AbortController[] = [];
beforeEach(() => {
  clock = new FakeClock(now);
  faults = [];
  source = workloadSecrets({
    authority,
    names: () => ({ workload: 'web-v1', app: 'web' }),
    onFault: (_workload, error) => faults.push(error),
    ttl: hour,
    clock,
    random: () => 0,
  });
});
afterEach(() => ends.splice(0).forEach((end) => end.abort()));

/** Each secret as it comes. */
function watched(of: Workload, name: string) {
  const received: (Resource | undefined)[] = [];
  let wake = (): void => {};
  const end = new AbortController();
  ends.push(end);
  source.watch(of, name, (secret) => (received.push(secret), wake()), end.signal);
  const next = async (): Promise<Resource | undefined> => {
    while (received.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return received.shift();
  };
  return { next, end, received };
}

function certificateOf(secret: Resource | undefined): X509Certificate {
  const { tls_certificate } = secret!.message as { tls_certificate: { certificate_chain: { inline_bytes: string } } };
  return new X509Certificate(Buffer.from(tls_certificate.certificate_chain.inline_bytes, 'base64'));
}

describe('the source', () => {
  test('gives a workload a certificate of its own identity', async () => {
    const certificate = certificateOf(await watched(workload(web), 'default').next());
    expect(certificate.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/web');
    expect(certificate.subject).toBe('O=shop\nOU=web-v1\nCN=web');
  });

  test('gives everybody the roots, and nobody a secret that does not exist', async () => {
    const secret = await watched(workload(web), 'ROOTCA').next();
    expect(JSON.stringify(secret?.message)).toContain(Buffer.from(root.certificate).toString('base64'));
    expect(JSON.stringify(secret?.message)).not.toContain('private_key');
    expect(await watched(workload(web), 'other').next()).toBeUndefined();
  });

  test('renews at half the time, for all streams of the proxy, and no longer when all have ended', async () => {
    const [one, other] = [watched(workload(web), 'default'), watched(workload(web), 'default')];
    const first = await one.next();
    expect(await other.next()).toBe(first);
    clock.pass(hour / 2);
    const second = await one.next();
    expect(await other.next()).toBe(second);
    expect(certificateOf(second).serialNumber).not.toBe(certificateOf(first).serialNumber);
    one.end.abort();
    expect(clock.next).toBeDefined();
    other.end.abort();
    expect(clock.next).toBeUndefined();
    expect(faults).toEqual([]);
  });

  test('gives every proxy a key of its own', async () => {
    const [one, other] = [watched(workload(web, 'pod-1'), 'default'), watched(workload(web, 'pod-2'), 'default')];
    expect(certificateOf(await one.next()).serialNumber).not.toBe(certificateOf(await other.next()).serialNumber);
  });

  test('keeps identities apart, even of proxies that say they are the same', async () => {
    const other = { ...web, serviceAccount: 'other' };
    const { node } = workload(web);
    const [mine, theirs] = [watched({ identity: web, node }, 'default'), watched({ identity: other, node }, 'default')];
    expect(certificateOf(await mine.next()).subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/web');
    expect(certificateOf(await theirs.next()).subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/other');
  });

  test('makes no key that can be printed', async () => {
    const secret = await watched(workload(web), 'default').next();
    const printed = JSON.stringify(printAny(resourceTypes.secret, cachedResource(secret!).bytes));
    expect(printed).toContain('"privateKey":{"inlineBytes":"[redacted]"}');
    const { tls_certificate } = secret!.message as { tls_certificate: { private_key: { inline_bytes: string } } };
    expect(printed).not.toContain(tls_certificate.private_key.inline_bytes.slice(0, 40));
  });
});

describe('over the wire', () => {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).toReversed()) await one.close();
  });

  async function server() {
    const tls = serverIdentity({ authority, onFault: (error) => faults.push(error) });
    await tls.ready;
    const tokens = tokenAuthority(root.privateKey);
    const mesh = await startMesh(configuration({}), {
      tls,
      plaintext: false,
      secrets: source,
      authenticate: async (metadata, peerCertificate) => {
        const [, token] = /^Bearer (.+)$/.exec(String(metadata.get('authorization')[0] ?? '')) ?? [];
        if (peerCertificate?.subjectaltname?.includes('/sa/till') === true) return till;
        return token === undefined ? undefined : tokens.verify(token, { audience: 'keelson', now: Date.now() });
      },
    });
    open.push(mesh, { close: tls.stop });
    const connect = (identity: WorkloadIdentity, channel = credentials.createSsl(Buffer.from(root.certificate))) => {
      const token = tokens.issue(identity, hour, { audience: 'keelson', now: Date.now() });
      const client = new DeltaClient(mesh.port, { token, node: workload(identity).node, channel });
      open.push(client);
      return client;
    };
    return { mesh, connect };
  }

  async function uriOf(client: DeltaClient): Promise<string | undefined> {
    client.subscribe(resourceTypes.secret, 'default');
    const [entry] = (await client.nextOf(resourceTypes.secret)).resources ?? [];
    const { tlsCertificate } = entry!.resource as unknown as {
      tlsCertificate: { certificateChain: { inlineBytes: string } };
    };
    return new X509Certificate(Buffer.from(tlsCertificate.certificateChain.inlineBytes, 'base64')).subjectAltName;
  }

  test('each proxy gets the certificate of the identity it proved', async () => {
    const { connect } = await server();
    expect(await uriOf(connect(web))).toBe('URI:spiffe://cluster.local/ns/shop/sa/web');
    expect(await uriOf(connect(till))).toBe('URI:spiffe://cluster.local/ns/bank/sa/till');
  });

  test('a proxy can prove itself by its certificate', async () => {
    const { mesh, connect } = await server();
    const issued = certificateAndKey(await watched(workload(till), 'default').next());
    const channel = credentials.createSsl(Buffer.from(root.certificate), issued.key, issued.certificate);
    const client = new DeltaClient(mesh.port, { node: workload(till).node, channel });
    open.push(client);
    expect(await uriOf(client)).toBe('URI:spiffe://cluster.local/ns/bank/sa/till');
    expect(connect).toBeDefined();
  });

  test('the server shows new connections its renewed certificate', async () => {
    const past = new FakeClock(now - hour);
    const options = { ttl: 1.6 * hour, clock: past };
    const tls = serverIdentity({ authority, onFault: (error) => faults.push(error), ...options });
    await tls.ready;
    const mesh = await startMesh(configuration({}), { tls });
    open.push(mesh, { close: tls.stop });
    const before = await serialNumber(mesh.port);
    const renewed = new Promise((resolve) =>
      tls.subscribe(({ certificateChain }) => {
        if (new X509Certificate(certificateChain).serialNumber !== before) resolve(undefined);
      }),
    );
    past.pass(0.97 * hour);
    await renewed;
    expect(await serialNumber(mesh.port)).not.toBe(before);
  });

  test('which secrets a proxy has not accepted is known, whether it is silent or refuses', async () => {
    const { mesh, connect } = await server();
    const client = connect(web);
    const unaccepted = () => mesh.server.status()[0]?.unacceptedSecrets;
    client.subscribe(resourceTypes.secret, 'ROOTCA');
    const response = await client.nextOf(resourceTypes.secret);
    expect(unaccepted()).toEqual(['ROOTCA']);
    client.ack(response);
    await expect.poll(unaccepted).toEqual([]);
    client.subscribe(resourceTypes.secret, 'default');
    client.nack(await client.nextOf(resourceTypes.secret), 'it does not please');
    await client.quiet();
    expect(unaccepted()).toEqual(['default']);
    clock.pass(hour / 2);
    await client.accept(resourceTypes.secret);
    await expect.poll(unaccepted).toEqual([]);
  });

  test('a renewed certificate is pushed, and nothing of a key is logged', async () => {
    const { mesh, connect } = await server();
    const client = connect(web);
    client.subscribe(resourceTypes.secret, 'default', 'ROOTCA');
    const received: string[] = [];
    const take = async (): Promise<void> => {
      const response = await client.accept(resourceTypes.secret);
      received.push(...(response.resources ?? []).map(({ name }) => name));
    };
    while (received.length < 2) await take();
    clock.pass(hour / 2);
    await take();
    expect(received.toSorted()).toEqual(['ROOTCA', 'default', 'default']);
    expect(mesh.logged.join()).not.toMatch(/PRIVATE KEY|inline_bytes/);
  });
});

/** Of the certificate that the server shows, once it is checked against the root. */
function serialNumber(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: 'localhost', ca: root.certificate, ALPNProtocols: ['h2'] });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
  });
}

function certificateAndKey(secret: Resource | undefined): { certificate: Buffer; key: Buffer } {
  const { tls_certificate: tls } = secret!.message as {
    tls_certificate: Record<'certificate_chain' | 'private_key', { inline_bytes: string }>;
  };
  const bytes = (part: { inline_bytes: string }): Buffer => Buffer.from(part.inline_bytes, 'base64');
  return { certificate: bytes(tls.certificate_chain), key: bytes(tls.private_key) };
}
