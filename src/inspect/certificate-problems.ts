// Proxies whose certificate has ended, or will because nobody renews it: those that cannot reach the control plane any more, and
// those for which it cannot make one. Nothing in the configuration tells; connections to them, and theirs, fail.
import type { CertificateHolder } from '../model/proxy/certificate-holder.ts';
import type { Problem } from '../model/problem.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { SourceRef } from '../model/source.ts';
import { objectKey } from '../model/object.ts';

export interface KnownHolders {
  /** Who has gone, and who gets no newer certificate. */
  readonly holders: readonly CertificateHolder[];
  /** `pod.namespace` of those that are connected, to whichever replica. */
  readonly connected: ReadonlySet<string>;
  readonly objects: Pick<Snapshot['objects'], 'Pod' | 'WorkloadEntry'>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Who goes away for so long is not just starting again, in milliseconds. */
const absence = 60_000;

/** Of the proxies that are still to be there; one problem for each. */
export const certificateProblems = ({ holders, connected, objects, now }: KnownHolders): readonly Problem[] =>
  holders.flatMap((holder) => {
    const isGone = holder.leftAt !== undefined;
    if (isGone && connected.has(holder.proxy)) return [];
    const source = sourceOf(holder, objects);
    return source === undefined ? [] : (problemOf(holder, source, now) ?? []);
  });

/** Undefined if it is not to be there any more. */
function sourceOf({ proxy }: CertificateHolder, objects: KnownHolders['objects']): SourceRef | undefined {
  const dot = proxy.lastIndexOf('.');
  const key = objectKey(proxy.slice(dot + 1), proxy.slice(0, dot));
  const pod = objects.Pod.get(key);
  if (pod !== undefined) return /^(?:Succeeded|Failed)$/.test(pod.status?.phase ?? '') ? undefined : pod.source;
  return objects.WorkloadEntry.get(key)?.source;
}

function problemOf(holder: CertificateHolder, source: SourceRef, now: number): Problem | undefined {
  const { until, leftAt } = holder;
  const cause = causeOf(holder);
  if (until <= now && (until > 0 || leftAt === undefined))
    return {
      code: 'expired-workload-certificate',
      severity: 'warning',
      message: `${certificateOf(holder)} ${until === 0 ? 'was never made' : `ended at ${time(until)}`}, so mutual TLS with it fails: ${cause}`,
      source,
    };
  if (leftAt === undefined || now - leftAt < absence) return undefined;
  const left = until === 0 ? 'it has no certificate' : `its certificate ends at ${time(until)}`;
  const message = `its proxy (${holder.address}) keeps what it had, and ${left}: ${cause}`;
  return { code: 'proxy-not-connected', severity: 'warning', message, source };
}

function causeOf({ leftAt, fault }: CertificateHolder): string {
  if (leftAt === undefined) return `the control plane cannot make a new one (${fault ?? 'it is being made'})`;
  const remedy = 'see in its log why it does not come back, and that it may reach the xDS port';
  return `it is not connected to the control plane since ${time(leftAt)}; ${remedy}`;
}

/** The address in parentheses is how traces find it. */
const certificateOf = ({ address }: CertificateHolder): string => `the certificate of its proxy (${address})`;

const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, '');
