// All that a daemon does with certificates, in one piece: its own, those of the workloads over SDS or for their signing
// requests, and who is let in by showing one. It follows the authority through every rotation.
import type { Metadata } from '@grpc/grpc-js';
import type { PeerCertificate } from 'node:tls';
import type { CredentialFault } from '../model/proxy/credential-fault.ts';
import type { WorkloadIdentity } from '../model/proxy/identity.ts';
import type { SecretSource, TlsIdentity, TlsSource } from '../model/external/secret-source.ts';
import type { Authority } from './authority.ts';
import type { PeerTerms } from './identity/peer.ts';
import type { AuthorityNews } from './root/authority-news.ts';
import type { Mesh, ResidentOptions } from './root/resident.ts';
import type { WorkloadSecretsOptions } from './workload/secrets.ts';
import { systemClock } from './clock.ts';
import type { CertificateServiceOptions } from './workload/certificate-service.ts';
import { certificateService } from './workload/certificate-service.ts';
import { isCredential } from './credentials/credential-secrets.ts';
import { fileSecrets, isFileSecret } from './credentials/file-secrets.ts';
import { peerCredential } from './identity/peer.ts';
import { CertificateHolders } from './workload/holders.ts';
import { openResident } from './root/resident.ts';
import { workloadSecrets } from './workload/secrets.ts';
import { serverIdentity } from './server-identity.ts';
import { workloadTemplate } from './certificate/template.ts';

export interface CertificatesOptions extends ResidentOptions {
  readonly names: WorkloadSecretsOptions['names'];
  /** For whom a bearer token speaks; undefined for nobody. A fault is thrown. */
  readonly verifyToken: (token: string) => Promise<WorkloadIdentity | undefined>;
  /** Told of every credential that is not accepted, but for tokens: who verifies these knows why. */
  readonly onRejected?: (fault: CredentialFault, who?: string) => void;
  /** Why the bearer of a token may not have a certificate for another identity; without it nobody may. */
  readonly mayImpersonate?: CertificateServiceOptions['mayImpersonate'];
  /** Former names of the trust domain, or other ones: certificates of these count as well. */
  readonly trustDomainAliases?: () => readonly string[];
  /** How every request for a certificate has ended. */
  readonly onAnswered?: CertificateServiceOptions['onAnswered'];
  /** Certificates of the user's own. */
  readonly credentials: SecretSource;
  /** Of the server. */
  readonly dnsNames?: readonly string[];
  /** Of workloads, in milliseconds. */
  readonly ttl?: number;
  /** When another signer comes, certificates are replaced within this time, in milliseconds. */
  readonly spread?: number;
}

/** Throws a StorageError when the store or the plugged-in authority cannot be used. */
export async function openCertificates(options: CertificatesOptions) {
  const { log, ttl, spread, dnsNames } = options;
  const resident = await openResident(options);
  const { authority } = resident;
  const { clock = systemClock } = options;
  const identity = serverIdentity({
    authority,
    ...(dnsNames !== undefined && { dnsNames }),
    onFault: (error) => log.error('no certificate for this server', { reason: String(error) }),
  });
  await identity.ready;
  const holders = new CertificateHolders(clock);
  const workloads = workloadSecrets({
    authority,
    holders,
    names: options.names,
    onFault: ({ node }, error) => log.error('no certificate for a proxy', { node: node.id, reason: String(error) }),
    ...(ttl !== undefined && { ttl }),
    ...(spread !== undefined && { spread }),
  });
  const authenticate = authenticator(options, () => {
    const trustDomains = [options.trustDomain, ...(options.trustDomainAliases?.() ?? [])];
    return { trustDomains, crl: authority.crl, now: clock.now() };
  });
  const service = certificateService({
    authority,
    authenticate,
    onCertified: (until) => resident.handedOut(until),
    onFault: (caller, error) =>
      log.error('no certificate for a request', { workload: caller?.serviceAccount, reason: String(error) }),
    ...(ttl !== undefined && { ttl }),
    ...(options.onAnswered !== undefined && { onAnswered: options.onAnswered }),
    ...(options.mayImpersonate !== undefined && { mayImpersonate: options.mayImpersonate }),
    ...(options.onRejected !== undefined && { onRejected: options.onRejected }),
  });
  return {
    secrets: bySource(workloads, options.credentials),
    identity: identity satisfies TlsSource,
    authenticate,
    service,
    holders,
    trustDomain: options.trustDomain,
    /** What those who are to trust this mesh need. */
    trust: authority satisfies Pick<Authority, 'roots' | 'crl' | 'subscribe'>,
    /** A certificate for something that this process does itself; for an hour. */
    issueFor: async (identity: WorkloadIdentity): Promise<TlsIdentity> => {
      const template = workloadTemplate(identity, { namespace: identity.namespace }, clock.now(), 3600_000);
      const { certificate, privateKey } = await authority.issue(template);
      return { certificateChain: certificate, privateKey, roots: authority.roots };
    },
    plug: resident.plug.bind(resident),
    status: () => resident.status(),
    /** What is to be heard of now; and who is told of what is new. */
    news: () => resident.news(),
    onNews: (listener: (news: AuthorityNews) => void) => void (resident.onNews = listener),
    /** Another replica may have carried a rotation on. */
    refresh: () => resident.refresh(),
    start: (mesh: Omit<Mesh, 'isReissued'>) => resident.start({ ...mesh, isReissued: () => workloads.isReissued() }),
    stop: () => {
      resident.stop();
      identity.stop();
    },
  };
}

/** A certificate of this mesh counts before a token. */
function authenticator(
  { verifyToken, onRejected }: Pick<CertificatesOptions, 'verifyToken' | 'onRejected'>,
  terms: () => PeerTerms,
) {
  return async (metadata: Metadata, peer: PeerCertificate | undefined): Promise<WorkloadIdentity | undefined> => {
    const shown = peer === undefined ? undefined : peerCredential(peer.raw, terms());
    if (shown !== undefined && !('fault' in shown)) return shown;
    const [header = ''] = metadata.get('authorization').map(String);
    if (header.startsWith('Bearer ')) return verifyToken(header.slice('Bearer '.length));
    onRejected?.(shown?.fault ?? 'no credentials');
    return undefined;
  };
}

/** A name says where its secret comes from. */
const bySource = (workloads: SecretSource, credentials: SecretSource): SecretSource => ({
  watch: (workload, name, onChange, signal) => {
    const source = isFileSecret(name) ? fileSecrets : isCredential(name) ? credentials : workloads;
    source.watch(workload, name, onChange, signal);
  },
});
