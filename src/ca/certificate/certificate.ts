// Makes the bytes of a certificate from its template, and has them signed. Written directly rather than through an
// object model of X.509, because a restarting mesh needs thousands of them at once.
// https://www.rfc-editor.org/rfc/rfc5280
import type { KeyObject } from 'node:crypto';
import type { Der } from './der.ts';
import type { SignatureScheme } from './keys.ts';
import type { CertificateTemplate } from './template.ts';
import { createHash, randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';
import {
  bitString,
  boolean,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  time,
  utf8String,
} from './der.ts';
import { toPem } from './pem.ts';

/** What a certificate takes from the one above it. */
export interface Issuer {
  /** Its Subject, as it stands there. */
  readonly name: Der;
  readonly keyId: Buffer;
  readonly scheme: SignatureScheme;
}

const attributes = { CN: '2.5.4.3', L: '2.5.4.7', ST: '2.5.4.8', O: '2.5.4.10', OU: '2.5.4.11' } as const;
const clientAuth = objectIdentifier('1.3.6.1.5.5.7.3.2');
const serverAuth = objectIdentifier('1.3.6.1.5.5.7.3.1');
const version3 = tagged(0, integer(Buffer.from([2])));

/** Whose certificate it is to be. */
export interface Holder {
  readonly name: Der;
  readonly keyId: Buffer;
  readonly publicKey: KeyObject;
}

/** Of a template's Subject and this key. */
export const holder = (template: CertificateTemplate, publicKey: KeyObject): Holder => ({
  name: subjectName(template),
  keyId: keyIdOf(keyInfo(publicKey)),
  publicKey,
});

/** PEM. The template's Subject is in `holder` already. */
export function signCertificate(
  template: CertificateTemplate,
  { name, keyId, publicKey }: Holder,
  issuer: Issuer,
): string {
  const content = sequence(
    version3,
    integer(serialNumber()),
    issuer.scheme.identifier,
    issuer.name,
    sequence(time(template.notBefore), time(template.notAfter)),
    name,
    keyInfo(publicKey),
    tagged(3, sequence(...extensions(template, publicKey, keyId, issuer.keyId))),
  );
  return toPem('CERTIFICATE', sequence(content, issuer.scheme.identifier, bitString(issuer.scheme.sign(content))));
}

/** A list that revokes nothing, for an authority that has no list of its own beside others that have one. PEM. */
export function signEmptyRevocationList(issuer: Issuer, now: number): string {
  const content = sequence(
    integer(Buffer.from([1])),
    issuer.scheme.identifier,
    issuer.name,
    time(now),
    tagged(0, sequence(authorityKeyId(issuer.keyId), extension('2.5.29.20', false, integer(serialNumber())))),
  );
  return toPem('X509 CRL', sequence(content, issuer.scheme.identifier, bitString(issuer.scheme.sign(content))));
}

const keyInfo = (publicKey: KeyObject): Der => publicKey.export({ type: 'spki', format: 'der' });

/** https://www.rfc-editor.org/rfc/rfc7093#section-2, the fourth method */
const keyIdOf = (publicKeyInfo: Buffer): Buffer => createHash('sha256').update(publicKeyInfo).digest().subarray(0, 20);

const subjectName = ({ subject }: CertificateTemplate): Der =>
  sequence(
    ...subject.map(([attribute, value]) => set(sequence(objectIdentifier(attributes[attribute]), utf8String(value)))),
  );

/** 127 random bits as a positive number without leading zeros. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function extensions(
  template: CertificateTemplate,
  { asymmetricKeyType }: KeyObject,
  keyId: Buffer,
  issuerKeyId: Buffer,
): readonly Der[] {
  const isAuthority = template.usage === 'authority';
  const made = [
    extension('2.5.29.19', true, isAuthority ? sequence(boolean(true)) : sequence()),
    extension('2.5.29.15', true, isAuthority ? signsOthers : signsHandshakes(asymmetricKeyType === 'rsa')),
    extension('2.5.29.14', false, octetString(keyId)),
    authorityKeyId(issuerKeyId),
  ];
  if (isAuthority) return made;
  const purposes = template.usage === 'server' ? [serverAuth] : [serverAuth, clientAuth];
  return [...made, extension('2.5.29.37', false, sequence(...purposes)), alternativeNames(template)];
}

/** keyCertSign and cRLSign */
const signsOthers = bitString(Buffer.from([0b0000_0110]), 1);
/** digitalSignature, and keyEncipherment for the older ciphers of RSA */
const signsHandshakes = (rsa: boolean): Der =>
  rsa ? bitString(Buffer.from([0b1010_0000]), 5) : bitString(Buffer.from([0b1000_0000]), 7);

const authorityKeyId = (keyId: Buffer): Der => extension('2.5.29.35', false, sequence(implicit(0, keyId)));

/** Critical when nothing else names the bearer. */
function alternativeNames({ uris, dnsNames, ipAddresses, subject }: CertificateTemplate): Der {
  const names = [
    ...uris.map((uri) => implicit(6, Buffer.from(uri, 'ascii'))),
    ...dnsNames.map((name) => implicit(2, Buffer.from(name, 'ascii'))),
    ...ipAddresses.map((address) => implicit(7, addressBytes(address))),
  ];
  return extension('2.5.29.17', subject.length === 0, sequence(...names));
}

/** Of an IP address, as they stand in a certificate. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): readonly string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), tail === undefined ? [] : groups(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function extension(identifier: string, critical: boolean, value: Der): Der {
  return sequence(objectIdentifier(identifier), ...(critical ? [boolean(true)] : []), octetString(value));
}
