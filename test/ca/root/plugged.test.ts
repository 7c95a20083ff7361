// Authorities that were made elsewhere and plugged in: by OpenSSL here, and read back by it.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { OriginatedSigner } from '../../../src/ca/root/root-rotation.ts';
import type { Signer } from '../../../src/ca/signer.ts';
import { createRoot, signerAuthority } from '../../../src/ca/authority.ts';
import { keyAlgorithms } from '../../../src/ca/certificate/keys.ts';
import { liveAuthority } from '../../../src/ca/root/live-authority.ts';
import { pluggedSigner } from '../../../src/ca/root/plugged.ts';
import { workloadSecrets } from '../../../src/ca/workload/secrets.ts';
import { workloadTemplate } from '../../../src/ca/certificate/template.ts';
import { inScratch, makeAuthority, openssl, p256, p384, rsa2048, secretObject } from '../../support/mesh/openssl.ts';

const hour = 3600_000;
const day = 24 * hour;
const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };

const made = makeAuthority();
const parts = {
  'ca-cert.pem': made.certificate,
  'ca-key.pem': made.key,
  'cert-chain.pem': made.certificate + made.root,
  'root-cert.pem': made.root,
};

function signerOf(all: Readonly<Record<string, string>>, now = Date.now()): Signer {
  const read = pluggedSigner(secretObject(all), now);
  if ('problem' in read) throw new Error(read.problem.message);
  return read.signer;
}

/** The chain of a leaf that this signer signed, checked by OpenSSL against its roots. */
async function verify(signer: Signer, ...args: readonly string[]): Promise<string> {
  const template = workloadTemplate(identity, { namespace: 'shop' }, Date.now(), hour);
  const { certificate } = await signerAuthority(signer).issue(template);
  return inScratch((directory) => {
    writeFileSync(join(directory, 'chain.pem'), certificate);
    writeFileSync(join(directory, 'roots.pem'), signer.roots.join(''));
    return openssl(
      directory,
      'verify',
      '-x509_strict',
      ...args,
      '-CAfile',
      'roots.pem',
      '-untrusted',
      'chain.pem',
      'chain.pem',
    );
  });
}

describe('a plugged-in authority', () => {
  test.each([
    ['P-256', p256],
    ['P-384', p384],
    ['RSA', rsa2048],
  ])('signs with a key of %s, and its leafs lead to its root', async (_what, key) => {
    const { root, certificate, key: privateKey } = makeAuthority({ key });
    const signer = signerOf({ 'ca-cert.pem': certificate, 'ca-key.pem': privateKey, 'root-cert.pem': root });
    expect(signer.intermediates).toEqual([new X509Certificate(certificate).toString()]);
    expect(await verify(signer, '-purpose', 'sslserver')).toContain('OK');
  });

  test('may come in the parts of a TLS Secret', async () => {
    const { root, certificate, key } = makeAuthority();
    const signer = signerOf({ 'tls.crt': certificate, 'tls.key': key, 'ca.crt': root });
    expect(await verify(signer)).toContain('OK');
  });

  test('may be a root itself, and may have several roots', async () => {
    const other = makeAuthority({ name: 'Other' });
    const roots = other.root + made.root;
    const signer = signerOf({ 'ca-cert.pem': made.root, 'ca-key.pem': made.rootKey, 'root-cert.pem': roots });
    expect(signer.intermediates).toEqual([]);
    expect(signer.roots).toHaveLength(2);
    expect(await verify(signer)).toContain('OK');
  });

  test('has a leaf’s life end with its own', async () => {
    const { root, certificate, key } = makeAuthority({ days: 1 });
    const signer = signerOf({ 'tls.crt': certificate, 'tls.key': key, 'ca.crt': root });
    const template = workloadTemplate(identity, {}, Date.now(), 90 * day);
    const { notAfter } = await signerAuthority(signer).issue(template);
    expect(notAfter).toBeLessThanOrEqual(Date.parse(new X509Certificate(certificate).validTo));
  });

  const other = makeAuthority({ name: 'Other' });
  const without = (key: keyof typeof parts) =>
    Object.fromEntries(Object.entries(parts).filter(([each]) => each !== key));
  const leafOf = async () => {
    const template = workloadTemplate(identity, {}, Date.now(), hour);
    return signerAuthority(signerOf(parts)).issue(template);
  };
  const cases: readonly (readonly [string, () => object | Promise<object>, string])[] = [
    ['empty', () => ({}), 'neither ca-cert.pem nor tls.crt'],
    ['without a key', () => without('ca-key.pem'), 'it has no ca-key.pem'],
    ['without roots', () => without('root-cert.pem'), 'it has no root-cert.pem'],
    ['with somebody else’s key', () => ({ ...parts, 'ca-key.pem': other.key }), 'not the certificate’s'],
    [
      'with somebody else’s root',
      () => ({ ...parts, 'cert-chain.pem': '', 'root-cert.pem': other.root }),
      'does not lead to any',
    ],
    ['cut off', () => ({ ...parts, 'ca-cert.pem': made.certificate.slice(0, 300) }), 'missing or damaged'],
    [
      'with a damaged key',
      () => ({ ...parts, 'ca-key.pem': made.key.replace(/\nM../, '\nAAA') }),
      'missing or damaged',
    ],
    [
      'with a damaged root',
      () => ({ ...parts, 'root-cert.pem': made.root + made.root.replace(/\nMII/, '\nAAA') }),
      'roots is damaged',
    ],
    [
      'with a damaged list of the revoked',
      () => ({ ...parts, 'ca-crl.pem': made.revoke().replace(/\nMI./, '\nAAA') }),
      'revoked certificates is damaged',
    ],
    [
      'no authority',
      async () => {
        const { certificate, privateKey } = await leafOf();
        return { ...parts, 'ca-cert.pem': certificate, 'ca-key.pem': privateKey };
      },
      'not one of an authority',
    ],
    [
      'of a weak key',
      () => {
        const weak = makeAuthority({ key: ['rsa:1024'] });
        return { ...parts, 'ca-cert.pem': weak.certificate, 'ca-key.pem': weak.key, 'root-cert.pem': weak.root };
      },
      'too weak',
    ],
    ['huge', () => ({ ...parts, 'cert-chain.pem': 'x'.repeat(2 << 20) }), 'longer than'],
  ];
  test.each(cases)('that is %s is a problem, which says nothing of the key', async (_what, damaged, complaint) => {
    const object = secretObject((await damaged()) as Record<string, string>);
    const read = pluggedSigner(object, Date.now());
    const message = 'problem' in read ? read.problem.message : 'accepted';
    expect(message).toContain(complaint);
    expect(message).toContain('the one before stays in force');
    expect(inspect(object, { depth: 9 }) + JSON.stringify([object, read])).not.toMatch(
      /PRIVATE KEY|LS0tLS1CRUdJTiBQUklWQVRF/,
    );
  });

  test('that has ended, or not begun, is a problem', () => {
    for (const [time, complaint] of [
      [Date.now() + 31 * day, 'expired on'],
      [Date.now() - day, 'not valid before'],
    ] as const)
      expect(() => signerOf(parts, time)).toThrow(complaint);
  });
});

