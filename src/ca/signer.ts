// What certificates are signed with: a certificate of an authority, its key, the chain that leads from it to a root, and
// the roots to trust. Read from PEM that somebody else may have written, and checked before anything relies on it.
// https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
import 'reflect-metadata'; // before @peculiar/x509, which does not load without it
import type { KeyObject } from 'node:crypto';
import type { Issuer } from './certificate/certificate.ts';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { signatureScheme, weakness } from './certificate/keys.ts';
import { pemBlocks } from './certificate/pem.ts';

/** Everything in PEM, one certificate per text. */
export interface Signer {
  readonly certificate: string;
  readonly privateKey: string;
  /** What a leaf is sent with: from the certificate that signed it upwards, without the root. */
  readonly intermediates: readonly string[];
  readonly roots: readonly string[];
  /** Lists of revoked certificates. */
  readonly crl?: string;
}

/** PEM as it was found; `chain` and `roots` in any order. */
export interface SignerText {
  readonly certificate: string;
  readonly privateKey: string;
  readonly chain?: string;
  readonly roots?: string;
  readonly crl?: string;
}

export type ReadSigner = { readonly signer: Signer } | { readonly complaint: string };

const longestChain = 8;
const longestText = 1 << 20;

/** The signer, or what is wrong with it: never more than names and dates. `now` in milliseconds. */
export function readSigner(text: SignerText, now: number): ReadSigner {
  const all = [text.certificate, text.privateKey, text.chain ?? '', text.roots ?? '', text.crl ?? ''];
  if (all.some((part) => part.length > longestText)) return { complaint: 'a part of it is longer than a megabyte' };
  const [own = '', ...further] = certificates(text.certificate);
  const certificate = parse(own);
  if (certificate === undefined) return { complaint: 'the certificate is missing or damaged' };
  const key = parseKey(text.privateKey);
  if (key === undefined) return { complaint: 'the private key is missing or damaged' };
  const roots = text.roots === undefined ? [own] : certificates(text.roots);
  const path = pathToRoot(certificate, [...further, ...certificates(text.chain ?? '')], roots);
  const complaint =
    fault(certificate, key, now) ??
    roots.map((root) => rootFault(root)).find((each) => each !== undefined) ??
    (typeof path === 'string' ? path : path.map((each) => lifeFault(each, now)).find((each) => each !== undefined)) ??
    (text.crl === undefined ? undefined : crlFault(text.crl));
  if (complaint !== undefined || typeof path === 'string') return { complaint: complaint ?? String(path) };
  const usable = roots.filter((root) => Date.parse(new X509Certificate(root).validTo) > now);
  return {
    signer: {
      certificate: own,
      privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      intermediates: path.slice(0, -1).map((each) => each.toString()),
      roots: [...new Set(usable)],
      ...(text.crl !== undefined && pemBlocks(text.crl, 'X509 CRL').length > 0 && { crl: text.crl }),
    },
  };
}

/** What a certificate below `signer` takes from it. */
export function issuerOf({ certificate, privateKey }: Pick<Signer, 'certificate' | 'privateKey'>): Issuer {
  const parsed = new x509.X509Certificate(certificate);
  const keyId = parsed.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId ?? '';
  return {
    name: Buffer.from(parsed.subjectName.toArrayBuffer()),
    keyId: Buffer.from(keyId, 'hex'),
    scheme: signatureScheme(createPrivateKey(privateKey)),
  };
}

/** One normal form of each certificate in `text`. */
export const certificates = (text: string): readonly string[] =>
  pemBlocks(text, 'CERTIFICATE').map((block) => parse(block)?.toString() ?? block);

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function parseKey(text: string): KeyObject | undefined {
  try {
    const [block = ''] = pemBlocks(text, 'PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY');
    return createPrivateKey(block);
  } catch {
    return undefined;
  }
}

function fault(certificate: X509Certificate, key: KeyObject, now: number): string | undefined {
  if (!certificate.ca) return 'the certificate is not one of an authority';
  const usages = new x509.X509Certificate(certificate.raw).getExtension(x509.KeyUsagesExtension)?.usages;
  if (usages !== undefined && (usages & x509.KeyUsageFlags.keyCertSign) === 0)
    return 'the certificate is not one for signing certificates';
  if (new x509.X509Certificate(certificate.raw).getExtension(x509.SubjectKeyIdentifierExtension) === null)
    return 'the certificate has no subject key identifier';
  if (!certificate.checkPrivateKey(key)) return 'the private key is not the certificate’s';
  return weakness(key) ?? lifeFault(certificate, now);
}

function lifeFault({ validFrom, validTo }: X509Certificate, now: number): string | undefined {
  if (Date.parse(validTo) <= now) return `the certificate expired on ${validTo}`;
  if (Date.parse(validFrom) > now) return `the certificate is not valid before ${validFrom}`;
  return undefined;
}

function rootFault(pem: string): string | undefined {
  const root = parse(pem);
  if (root === undefined) return 'one of the roots is damaged';
  return root.ca ? undefined : 'one of the roots is not a certificate of an authority';
}

/** From `certificate` to one of the roots, both included; or why there is no such path. */
function pathToRoot(
  certificate: X509Certificate,
  chain: readonly string[],
  roots: readonly string[],
): readonly X509Certificate[] | string {
  const path = [certificate];
  for (let last = certificate; !roots.includes(last.toString());) {
    const above = [...roots, ...chain].flatMap((pem) => parse(pem) ?? []).find((each) => isIssuer(each, last));
    if (above === undefined || path.length >= longestChain) return 'the certificate does not lead to any of the roots';
    path.push(above);
    last = above;
  }
  return path;
}

const isIssuer = (above: X509Certificate, below: X509Certificate): boolean =>
  above.fingerprint256 !== below.fingerprint256 && below.checkIssued(above) && below.verify(above.publicKey);

function crlFault(text: string): string | undefined {
  try {
    for (const block of pemBlocks(text, 'X509 CRL')) void new x509.X509Crl(block);
    return undefined;
  } catch {
    return 'the list of revoked certificates is damaged';
  }
}
