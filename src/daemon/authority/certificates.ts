// The daemon's certificates: its authority, who is let in, and the certificates that users have put into Secrets.
import type { CredentialSecrets } from '../../ca/credentials/credential-secrets.ts';
import { credentialSecrets } from '../../ca/credentials/credential-secrets.ts';
import { openCertificates } from '../../ca/certificates.ts';
import { secretAccess } from './credential-access.ts';
import { authoritySecret, trustDomainAliasesOf, trustDomainOf } from './credentials.ts';
import type { LiveMesh } from '../mesh/live-mesh.ts';
import { trustedNodeAccounts } from '../../config.ts';
import type { DaemonOptions } from '../options.ts';
import { certificateOutcome } from '../introspection/measurement.ts';
import type { DaemonMetrics } from '../../metrics/daemon-metrics.ts';
import { certificateNames } from '../../translate/resolve/security/certificate-names.ts';
import { authorityStore, tokenVerifier } from './authority.ts';
import { mayImpersonate } from './node-accounts.ts';
import { rejectedCredentials } from './rejected-credentials.ts';

export const daemonCredentials = (mesh: LiveMesh, { config, log }: DaemonOptions): CredentialSecrets =>
  credentialSecrets({
    objects: () => mesh.snapshot.objects,
    mayReadSecret: secretAccess(config),
    isGranted: ({ node }, name) => mesh.translation.isCredentialGranted(node, name),
    onFault: ({ node }, error) =>
      log.error('a Secret is withheld: nobody could say whether the proxy may read it', {
        node: node.id,
        reason: String(error),
      }),
  });

/** Throws a StorageError, or the fault of the cluster. */
export async function daemonCertificates(
  mesh: LiveMesh,
  credentials: CredentialSecrets,
  options: DaemonOptions,
  metrics: DaemonMetrics,
) {
  const { installation } = mesh;
  const trustDomain = trustDomainOf(mesh.snapshot, installation);
  const { config, state } = options;
  const onRejected = rejectedCredentials({ log: options.log, count: metrics.rejectedCredential });
  const place = { config, state, systemNamespace: installation.systemNamespace, trustDomain };
  const tokens = await tokenVerifier(place, onRejected);
  const opened = await openCertificates({
    credentials,
    store: authorityStore(place),
    verifyToken: tokens.verify,
    onRejected,
    ...(tokens.review !== undefined && {
      mayImpersonate: mayImpersonate({
        accounts: trustedNodeAccounts(),
        review: tokens.review,
        pods: () => mesh.snapshot.objects.Pod,
        trustDomain,
      }),
    }),
    trustDomain,
    trustDomainAliases: () => trustDomainAliasesOf(mesh.snapshot, installation),
    plugged: authoritySecret(mesh.snapshot, installation),
    names: (workload) => certificateNames(workload, mesh.snapshot),
    log: options.log,
    onProblems: (problems) => mesh.replaceAuthorityProblems(problems),
    onAnswered: (answer) => metrics.certificate(certificateOutcome(answer)),
    ...options.authority,
    ...(options.dnsNames !== undefined && { dnsNames: options.dnsNames }),
    ...(options.certificateTtl !== undefined && { ttl: options.certificateTtl }),
  });
  return { ...opened, onRejected };
}
