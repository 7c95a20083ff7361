// Where the daemon's authority is kept, and who vouches for bearer tokens: a state directory of its own, or the cluster, which
// all replicas share.
import { directoryStore } from '../../ca/store/storage.ts';
import type { AuthorityStore } from '../../ca/store/authority-store.ts';
import { sharedStore } from '../../ca/store/shared-store.ts';
import { secretRecord } from '../../controllers/secret-record.ts';
import { tokenReviewer } from '../../controllers/token-review.ts';
import type { OnRejected } from './rejected-credentials.ts';
import { directoryTokens, tokenAudience } from './credentials.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';

/** The Secret with the root, under the name of Istio's own, and the one with the state of a rotation. */
export const rootSecretName = 'istio-ca-secret';
export const authoritySecretName = 'keelson-ca';

/** Of tokens that Pods have for the control plane. */
const podAudience = 'istio-ca';

export interface AuthorityPlace {
  /** The directory of YAML, or the cluster, that is the mesh. */
  readonly config: string | KubernetesClient;
  /** Absent: the authority is in the cluster. */
  readonly state: string | undefined;
  readonly systemNamespace: string;
  readonly trustDomain: string;
}

export function authorityStore({
  config,
  state,
  systemNamespace,
}: Omit<AuthorityPlace, 'trustDomain'>): AuthorityStore {
  if (typeof config === 'string' || state !== undefined) return directoryStore(stateOf(state));
  const secret = (name: string, type: string) =>
    secretRecord({ client: config, namespace: systemNamespace, name, type });
  return sharedStore({
    root: secret(rootSecretName, 'istio.io/ca-root'),
    state: secret(authoritySecretName, 'keelson.io/ca'),
  });
}

export interface Tokens {
  /** Throws, or rejects, when nobody can say. */
  readonly verify: (token: string) => Promise<WorkloadIdentity | undefined>;
  /** What the API server knows of a token; absent without one. */
  readonly review: ReturnType<typeof tokenReviewer> | undefined;
}

export async function tokenVerifier(place: AuthorityPlace, onRejected: OnRejected): Promise<Tokens> {
  const { config, state, trustDomain } = place;
  const review =
    typeof config === 'string' ? undefined : tokenReviewer({ client: config, audiences: [podAudience], onRejected });
  const inDirectory = state === undefined ? undefined : await own(state);
  const verify = async (token: string): Promise<WorkloadIdentity | undefined> => {
    const known = inDirectory?.(token);
    if (known !== undefined) return known;
    if (review === undefined) onRejected('token refused');
    const account = await review?.(token);
    return account && { trustDomain, namespace: account.namespace, serviceAccount: account.serviceAccount };
  };
  return { verify, review };
}

async function own(state: string) {
  const tokens = await directoryTokens(state);
  return (token: string): WorkloadIdentity | undefined =>
    tokens.verify(token, { audience: tokenAudience, now: Date.now() });
}

function stateOf(state: string | undefined): string {
  if (state === undefined) throw new Error('a directory of configuration needs a state directory');
  return state;
}
