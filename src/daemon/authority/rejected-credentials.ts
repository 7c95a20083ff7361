// Tells of credentials that were rejected: all are counted, and of each reason a line a minute says how many there were. A
// thousand proxies with an old token are one mistake.
import type { CredentialFault } from '../../model/proxy/credential-fault.ts';

export interface RejectedCredentialsOptions {
  readonly log: { readonly warn: (message: string, fields?: object) => void };
  readonly count: (fault: CredentialFault) => void;
  readonly now?: () => number;
}

/** `who`: whatever is known of the bearer, but not the credential. */
export type OnRejected = (fault: CredentialFault, who?: string) => void;

const quietMs = 60_000;

export function rejectedCredentials({ log, count, now = Date.now }: RejectedCredentialsOptions): OnRejected {
  const told = new Map<CredentialFault, { readonly at: number; untold: number }>();
  return (fault, who) => {
    count(fault);
    const last = told.get(fault);
    if (last !== undefined && now() - last.at < quietMs) return void last.untold++;
    log.warn('credentials are rejected', { reason: fault, who, further: last?.untold || undefined });
    told.set(fault, { at: now(), untold: 0 });
  };
}
