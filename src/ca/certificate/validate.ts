// Whether a certificate is the one that was asked for: read by another library than the one that wrote it.
import type { KeyObject } from 'node:crypto';
import type { CertificateTemplate } from './template.ts';
import { X509Certificate } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { addressBytes } from './certificate.ts';

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const purposes = { 'client and server': [serverAuth, clientAuth], server: [serverAuth], authority: [] } as const;

/** What is wrong; empty if nothing is. */
export function complaints(
  leaf: string,
  publicKey: KeyObject,
  template: CertificateTemplate,
  issuerCertificate: string,
): readonly string[] {
  const certificate = new X509Certificate(leaf);
  const issuer = new X509Certificate(issuerCertificate);
  const checks: readonly (readonly [boolean, string])[] = [
    [certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey), 'not signed by the issuer'],
    [certificate.publicKey.equals(publicKey), 'not of its key'],
    [certificate.ca === (template.usage === 'authority'), 'wrong about being an authority'],
    [Date.parse(certificate.validFrom) === template.notBefore, 'another beginning'],
    [Date.parse(certificate.validTo) === template.notAfter, 'another end'],
    [certificate.subjectAltName === alternativeNames(template), 'other alternative names'],
    [sameMembers(certificate.keyUsage ?? [], purposes[template.usage]), 'other purposes'],
    [(certificate.subject ?? '') === subject(template), 'another subject'],
  ];
  return checks.filter(([holds]) => !holds).map(([, complaint]) => complaint);
}

const sameMembers = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((one) => others.includes(one));

function alternativeNames({ uris, dnsNames, ipAddresses }: CertificateTemplate): string {
  const names = [
    ...uris.map((uri) => `URI:${uri}`),
    ...dnsNames.map((name) => `DNS:${name}`),
    ...ipAddresses.map((address) => `IP Address:${printedAddress(address)}`),
  ];
  return names.join(', ');
}

/** As node:crypto prints it. */
function printedAddress(address: string): string {
  if (isIPv4(address)) return address;
  const bytes = addressBytes(address);
  return Array.from({ length: 8 }, (_, group) =>
    bytes
      .readUInt16BE(group * 2)
      .toString(16)
      .toUpperCase(),
  ).join(':');
}

const subject = (template: CertificateTemplate): string =>
  template.subject.map(([attribute, value]) => `${attribute}=${value}`).join('\n');
