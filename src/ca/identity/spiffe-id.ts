// SPIFFE ids of workloads, read back from certificates and tokens.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';

const trustDomain = '[a-z0-9._-]{1,255}';
const segment = '[a-zA-Z0-9._-]{1,253}';
const form = new RegExp(`^spiffe://(${trustDomain})/ns/(${segment})/sa/(${segment})$`);

/** Undefined for anything but the SPIFFE id of a workload. */
export function parseSpiffeId(uri: string): WorkloadIdentity | undefined {
  const [, domain, namespace, serviceAccount] = form.exec(uri) ?? [];
  if (domain === undefined || namespace === undefined || serviceAccount === undefined) return undefined;
  if ([namespace, serviceAccount].some((part) => part === '.' || part === '..')) return undefined;
  return { trustDomain: domain, namespace, serviceAccount };
}
