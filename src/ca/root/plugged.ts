// An authority that somebody else made and plugged in: the Secret `cacerts`, with Istio's names of its parts or with
// those of a Secret of the type kubernetes.io/tls.
// https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
import type { ObjectBase } from '../../model/object.ts';
import type { Problem } from '../../model/problem.ts';
import type { Redacted } from '../../model/redacted.ts';
import type { ReadSigner, Signer } from '../signer.ts';
import { at } from '../../model/source.ts';
import { signEmptyRevocationList } from '../certificate/certificate.ts';
import { issuerOf, readSigner } from '../signer.ts';

export const pluggedSecret = 'cacerts';

export interface SecretObject extends ObjectBase {
  readonly data: Readonly<Record<string, Redacted<string>>>;
}

const layouts = [
  { certificate: 'ca-cert.pem', privateKey: 'ca-key.pem', chain: 'cert-chain.pem', roots: 'root-cert.pem' },
  { certificate: 'tls.crt', privateKey: 'tls.key', chain: 'tls.crt', roots: 'ca.crt' },
] as const;

export type Plugged = { readonly signer: Signer } | { readonly problem: Problem };

/** The signer in `secret`, or why it cannot be one. `now` in milliseconds. */
export function pluggedSigner(secret: SecretObject, now: number): Plugged {
  const layout = layouts.find(({ certificate }) => certificate in secret.data);
  if (layout === undefined) return unusable(secret, 'it has neither ca-cert.pem nor tls.crt');
  const missing = [layout.privateKey, layout.roots].find((key) => !(key in secret.data));
  if (missing !== undefined) return unusable(secret, `it has no ${missing}`);
  const part = (key: string): string => Buffer.from(secret.data[key]?.reveal() ?? '', 'base64').toString();
  const read = readSigner(
    {
      certificate: part(layout.certificate),
      privateKey: part(layout.privateKey),
      chain: part(layout.chain),
      roots: part(layout.roots),
      ...('ca-crl.pem' in secret.data && { crl: part('ca-crl.pem') }),
    },
    now,
  );
  const complaint = 'complaint' in read ? read.complaint : signingFault(read, now);
  return complaint === undefined && 'signer' in read ? read : unusable(secret, complaint ?? '');
}

/** Whether it signs is best known once it has. */
function signingFault(read: Extract<ReadSigner, { signer: Signer }>, now: number): string | undefined {
  try {
    signEmptyRevocationList(issuerOf(read.signer), now);
    return undefined;
  } catch {
    return 'its key does not sign';
  }
}

function unusable({ source, position }: SecretObject, complaint: string): Plugged {
  const problem: Problem = {
    code: 'unusable-authority',
    severity: 'error',
    message: `cannot be the authority: ${complaint}; the one before stays in force`,
    source: at(source, 'data'),
    ...(position !== undefined && { position }),
  };
  return { problem };
}
