// Agents of nodes that ask for certificates on behalf of the workloads there, as Istio's ztunnel does. The account has to be
// trusted with that, its token bound to a Pod, and the workload has to be on that Pod's node: who takes over a node has
// its workloads anyway, and gets no others.
// https://istio.io/latest/docs/ambient/architecture/control-plane/#certificates
import type { ReviewedToken } from '../../controllers/token-review.ts';
import { memo } from '../../model/memo.ts';
import { objectKey } from '../../model/object.ts';
import type { ImpersonationFault } from '../../model/proxy/credential-fault.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import type { SnapshotObjects } from '../../model/snapshot.ts';

export interface NodeAccountsOptions {
  /** `namespace/name` of those that are trusted. */
  readonly accounts: readonly string[];
  readonly review: (token: string) => Promise<ReviewedToken | undefined>;
  readonly pods: () => SnapshotObjects['Pod'];
  readonly trustDomain: string;
}

/** Why the bearer of a token may not have a certificate for another identity; undefined if it may. */
export type MayImpersonate = (token: string, wanted: WorkloadIdentity) => Promise<ImpersonationFault | undefined>;

/** Rejects when nobody can say. */
export const mayImpersonate =
  ({ accounts, review, pods, trustDomain }: NodeAccountsOptions): MayImpersonate =>
  async (token, wanted) => {
    const caller = await review(token);
    if (caller === undefined || !accounts.includes(`${caller.namespace}/${caller.serviceAccount}`))
      return 'impersonation by an account without trust';
    const node = nodeOf(caller, pods());
    if (node === undefined) return 'impersonation without a Pod';
    const isThere = workloadsOf(pods()).has(placeOf(node, wanted.namespace, wanted.serviceAccount));
    return isThere && wanted.trustDomain === trustDomain ? undefined : 'impersonation of nobody on the node';
  };

/** Of the Pod that the token is bound to, which is still the one of that name. */
function nodeOf({ namespace, serviceAccount, pod, podUid, node }: ReviewedToken, pods: SnapshotObjects['Pod']) {
  const found = pod === undefined ? undefined : pods.get(objectKey(namespace, pod));
  const { nodeName, serviceAccountName } = found?.spec ?? {};
  if (podUid === undefined || found?.metadata.uid !== podUid || serviceAccountName !== serviceAccount) return undefined;
  return node === undefined || node === nodeName ? nodeName || undefined : undefined;
}

const workloadsOf = memo(
  (pods: SnapshotObjects['Pod']): ReadonlySet<string> =>
    new Set(
      [...pods.values()].map(({ metadata: { namespace }, spec }) =>
        placeOf(spec?.nodeName ?? '', namespace, spec?.serviceAccountName || 'default'),
      ),
    ),
);

const placeOf = (node: string, namespace: string, serviceAccount: string): string =>
  `${node} ${namespace} ${serviceAccount}`;
