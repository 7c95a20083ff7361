// Certificates as others see them: OpenSSL reads what our authority signs.
import { execFileSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Authority } from '../../src/ca/authority.ts';
import type { CertificateTemplate, SubjectNames } from '../../src/ca/certificate/template.ts';
import { createRoot, openAuthority } from '../../src/ca/authority.ts';
import { parseSpiffeId } from '../../src/ca/identity/spiffe-id.ts';
import { serverTemplate, workloadTemplate } from '../../src/ca/certificate/template.ts';
import { complaints } from '../../src/ca/certificate/validate.ts';

const now = Date.now();
const hour = 60 * 60_000;
const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const names: SubjectNames = { namespace: 'shop', workload: 'web-v1', app: 'web', version: 'v1' };

let authority: Authority;
const directory = mkdtempSync(path.join(tmpdir(), 'authority-'));
afterAll(() => rmSync(directory, { recursive: true }));
beforeAll(async () => {
  authority = await openAuthority(await createRoot('cluster.local', now, 24 * hour));
  writeFileSync(path.join(directory, 'root.pem'), authority.roots);
});

function openssl(certificate: string, ...args: readonly string[]): string {
  const file = path.join(directory, 'leaf.pem');
  writeFileSync(file, certificate);
  return execFileSync(
    'openssl',
    args.map((arg) => (arg === 'LEAF' ? file : arg)),
    { cwd: directory, encoding: 'utf8', stdio: 'pipe' },
  );
}

const publicKeyOf = ({ privateKey }: { privateKey: string }) => createPublicKey(privateKey);
const text = (certificate: string): string => openssl(certificate, 'x509', '-in', 'LEAF', '-noout', '-text');

