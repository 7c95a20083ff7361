// Certificates for keys that workloads keep to themselves: over a real connection, and on the issuer alone.
import 'reflect-metadata'; // before @peculiar/x509, which does not load without it
import { createPublicKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Authority } from '../../../src/ca/authority.ts';
import type { CertificateServiceOptions } from '../../../src/ca/workload/certificate-service.ts';
import type { WorkloadIdentity } from '../../../src/model/proxy/identity.ts';
import type { Ask, Reply } from '../../support/kubernetes/certificate-client.ts';
import { createRoot, openAuthority, signerAuthority } from '../../../src/ca/authority.ts';
import { certificateIssuer, certificateService } from '../../../src/ca/workload/certificate-service.ts';
import { peerCredential, peerIdentity } from '../../../src/ca/identity/peer.ts';
import { serverIdentity } from '../../../src/ca/server-identity.ts';
import { readSigner } from '../../../src/ca/signer.ts';
import { tokenAuthority } from '../../../src/ca/identity/token.ts';
import { askForCertificate, signingRequest } from '../../support/kubernetes/certificate-client.ts';
import { inScratch, makeAuthority, openssl, p256, p384, rsa2048 } from '../../support/mesh/openssl.ts';
import { configuration, startMesh } from '../../xds/mesh.ts';
import { FakeClock } from '../fake-clock.ts';

const now = Date.now();
const hour = 3600_000;
const day = 24 * hour;
const trustDomain = 'cluster.local';
const web: WorkloadIdentity = { trustDomain, namespace: 'shop', serviceAccount: 'web' };
const webId = 'URI:spiffe://cluster.local/ns/shop/sa/web';
const tokens = tokenAuthority('a secret of these tests');
const tokenOf = (identity: WorkloadIdentity) => tokens.issue(identity, hour, { audience: 'keelson', now: Date.now() });

let authority: Authority;
let good: { csr: string; privateKey: string };
beforeAll(async () => {
  authority = await openAuthority(await createRoot(trustDomain, now, 1000 * day));
  good = signingRequest(p256);
});

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(options: Partial<CertificateServiceOptions> = {}) {
  const faults: string[] = [];
  const { authority: signing = authority } = options;
  const authenticate: CertificateServiceOptions['authenticate'] = async (metadata, peer) => {
    const terms = { trustDomains: [trustDomain], crl: signing.crl, now: Date.now() };
    const [header = ''] = metadata.get('authorization').map(String);
    const shown = peer === undefined ? undefined : peerIdentity(peer.raw, terms);
    return shown ?? tokens.verify(header.replace('Bearer ', ''), { audience: 'keelson', now: Date.now() });
  };
  const service = certificateService({
    authority: signing,
    authenticate,
    onCertified: () => Promise.resolve(),
    onFault: (_caller, error) => faults.push(String(error)),
    ...options,
  });
  const tls = serverIdentity({ authority: signing, onFault: (error) => faults.push(String(error)) });
  await tls.ready;
  const mesh = await startMesh(configuration({}), { tls, authenticate, plaintext: false, services: [service] });
  closing.push(tls.stop, () => mesh.close());
  const ask = (wish: Ask): Promise<Reply> => askForCertificate(mesh.port, signing.roots, wish);
  return { ask, faults, mesh };
}

const chainOf = (reply: Reply): readonly string[] => {
  expect(reply).toHaveProperty('chain');
  return 'chain' in reply ? reply.chain : [];
};
const leafOf = (reply: Reply): X509Certificate => new X509Certificate(chainOf(reply)[0] ?? '');

