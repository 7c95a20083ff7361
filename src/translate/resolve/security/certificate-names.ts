// What a certificate's Subject tells of the workload, beyond its identity: metrics name peers by it.
// https://istio.io/latest/docs/reference/config/metrics/#labels
import { objectKey } from '../../../model/object.ts';
import type { Workload } from '../../../model/external/secret-source.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import { podNameOf } from '../../view/proxy.ts';
import { canonical, podWorkload } from '../kubernetes/workload.ts';

export interface CertificateNames {
  readonly workload: string;
  readonly app: string;
  readonly version: string;
  readonly cluster?: string;
}

/** The Pod's own object says so if it runs under the proven identity; only for workloads without one the proxy's word counts. */
export function certificateNames({ identity, node }: Workload, { objects }: Snapshot): CertificateNames {
  const podName = podNameOf(node.id.split('~')[2] ?? '', identity.namespace);
  const pod = objects.Pod.get(objectKey(identity.namespace, podName));
  const names =
    pod !== undefined && (pod.spec.serviceAccountName ?? 'default') === identity.serviceAccount
      ? podWorkload(pod)
      : canonical((node.metadata['LABELS'] ?? {}) as Readonly<Record<string, string>>, podName, 'latest');
  const cluster = node.metadata['CLUSTER_ID'];
  return {
    workload: names.workload,
    app: names.canonicalName,
    version: names.canonicalRevision,
    ...(typeof cluster === 'string' && { cluster }),
  };
}