describe('a workload certificate', () => {
  test('is verified by OpenSSL as a client and as a server', async () => {
    const { certificate } = await authority.issue(workloadTemplate(identity, names, now, hour));
    for (const purpose of ['sslclient', 'sslserver'])
      expect(
        openssl(certificate, 'verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'root.pem', 'LEAF'),
      ).toContain('OK');
  });

  test('names the workload by its SPIFFE id and its Subject', async () => {
    const printed = text((await authority.issue(workloadTemplate(identity, names, now, hour))).certificate);
    expect(printed).toMatch(/Subject: O ?= ?shop, OU ?= ?web-v1, CN ?= ?web, L ?= ?v1/);
    expect(printed).toMatch(/Subject Alternative Name: \n +URI:spiffe:\/\/cluster.local\/ns\/shop\/sa\/web\n/);
  });

  test('without a Subject has critical alternative names', async () => {
    const { certificate } = await authority.issue(workloadTemplate(identity, {}, now, hour));
    expect(text(certificate)).toContain('Subject Alternative Name: critical');
    expect(openssl(certificate, 'verify', '-x509_strict', '-CAfile', 'root.pem', 'LEAF')).toContain('OK');
  });

  test('is for signing TLS handshakes and for nothing else', async () => {
    const printed = text((await authority.issue(workloadTemplate(identity, names, now, hour))).certificate);
    expect(printed).toMatch(/Basic Constraints: critical\n +CA:FALSE/);
    expect(printed).toMatch(/X509v3 Key Usage: critical\n +Digital Signature\n/);
    expect(printed).toMatch(/Extended Key Usage: \n +TLS Web Server Authentication, TLS Web Client Authentication\n/);
    expect(printed).toContain('prime256v1');
  });

  test('is valid a little before now, and not longer than the root', async () => {
    const usual = new X509Certificate(
      (await authority.issue(workloadTemplate(identity, names, now, hour))).certificate,
    );
    expect(Date.parse(usual.validFrom)).toBeLessThan(now - 60_000);
    const long = await authority.issue(workloadTemplate(identity, names, now, 1000 * hour));
    expect(long.notAfter).toBe(Date.parse(new X509Certificate(authority.roots).validTo));
  });

  test('has a serial number and a key of its own', async () => {
    const template = workloadTemplate(identity, names, now, hour);
    const [one, other] = [await authority.issue(template), await authority.issue(template)];
    const [a, b] = [new X509Certificate(one.certificate), new X509Certificate(other.certificate)];
    expect(a.serialNumber).not.toBe(b.serialNumber);
    expect(a.serialNumber).toHaveLength(32);
    expect(one.privateKey).not.toBe(other.privateKey);
  });

  test('leaves out names that could pass for others, and cuts what is too long', () => {
    const { subject } = workloadTemplate(
      identity,
      { workload: 'w'.repeat(70), app: 'web,O=bank', version: '' },
      now,
      hour,
    );
    expect(subject).toEqual([['OU', 'w'.repeat(64)]]);
  });
});

test('many certificates are signed in turns, so that everything else goes on meanwhile', async () => {
  const template = workloadTemplate(identity, names, now, hour);
  let [turns, done] = [0, 0];
  const storm = Array.from({ length: 100 }, async () => (await authority.issue(template), void done++));
  expect(authority.waiting).toBeGreaterThan(90);
  while (done < storm.length && turns < 10_000) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  await Promise.all(storm);
  expect(authority.waiting).toBe(0);
  expect(turns).toBeGreaterThan(storm.length / 2);
});

test('a server certificate has the names of the server and is no client certificate', async () => {
  const { certificate } = await authority.issue(
    serverTemplate(['localhost', 'istiod.istio-system.svc'], ['127.0.0.1', 'fd00::1:2'], now, hour),
  );
  expect(
    openssl(certificate, 'verify', '-verify_hostname', 'istiod.istio-system.svc', '-CAfile', 'root.pem', 'LEAF'),
  ).toContain('OK');
  expect(openssl(certificate, 'verify', '-verify_ip', '127.0.0.1', '-CAfile', 'root.pem', 'LEAF')).toContain('OK');
  expect(openssl(certificate, 'verify', '-verify_ip', 'fd00::1:2', '-CAfile', 'root.pem', 'LEAF')).toContain('OK');
  expect(() => openssl(certificate, 'verify', '-purpose', 'sslclient', '-CAfile', 'root.pem', 'LEAF')).toThrow();
});

test('the root is an authority and nothing else', () => {
  const printed = text(authority.roots);
  expect(printed).toMatch(/Basic Constraints: critical\n +CA:TRUE/);
  expect(printed).toMatch(/X509v3 Key Usage: critical\n +Certificate Sign, CRL Sign\n/);
});

describe('a certificate that is not the one asked for is told', () => {
  const wanted = workloadTemplate(identity, names, now, hour);
  const cases: readonly (readonly [string, Partial<CertificateTemplate>])[] = [
    ['other alternative names', { uris: ['spiffe://cluster.local/ns/bank/sa/till'] }],
    ['another subject', { subject: [['O', 'bank']] }],
    ['another end', { notAfter: wanted.notAfter + 1000 }],
    ['another beginning', { notBefore: wanted.notBefore - 1000 }],
    ['other purposes', { usage: 'server' }],
  ];
  test.each(cases)('%s', async (complaint, difference) => {
    const issued = await authority.issue({ ...wanted, ...difference });
    expect(complaints(issued.certificate, publicKeyOf(issued), wanted, authority.roots)).toEqual([complaint]);
  });

  test('not signed by the issuer', async () => {
    const other = await openAuthority(await createRoot('cluster.local', now, 24 * hour));
    const issued = await other.issue(wanted);
    expect(complaints(issued.certificate, publicKeyOf(issued), wanted, authority.roots)).toEqual([
      'not signed by the issuer',
    ]);
  });

  test('not of its key', async () => {
    const [one, other] = [await authority.issue(wanted), await authority.issue(wanted)];
    expect(complaints(one.certificate, publicKeyOf(other), wanted, authority.roots)).toEqual(['not of its key']);
  });
});

describe('SPIFFE ids', () => {
  test('are read back', () => {
    expect(parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web')).toEqual(identity);
  });

  test.each([
    'http://cluster.local/ns/shop/sa/web',
    'spiffe://cluster.local/ns/shop/sa/web/more',
    'spiffe://cluster.local/ns/shop/sa/',
    'spiffe://cluster.local/ns/../sa/web',
    'spiffe://Cluster.Local/ns/shop/sa/web',
    'spiffe://cluster.local/ns/sh%6fp/sa/web',
    ' spiffe://cluster.local/ns/shop/sa/web',
  ])('%s is none of a workload', (uri) => {
    expect(parseSpiffeId(uri)).toBeUndefined();
  });
});
