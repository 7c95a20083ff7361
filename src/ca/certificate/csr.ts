// Reads a certificate signing request: of all it says, only the key is taken, once its bearer has shown to have the
// private half.
// https://www.rfc-editor.org/rfc/rfc2986
import 'reflect-metadata'; // before @peculiar/x509, which does not load without it
import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { weakness } from './keys.ts';
import { pemBlocks } from './pem.ts';

const longest = 16 << 10;

export type ReadRequest = { readonly publicKey: KeyObject } | { readonly complaint: string };

export async function readSigningRequest(text: string): Promise<ReadRequest> {
  if (text.length > longest) return { complaint: `the request is longer than ${longest} characters` };
  const [block, ...more] = pemBlocks(text, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');
  if (block === undefined || more.length > 0) return { complaint: 'one certificate request in PEM is needed' };
  try {
    const request = new x509.Pkcs10CertificateRequest(block);
    const publicKey = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
    const complaint = weakness(publicKey);
    if (complaint !== undefined) return { complaint };
    const { hash } = request.signatureAlgorithm as { hash?: { name?: string } };
    if (!/^SHA-(256|384|512)$/.test(hash?.name ?? '')) return { complaint: 'the request is signed with a weak hash' };
    return (await request.verify()) ? { publicKey } : { complaint: 'the request is not signed with its key' };
  } catch {
    return { complaint: 'the request is damaged' };
  }
}