describe('a list of revoked certificates', () => {
  const originated = (signer: Signer): OriginatedSigner => ({ ...signer, origin: 'plugged', outstandingUntil: 0 });
  const crl = made.revoke();
  const state = {
    stage: 'settled',
    signer: originated(signerOf({ ...parts, 'ca-crl.pem': crl })),
    bridge: [],
  } as const;

  test('is given to the proxies with the roots', () => {
    const authority = liveAuthority(state, Date.now);
    const received: string[] = [];
    const source = workloadSecrets({ authority, names: () => ({}), onFault: () => expect.unreachable() });
    const node = { id: 'sidecar~10.0.0.1~web.shop~shop.svc', cluster: '', metadata: {} };
    source.watch(
      { identity, node },
      'ROOTCA',
      (found) => received.push(JSON.stringify(found?.message)),
      new AbortController().signal,
    );
    expect(received[0]).toContain(`"crl":{"inline_bytes":"${Buffer.from(crl).toString('base64')}"}`);
    expect(received[0]).toContain('"only_verify_leaf_cert_crl":true');
  });

  test('gets an empty one beside it for an authority that has none, so that its leafs are not refused', async () => {
    const root = await createRoot('cluster.local', Date.now(), 10 * day);
    const next: OriginatedSigner = {
      ...root,
      intermediates: [],
      roots: [root.certificate],
      origin: 'own',
      outstandingUntil: 0,
    };
    const live = liveAuthority({ ...state, stage: 'distributing', next, nextBridge: [] }, Date.now);
    const { certificate } = await signerAuthority(next).issue(workloadTemplate(identity, {}, Date.now(), hour));
    inScratch((directory) => {
      writeFileSync(join(directory, 'leaf.pem'), certificate);
      writeFileSync(join(directory, 'roots.pem'), live.roots);
      writeFileSync(join(directory, 'lists.pem'), live.crl ?? '');
      const check = ['verify', '-crl_check', '-CAfile', 'roots.pem', '-CRLfile', 'lists.pem', 'leaf.pem'];
      expect(openssl(directory, ...check)).toContain('OK');
      writeFileSync(join(directory, 'lists.pem'), crl);
      expect(() => openssl(directory, ...check)).toThrow();
    });
  });
});

test.each(keyAlgorithms)(
  'roots and workload keys of %s are verified by OpenSSL',
  { timeout: 60_000 },
  async (algorithm) => {
    const root = await createRoot('cluster.local', Date.now(), day, algorithm);
    const authority = signerAuthority({ ...root, intermediates: [], roots: [root.certificate] }, algorithm);
    const { certificate } = await authority.issue(workloadTemplate(identity, { namespace: 'shop' }, Date.now(), hour));
    inScratch((directory) => {
      writeFileSync(join(directory, 'leaf.pem'), certificate);
      writeFileSync(join(directory, 'root.pem'), root.certificate);
      expect(openssl(directory, 'verify', '-x509_strict', '-CAfile', 'root.pem', 'leaf.pem')).toContain('OK');
      const printed = openssl(directory, 'x509', '-in', 'leaf.pem', '-noout', '-text');
      const [kind, size = ''] = algorithm.split('-');
      expect(printed).toContain(kind === 'rsa' ? `(${size} bit)` : 'prime256v1');
      expect(printed).toContain(kind === 'rsa' ? 'Digital Signature, Key Encipherment' : 'Digital Signature\n');
    });
  },
);
