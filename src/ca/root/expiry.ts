// Tells in good time that something ends: an authority's certificate takes days to replace, not minutes.
import { X509Certificate } from 'node:crypto';

/** Of a certificate's life, what is left when it is told of. */
const thresholds = [0.3, 0.2, 0.1, 0.05, 0.01] as const;

export interface Expiry {
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
  /** From 1 to 0. */
  readonly left: number;
  /** How many thresholds are passed; from 1 on it is time to act. */
  readonly urgency: number;
}

export function expiry(pem: string, now: number): Expiry {
  const { subject, validFrom, validTo } = new X509Certificate(pem);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  const left = Math.max(0, Math.min(1, (to - now) / (to - from)));
  return {
    subject: (subject as string | undefined)?.replaceAll('\n', ', ') ?? '',
    notAfter: to,
    left,
    urgency: thresholds.filter((threshold) => left <= threshold).length,
  };
}
