// What the metrics need to know of the parts of the daemon, which know nothing of metrics.
import type { AuthorityStatus } from '../../ca/root/resident.ts';
import type { Problem } from '../../model/problem.ts';
import type { CertificateOutcome, DaemonMetrics } from '../../metrics/daemon-metrics.ts';
import { daemonMetrics } from '../../metrics/daemon-metrics.ts';
import type { Translation } from '../../translate/translate.ts';
import type { XdsServer } from '../../xds/server.ts';
import { versionInfo } from './introspection.ts';

export interface Measured {
  /** As it is whenever it is asked. */
  readonly mesh: () => { readonly translation: Translation; readonly problems: readonly Problem[] };
  readonly server: () => XdsServer;
  readonly authority: () => AuthorityStatus;
}

export function measurement({ mesh: current, server, authority }: Measured): DaemonMetrics {
  const startedAt = Date.now();
  return daemonMetrics(versionInfo.version, () => {
    const live = current();
    const { mesh } = live.translation;
    const { roots, signer } = authority();
    const severities = live.problems.map(({ severity }) => severity);
    const having = (wanted: Problem['severity']): number => severities.filter((each) => each === wanted).length;
    return {
      startedAt,
      now: Date.now(),
      proxies: server().status(),
      services: mesh.services.length,
      virtualServices: mesh.virtualServices.length,
      problems: { error: having('error'), warning: having('warning') },
      quarantined: server().rejections().length,
      bugs: server().counters().bugs,
      rootExpiry: Math.min(...roots.map(({ notAfter }) => notAfter)),
      signerExpiry: signer.notAfter,
    };
  });
}

/** gRPC's statuses as the service for certificates uses them. */
const outcomes: Readonly<Record<number, CertificateOutcome>> = {
  3: 'unreadable',
  8: 'turned away',
  16: 'unauthenticated',
};

export const certificateOutcome = (answer: 'issued' | number): CertificateOutcome =>
  answer === 'issued' ? 'issued' : (outcomes[answer] ?? 'failed');
