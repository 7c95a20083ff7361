// Signs certificates with random serial numbers, for keys of its own making or of somebody else. Every result is
// checked before it leaves, by another library than the one that made it.
// https://www.rfc-editor.org/rfc/rfc5280
import type { KeyObject } from 'node:crypto';
import type { KeyAlgorithm } from './certificate/keys.ts';
import type { Signer } from './signer.ts';
import type { CertificateTemplate } from './certificate/template.ts';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { Bug } from '../model/invariant.ts';
import { holder, signCertificate } from './certificate/certificate.ts';
import { generateKeys, signatureScheme } from './certificate/keys.ts';
import { workQueue } from './certificate/queue.ts';
import { issuerOf } from './signer.ts';
import { rootTemplate } from './certificate/template.ts';
import { complaints } from './certificate/validate.ts';

/** PEM, certificate (with what leads from it to the root) and key of PKCS #8. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** When something is valid, in milliseconds since 1970, and the authority that signed it. */
export interface Signed {
  readonly notBefore: number;
  readonly notAfter: number;
  readonly authority: string;
}

export interface Issued extends KeyPair, Signed {}

export interface Certified extends Signed {
  /** PEM: the leaf and what leads from it to the root, one certificate each. */
  readonly chain: readonly string[];
}

export interface Authority {
  /** Names the certificate that signs. */
  readonly id: string;
  /** The certificates, PEM, that those who trust us trust. */
  readonly roots: string;
  /** PEM, of all whom those trust. */
  readonly crl: string | undefined;
  /** PEM: what a server shows besides, for those who know only the root before; may be empty. */
  readonly bridge: string;
  /** How much signing waits. */
  readonly waiting: number;
  /** Makes a key and a certificate for it, which ends before its issuer does. */
  issue(template: CertificateTemplate): Promise<Issued>;
  /** A certificate for a key that somebody else has. */
  certify(template: CertificateTemplate, publicKey: KeyObject): Promise<Certified>;
  /** Calls whenever `id`, `roots` or `crl` are others. Returns how to stop. */
  subscribe(onChange: () => void): () => void;
}

/** Certificates take turns, whichever authority signs them. */
const signing = workQueue(2);

/** A new self-signed root. `ttl` in milliseconds. */
export async function createRoot(
  trustDomain: string,
  now: number,
  ttl: number,
  algorithm: KeyAlgorithm = 'ecdsa-p256',
): Promise<KeyPair> {
  const template = rootTemplate(trustDomain, now, ttl);
  const { publicKey, privateKey } = await generateKeys(algorithm);
  const self = holder(template, publicKey);
  const certificate = signCertificate(template, self, { ...self, scheme: signatureScheme(privateKey) });
  return { certificate, privateKey: pkcs8(privateKey) };
}

/** Throws if the root cannot sign. */
export const openAuthority = (root: KeyPair, keys: KeyAlgorithm = 'ecdsa-p256'): Promise<Authority> =>
  Promise.resolve(signerAuthority({ ...root, intermediates: [], roots: [root.certificate] }, keys));

export const authorityId = ({ certificate }: Pick<Signer, 'certificate'>): string =>
  new X509Certificate(certificate).fingerprint256;

/** An authority that never changes. Throws if the signer cannot sign. */
export function signerAuthority(signer: Signer, keys: KeyAlgorithm = 'ecdsa-p256'): Authority {
  const issuer = issuerOf(signer);
  const end = Math.min(...[signer.certificate, ...signer.intermediates].map(endOf));
  const id = authorityId(signer);
  const sign = (template: CertificateTemplate, publicKey: KeyObject): Certified => {
    const bounded = { ...template, notAfter: Math.min(template.notAfter, end) };
    const leaf = signCertificate(bounded, holder(bounded, publicKey), issuer);
    const wrong = complaints(leaf, publicKey, bounded, signer.certificate);
    if (wrong.length > 0) throw new Bug(`the certificate signed is not the one asked for: ${wrong.join(', ')}`);
    const { notBefore, notAfter } = bounded;
    return { chain: [leaf, ...signer.intermediates], notBefore, notAfter, authority: id };
  };
  return {
    id,
    roots: signer.roots.join(''),
    crl: signer.crl,
    bridge: '',
    get waiting() {
      return signing.length;
    },
    issue: (template) =>
      signing.run(async () => {
        const { publicKey, privateKey } = await generateKeys(keys);
        const { chain, ...signed } = sign(template, publicKey);
        return { certificate: chain.join(''), privateKey: pkcs8(privateKey), ...signed };
      }),
    certify: (template, publicKey) => signing.run(() => Promise.resolve(sign(template, publicKey))),
    subscribe: () => () => {},
  };
}

/**
 * The certificate of `next`, once more but signed by `current`: whoever trusts `current` alone trusts with it what `next`
 * signs. PEM, with what leads from it to a root.
 */
export function bridge(current: Signer, next: Signer, trustDomain: string, now: number): readonly string[] {
  const { name, keyId } = issuerOf(next);
  const end = Math.min(...[current.certificate, ...current.intermediates, next.certificate].map(endOf));
  const template = { ...rootTemplate(trustDomain, now, 0), notAfter: end };
  const publicKey = createPublicKey(next.certificate);
  return [signCertificate(template, { name, keyId, publicKey }, issuerOf(current)), ...current.intermediates];
}

export const endOf = (certificate: string): number => Date.parse(new X509Certificate(certificate).validTo);

const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