describe('over the wire', () => {
  test('a workload gets a certificate for its own key and its own identity', async () => {
    const { ask, faults } = await start();
    const reply = await ask({ csr: good.csr, token: tokenOf(web) });
    const leaf = leafOf(reply);
    expect(leaf.subjectAltName).toBe(webId);
    expect(leaf.publicKey.equals(createPublicKey(good.privateKey))).toBe(true);
    expect(chainOf(reply).at(-1)).toBe(authority.roots);
    expect(faults).toEqual([]);
  });

  test('the chain has the leaf, each authority between, and last the roots; OpenSSL verifies it', async () => {
    const { root, certificate, key } = makeAuthority({ key: rsa2048 });
    const read = readSigner({ certificate, privateKey: key, roots: root }, Date.now());
    const { ask } = await start({ authority: signerAuthority('signer' in read ? read.signer : expect.unreachable()) });
    const chain = chainOf(await ask({ csr: good.csr, token: tokenOf(web) }));
    const subjects = chain.map((pem) => new X509Certificate(pem).subject);
    expect(subjects).toEqual(['O=shop', 'O=Example\nCN=Example middle', 'O=Example\nCN=Example root']);
    inScratch((directory) => {
      for (const [index, pem] of chain.entries()) writeFileSync(join(directory, `${index}.pem`), pem);
      const args = ['verify', '-x509_strict', '-CAfile', '2.pem', '-untrusted', '1.pem', '0.pem'];
      expect(openssl(directory, ...args)).toContain('OK');
    });
  });

  test('a certificate of the mesh is enough to get the next one, and speaks for its own identity alone', async () => {
    const { ask } = await start();
    const first = leafOf(await ask({ csr: good.csr, token: tokenOf(web) }));
    const shown = { certificate: first.toString(), privateKey: good.privateKey };
    const till = tokenOf({ ...web, namespace: 'bank', serviceAccount: 'till' });
    const next = signingRequest(p256);
    expect(leafOf(await ask({ csr: next.csr, shown })).subjectAltName).toBe(webId);
    expect(leafOf(await ask({ csr: next.csr, shown, token: till })).subjectAltName).toBe(webId);
  });

  test('a certificate of another mesh with the same names is worth nothing', async () => {
    const other = await start({ authority: await openAuthority(await createRoot(trustDomain, now, day)) });
    const { ask } = await start();
    const foreign = leafOf(await other.ask({ csr: good.csr, token: tokenOf(web) }));
    const shown = { certificate: foreign.toString(), privateKey: good.privateKey };
    expect(await ask({ csr: good.csr, shown })).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  test('a revoked certificate is worth nothing', async () => {
    const made = makeAuthority();
    const signerWith = (crl: string) => {
      const text = { certificate: made.certificate, privateKey: made.key, roots: made.root, crl };
      const read = readSigner(text, Date.now());
      return signerAuthority('signer' in read ? read.signer : expect.unreachable());
    };
    const before = await start({ authority: signerWith(made.revoke()) });
    const chain = chainOf(await before.ask({ csr: good.csr, token: tokenOf(web) }));
    const shown = { certificate: chain.slice(0, 2).join(''), privateKey: good.privateKey };
    expect(leafOf(await before.ask({ csr: good.csr, shown })).subjectAltName).toBe(webId);
    const after = await start({ authority: signerWith(made.revoke(chain[0] ?? '')) });
    expect(await after.ask({ csr: good.csr, shown })).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  test('nobody gets one without credentials, with bad ones, or on behalf of others', async () => {
    const { ask } = await start();
    const metadata = { fields: { ImpersonatedIdentity: { stringValue: 'spiffe://cluster.local/ns/bank/sa/till' } } };
    for (const wish of [{}, { token: 'nonsense' }, { token: tokenOf(web), metadata }])
      expect(await ask({ csr: good.csr, ...wish })).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  test('on behalf of others only who may, and then for them', async () => {
    const till = { ...web, serviceAccount: 'till' };
    const asked: unknown[] = [];
    const rejected: string[] = [];
    const { ask } = await start({
      mayImpersonate: async (token, wanted) => {
        asked.push([token, wanted]);
        return wanted.serviceAccount === 'till' ? undefined : 'impersonation of nobody on the node';
      },
      onRejected: (fault, who) => rejected.push(`${fault}: ${who}`),
    });
    const wishing = (stringValue: unknown) => ({ fields: { ImpersonatedIdentity: { stringValue } } });
    const token = tokenOf(web);
    const reply = await ask({ csr: good.csr, token, metadata: wishing('spiffe://cluster.local/ns/shop/sa/till') });
    expect(leafOf(reply).subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/till');
    expect(asked).toEqual([[token, till]]);

    const refused = { code: status.UNAUTHENTICATED };
    for (const other of ['spiffe://cluster.local/ns/shop/sa/vault', 'till', ''])
      expect(await ask({ csr: good.csr, token, metadata: wishing(other) })).toMatchObject(refused);
    const number = { fields: { ImpersonatedIdentity: { numberValue: 7 } } };
    expect(await ask({ csr: good.csr, token, metadata: number })).toMatchObject(refused);
    // A certificate is bound to no Pod.
    const [certificate = ''] = chainOf(await ask({ csr: good.csr, token }));
    const shown = { certificate, privateKey: good.privateKey };
    const metadata = wishing('spiffe://cluster.local/ns/shop/sa/till');
    expect(await ask({ csr: good.csr, shown, metadata })).toMatchObject(refused);
    expect(rejected).toHaveLength(5);
    expect(rejected[0]).toBe(`impersonation of nobody on the node: ${webId.slice(4)}`);
  });

  test('a fault of the authority is told without its reason, and to us with it', async () => {
    const broken = { ...authority, certify: () => Promise.reject(new Error('the disk is full of keys')) };
    const { ask, faults, mesh } = await start({ authority: broken });
    const reply = await ask({ csr: good.csr, token: tokenOf(web) });
    expect(reply).toEqual({ code: status.UNAVAILABLE, details: 'no certificate can be issued now' });
    expect(faults).toEqual(['Error: the disk is full of keys']);
    expect(mesh.logged.join()).not.toContain('PRIVATE KEY');
  });
});

describe('the issuer', () => {
  const request = (csr: string, seconds = 0) => ({ csr, validityDuration: String(seconds), metadata: null });
  const issuer = (options: Partial<CertificateServiceOptions> = {}) =>
    certificateIssuer({
      authority,
      authenticate: () => expect.unreachable(),
      onCertified: () => Promise.resolve(),
      onFault: () => expect.unreachable(),
      clock: new FakeClock(now),
      ...options,
    });

  test.each([
    ['P-256', p256],
    ['P-384', p384],
    ['RSA of 2048 bits', rsa2048],
  ])('takes keys: %s', async (_what, key) => {
    const made = signingRequest(key);
    const answer = await issuer()(web, request(made.csr));
    const leaf = new X509Certificate('certChain' in answer ? (answer.certChain[0] ?? '') : '');
    expect(leaf.publicKey.equals(createPublicKey(made.privateKey))).toBe(true);
  });

  const other = (csr: string) => csr.replace(/.{4}(?=\n-----END)/, 'AAAA');
  const cases: readonly (readonly [string, () => string, string])[] = [
    ['RSA of 1024 bits', () => signingRequest(['rsa:1024']).csr, 'too weak'],
    ['P-521', () => signingRequest(['ec', '-pkeyopt', 'ec_paramgen_curve:P-521']).csr, 'not accepted'],
    ['Ed25519', () => signingRequest(['ed25519']).csr, 'not accepted'],
    ['a signature with SHA-1', () => signingRequest(rsa2048, '-sha1').csr, 'weak hash'],
    ['somebody else’s signature', () => other(good.csr), 'not signed with its key'],
    ['nothing', () => '', 'one certificate request in PEM'],
    ['two requests', () => good.csr + good.csr, 'one certificate request in PEM'],
    ['a certificate', () => authority.roots, 'one certificate request in PEM'],
    ['damage', () => good.csr.replace(/\nMI./, '\nAAA'), 'damaged'],
    ['a megabyte', () => good.csr + 'x'.repeat(1 << 20), 'longer than'],
  ];
  test.each(cases)('refuses %s', async (_what, csr, details) => {
    expect(await issuer()(web, request(csr()))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(details) as string,
    });
  });

  test.each([
    ['nothing asked', 0, day],
    ['what was asked', 7200, 2 * hour],
    ['at most ninety days', 1e9, 90 * day],
    ['at least a minute', 1, 60_000],
    ['nothing sensible', -5, day],
  ])('the life is %s', async (_what, seconds, life) => {
    const answer = await issuer()(web, request(good.csr, seconds));
    const leaf = new X509Certificate('certChain' in answer ? (answer.certChain[0] ?? '') : '');
    expect(Date.parse(leaf.validTo)).toBe(Math.floor((now + life) / 1000) * 1000);
  });

  test('an identity asks too often, and another one is not kept waiting by it', async () => {
    const clock = new FakeClock(now);
    const answer = issuer({ clock, rateLimit: { rate: 1, burst: 3 } });
    const ask = async (identity: WorkloadIdentity) => 'certChain' in (await answer(identity, request(good.csr)));
    expect([await ask(web), await ask(web), await ask(web), await ask(web)]).toEqual([true, true, true, false]);
    expect(await ask({ ...web, serviceAccount: 'other' })).toBe(true);
    clock.pass(1000);
    expect([await ask(web), await ask(web)]).toEqual([true, false]);
  });

  test('nobody is taken in while too much waits to be signed', async () => {
    const busy = { ...authority, waiting: 10 };
    const answer = issuer({ authority: busy, maxWaiting: 10 });
    expect(await answer(web, request(good.csr))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  test('a storm is taken in turns, so that everything else goes on meanwhile', async () => {
    const answer = issuer();
    let [turns, done] = [0, 0];
    const storm = Array.from({ length: 40 }, async () => (await answer(web, request(good.csr)), void done++));
    while (done < storm.length && turns < 10_000) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
    await Promise.all(storm);
    expect(turns).toBeGreaterThan(storm.length / 2);
  });

  test('when a certificate ends is told before it leaves', async () => {
    const ends: number[] = [];
    await issuer({ onCertified: async (until) => void ends.push(until) })(web, request(good.csr, 3600));
    expect(ends).toEqual([Math.floor((now + hour) / 1000) * 1000]);
  });

  test('whatever a request says, the certificate names the caller and nobody else', { timeout: 60_000 }, async () => {
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const answer = issuer();
    const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
    const uri = fc.tuple(word, word, word).map(([td, ns, sa]) => `spiffe://${td}/ns/${ns}/sa/${sa}`);
    const wishes = fc.record({
      caller: fc.record({ trustDomain: word, namespace: word, serviceAccount: word }),
      uris: fc.array(uri, { maxLength: 3 }),
      names: fc.array(fc.domain(), { maxLength: 3 }),
      subject: word,
      authority: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(wishes, async ({ caller, uris, names, subject, authority: isAuthority }) => {
        const wanted = [
          ...uris.map((value) => ({ type: 'url' as const, value })),
          ...names.map((value) => ({ type: 'dns' as const, value })),
        ];
        const csr = await x509.Pkcs10CertificateRequestGenerator.create({
          name: `CN=${subject}, O=${subject}`,
          keys,
          signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
          extensions: [
            new x509.BasicConstraintsExtension(isAuthority, undefined, true),
            ...(wanted.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(wanted)]),
          ],
        });
        const reply = await answer(caller, request(csr.toString('pem')));
        const leaf = new X509Certificate('certChain' in reply ? (reply.certChain[0] ?? '') : '');
        const { trustDomain: td, namespace, serviceAccount } = caller;
        expect(leaf.subjectAltName).toBe(`URI:spiffe://${td}/ns/${namespace}/sa/${serviceAccount}`);
        expect(leaf.subject).toBe(`O=${namespace}`);
        expect(leaf.ca).toBe(false);
        expect(peerIdentity(leaf.raw, { trustDomains: [td], crl: undefined, now })).toEqual(caller);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a peer’s certificate', () => {
  const terms = { trustDomains: [trustDomain], crl: undefined, now };
  const issued = async (uris: readonly string[], usage: 'server' | 'client and server' = 'client and server') => {
    const life = { notBefore: Math.floor(now / 1000) * 1000, notAfter: Math.floor((now + hour) / 1000) * 1000 };
    const template = { subject: [], dnsNames: [], ipAddresses: [], uris, usage, ...life };
    return new X509Certificate((await authority.issue(template)).certificate).raw;
  };

  test('is that of the workload it names, while it is valid', async () => {
    const raw = await issued([webId.slice(4)]);
    expect(peerIdentity(raw, terms)).toEqual(web);
    expect(peerCredential(raw, { ...terms, now: now + 2 * hour })).toEqual({ fault: 'certificate out of date' });
    expect(peerIdentity(raw, { ...terms, trustDomains: ['other.local'] })).toBeUndefined();
    expect(peerIdentity(raw, { ...terms, trustDomains: ['other.local', trustDomain] })).toEqual(web);
  });

  test('is nobody’s if it names two, a server, or no workload', async () => {
    expect(peerIdentity(await issued([webId.slice(4), `${webId.slice(4)}2`]), terms)).toBeUndefined();
    expect(peerIdentity(await issued([webId.slice(4)], 'server'), terms)).toBeUndefined();
    expect(peerIdentity(await issued(['https://cluster.local/ns/shop/sa/web']), terms)).toBeUndefined();
  });
});
