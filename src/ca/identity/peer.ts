// Who is at the other end of a TLS connection, by the certificate that this mesh gave to it.
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#5-validation
import 'reflect-metadata'; // before @peculiar/x509, which does not load without it
import type { PeerFault } from '../../model/proxy/credential-fault.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { pemBlocks } from '../certificate/pem.ts';
import { parseSpiffeId } from './spiffe-id.ts';

export interface PeerTerms {
  /** That of the mesh and its aliases. */
  readonly trustDomains: readonly string[];
  /** PEM. */
  readonly crl: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const clientAuth = '1.3.6.1.5.5.7.3.2';

/** The identity that a certificate proves, or undefined. */
export function peerIdentity(raw: Buffer, terms: PeerTerms): WorkloadIdentity | undefined {
  const found = peerCredential(raw, terms);
  return 'fault' in found ? undefined : found;
}

/**
 * The identity in a certificate, DER, whose chain the TLS handshake has verified against the mesh's roots. A fault if it
 * is not one of a workload, not valid any more (connections outlive certificates), or revoked.
 */
export function peerCredential(
  raw: Buffer,
  { trustDomains, crl, now }: PeerTerms,
): WorkloadIdentity | { readonly fault: PeerFault } {
  const certificate = new X509Certificate(raw);
  const [, uri] = /^URI:([^,"\s]+)$/.exec(certificate.subjectAltName ?? '') ?? [];
  const identity = uri === undefined ? undefined : parseSpiffeId(uri);
  const isValid = Date.parse(certificate.validFrom) <= now && now < Date.parse(certificate.validTo);
  const isClient = !certificate.ca && (certificate.keyUsage ?? []).includes(clientAuth);
  if (identity === undefined || !trustDomains.includes(identity.trustDomain) || !isClient)
    return { fault: 'certificate of no workload of this mesh' };
  if (!isValid) return { fault: 'certificate out of date' };
  return crl !== undefined && isRevoked(certificate, crl) ? { fault: 'certificate revoked' } : identity;
}

function isRevoked({ raw, serialNumber }: X509Certificate, crl: string): boolean {
  const { issuer } = new x509.X509Certificate(raw);
  return lists(crl).some((list) => list.issuer === issuer && list.findRevoked(serialNumber.toLowerCase()) !== null);
}

let last: { readonly text: string; readonly lists: readonly x509.X509Crl[] } | undefined;
function lists(text: string): readonly x509.X509Crl[] {
  if (last?.text !== text) last = { text, lists: pemBlocks(text, 'X509 CRL').map((block) => new x509.X509Crl(block)) };
  return last.lists;
}
