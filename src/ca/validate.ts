// Whether a certificate is the one that was asked for: read by another library than the one that wrote it.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { CertificateTemplate } from './template.ts';

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const purposes = { 'client and server': [serverAuth, clientAuth], server: [serverAuth], authority: [] } as const;

/** What is wrong; empty if nothing is. */
export function complaints(
  issued: { readonly certificate: string; readonly privateKey: string },
  template: CertificateTemplate,
  root: string,
): readonly string[] {
  const certificate = new X509Certificate(issued.certificate);
  const issuer = new X509Certificate(root);
  const checks: readonly (readonly [boolean, string])[] = [
    [certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey), 'not signed by the root'],
    [certificate.checkPrivateKey(createPrivateKey(issued.privateKey)), 'not of its key'],
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
    ...ipAddresses.map((address) => `IP Address:${address}`),
  ];
  return names.join(', ');
}

const subject = (template: CertificateTemplate): string =>
  template.subject.map(([attribute, value]) => `${attribute}=${value}`).join('\n');
