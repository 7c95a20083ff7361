// Signs certificates: ECDSA P-256 throughout, with random serial numbers. Every result is checked before it leaves.
// https://www.rfc-editor.org/rfc/rfc5280
import type { webcrypto } from 'node:crypto';
import type { CertificateTemplate } from './template.ts';
import 'reflect-metadata'; // before @peculiar/x509, which does not load without it
import { randomBytes } from 'node:crypto';
import { Crypto } from '@peculiar/webcrypto';
import * as x509 from '@peculiar/x509';
import { Bug } from '../model/invariant.ts';
import { rootTemplate } from './template.ts';
import { complaints } from './validate.ts';

/** PEM, certificate and key of PKCS #8. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A signed key pair and when it is valid, in milliseconds since 1970. */
export interface Issued extends KeyPair {
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Authority {
  /** The certificates, PEM, that those who trust us trust. */
  readonly roots: string;
  /** Makes a key and a certificate for it, which ends before the root does. */
  issue(template: CertificateTemplate): Promise<Issued>;
}

const crypto = new Crypto();
x509.cryptoProvider.set(crypto);
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;

/** A new self-signed root. `ttl` in milliseconds. */
export async function createRoot(trustDomain: string, now: number, ttl: number): Promise<KeyPair> {
  const template = rootTemplate(trustDomain, now, ttl);
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...commonFields(template),
    name: subjectName(template),
    keys,
    extensions: await extensions(template, keys.publicKey, keys.publicKey),
  });
  return { certificate: certificate.toString('pem'), privateKey: await privateKeyPem(keys.privateKey) };
}

/** Throws if the root cannot sign. */
export async function openAuthority(root: KeyPair): Promise<Authority> {
  const certificate = new x509.X509Certificate(root.certificate);
  const issuerKey = await crypto.subtle.importKey(
    'pkcs8',
    x509.PemConverter.decodeFirst(root.privateKey),
    algorithm,
    false,
    ['sign'],
  );
  const issuerPublicKey = await certificate.publicKey.export();
  const issue = async (template: CertificateTemplate): Promise<Issued> => {
    const bounded = { ...template, notAfter: Math.min(template.notAfter, certificate.notAfter.getTime()) };
    const keys = await generateKeys();
    const signed = await x509.X509CertificateGenerator.create({
      ...commonFields(bounded),
      subject: subjectName(bounded),
      issuer: certificate.subjectName.toJSON(),
      publicKey: keys.publicKey,
      signingKey: issuerKey,
      extensions: await extensions(bounded, keys.publicKey, issuerPublicKey),
    });
    const issued = { certificate: signed.toString('pem'), privateKey: await privateKeyPem(keys.privateKey) };
    const wrong = complaints(issued, bounded, root.certificate);
    if (wrong.length > 0) throw new Bug(`the certificate signed is not the one asked for: ${wrong.join(', ')}`);
    return { ...issued, notBefore: bounded.notBefore, notAfter: bounded.notAfter };
  };
  return { roots: root.certificate, issue };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

function commonFields(template: CertificateTemplate) {
  return {
    serialNumber: serialNumber(),
    notBefore: new Date(template.notBefore),
    notAfter: new Date(template.notAfter),
    signingAlgorithm: algorithm,
  };
}

/** 127 random bits as a positive number without leading zeros. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

const subjectName = ({ subject }: CertificateTemplate): x509.JsonName =>
  subject.map(([attribute, value]) => ({ [attribute]: [value] }));

async function extensions(
  template: CertificateTemplate,
  publicKey: webcrypto.CryptoKey,
  issuerKey: webcrypto.CryptoKey,
): Promise<x509.Extension[]> {
  const { usage } = template;
  const isAuthority = usage === 'authority';
  const flags = isAuthority
    ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
    : x509.KeyUsageFlags.digitalSignature;
  const purposes = usage === 'server' ? [serverAuth] : [serverAuth, clientAuth];
  const made: x509.Extension[] = [
    new x509.BasicConstraintsExtension(isAuthority, undefined, true),
    new x509.KeyUsagesExtension(flags, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(issuerKey),
  ];
  if (!isAuthority) made.push(new x509.ExtendedKeyUsageExtension(purposes), alternativeNames(template));
  return made;
}

/** Critical when nothing else names the bearer. */
function alternativeNames({ uris, dnsNames, ipAddresses, subject }: CertificateTemplate): x509.Extension {
  const names = [
    ...uris.map((value) => ({ type: 'url' as const, value })),
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  return new x509.SubjectAlternativeNameExtension(names, subject.length === 0);
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
