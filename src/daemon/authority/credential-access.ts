// Who may have the certificates that users put into Secrets. In a cluster the API server knows, as for everybody else; without
// one, gateways may read the Secrets of their own namespace.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../../kubernetes/resource.ts';
import type { Workload } from '../../model/external/secret-source.ts';

export type MayReadSecret = (workload: Workload, namespace: string) => boolean | Promise<boolean>;

/** How long an answer of the API server holds, in milliseconds. */
const validity = 60_000;
/** More answers than this are not remembered. */
const mostAnswers = 10_000;

const reviews: ResourceType = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
  namespaced: false,
};

/** `config` is the directory or the cluster that the mesh is read from. */
export const secretAccess = (config: string | KubernetesClient, now: () => number = Date.now): MayReadSecret =>
  typeof config === 'string' ? ownRouter : reviewed(config, now);

const ownRouter: MayReadSecret = ({ identity, node }, namespace) =>
  node.id.startsWith('router~') && identity.namespace === namespace;

interface Answer {
  readonly until: number;
  readonly allowed: Promise<boolean>;
}

/** Whoever may list the Secrets of a namespace may have each of them. A question that failed is asked again. */
function reviewed(client: KubernetesClient, now: () => number): MayReadSecret {
  const answers = new Map<string, Answer>();
  return ({ identity }, namespace) => {
    const user = `system:serviceaccount:${identity.namespace}:${identity.serviceAccount}`;
    const key = `${user} ${namespace}`;
    const known = answers.get(key);
    if (known !== undefined && known.until > now()) return known.allowed;
    if (answers.size >= mostAnswers) answers.clear();
    const answer = { until: now() + validity, allowed: review(client, user, identity.namespace, namespace) };
    answers.set(key, answer);
    answer.allowed.catch(() => answers.get(key) === answer && answers.delete(key));
    return answer.allowed;
  };
}

async function review(client: KubernetesClient, user: string, home: string, namespace: string): Promise<boolean> {
  const asked = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${home}`, 'system:authenticated'],
      resourceAttributes: { namespace, verb: 'list', resource: 'secrets', version: 'v1' },
    },
  };
  const { status } = await client.create<KubernetesObject>(reviews, asked);
  return typeof status === 'object' && status !== null && 'allowed' in status && status.allowed === true;
}
