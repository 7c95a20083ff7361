// What is to stand in a certificate, before anything is signed.
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md and https://www.rfc-editor.org/rfc/rfc5280
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import { spiffeId } from '../../model/proxy/identity.ts';

/** The parts of a Subject that Envoy reads of its peer. */
export interface SubjectNames {
  readonly namespace?: string;
  readonly workload?: string;
  readonly app?: string;
  readonly version?: string;
  /** Of Kubernetes. */
  readonly cluster?: string;
}

export interface CertificateTemplate {
  /** Attribute and value, in their order; none for a certificate that names its bearer by alternative names alone. */
  readonly subject: readonly (readonly [attribute: 'O' | 'OU' | 'CN' | 'L' | 'ST', value: string])[];
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly usage: 'authority' | 'client and server' | 'server';
  /** Milliseconds since 1970, whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** How far clocks may differ before a fresh certificate is taken for one of the future. */
const clockSkew = 2 * 60_000;

/** The longest values that X.520 allows. */
const longest = { O: 64, OU: 64, CN: 64, L: 128, ST: 128 } as const;

/** What Kubernetes allows in names and labels. Anything else could pass for another attribute when it is read. */
const plain = /^[A-Za-z0-9._-]+$/;

/** `ttl` in milliseconds from now. A name that is not plain is left out. */
export function workloadTemplate(
  identity: WorkloadIdentity,
  names: SubjectNames,
  now: number,
  ttl: number,
): CertificateTemplate {
  const { namespace: O, workload: OU, app: CN, version: L, cluster: ST } = names;
  const subject = Object.entries({ O, OU, CN, L, ST }).flatMap(([attribute, value]) => {
    const key = attribute as keyof typeof longest;
    return value === undefined || !plain.test(value) ? [] : [[key, value.slice(0, longest[key])] as const];
  });
  return {
    ...validity(now, ttl),
    subject,
    uris: [spiffeId(identity)],
    dnsNames: [],
    ipAddresses: [],
    usage: 'client and server',
  };
}

/** For a port of our own. */
export function serverTemplate(
  dnsNames: readonly string[],
  ipAddresses: readonly string[],
  now: number,
  ttl: number,
): CertificateTemplate {
  return { ...validity(now, ttl), subject: [], uris: [], dnsNames, ipAddresses, usage: 'server' };
}

export function rootTemplate(trustDomain: string, now: number, ttl: number): CertificateTemplate {
  // Roots that follow each other are to be told apart by their names, by people and by lists of revoked certificates.
  const made = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const subject = [['O', trustDomain.slice(0, longest.O)] as const, ['CN', `Keelson root ${made}`] as const];
  return { ...validity(now, ttl), subject, uris: [], dnsNames: [], ipAddresses: [], usage: 'authority' };
}

function validity(now: number, ttl: number): { notBefore: number; notAfter: number } {
  const wholeSeconds = (time: number): number => Math.floor(time / 1000) * 1000;
  return { notBefore: wholeSeconds(now - clockSkew), notAfter: wholeSeconds(now + ttl) };
}
